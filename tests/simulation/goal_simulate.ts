/** A few goals from a seed: people and workers, things going wrong, then quiet. */
import { settled } from "./clock.ts";
import { playPeople, resumeAll } from "./goal_people.ts";
import { GoalViolation } from "./goal_violation.ts";
import { GoalWorld } from "./goal_world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Until then things go wrong. */
const TROUBLE_MS = 3 * HOUR;
/** Longer than any deadline is still away then. */
const QUIET_MS = 4 * HOUR;
/** Enough for last iterations of all that was paused. */
const END_MS = HOUR;
/** Things that may happen in one simulation; more is a livelock. */
const MAX_HAPPENINGS = 200_000;
/** Trace lines that a failure shows. */
const SHOWN = 80;

export type GoalResult = {
  seed: number;
  violation: Error | undefined;
  trace: string[];
  goals: number;
  /** How goals ended, with their number. */
  ends: { readonly [state: string]: number };
  iterations: number;
  events: number;
  processes: number;
};

/** Simulates one seed to its end, or to the first promise that is broken. */
export async function simulateGoals(
  seed: number,
  print?: (line: string) => void,
): Promise<GoalResult> {
  const world = new GoalWorld(seed, print);
  const stopListening = catchRejections(world);
  try {
    await run(world);
  } catch (error) {
    world.fail(error);
  } finally {
    stopListening();
    world.process?.die();
  }
  const { violation, checks, events, processes } = world;
  const goals = [...checks.goals.values()];
  const ends = Object.fromEntries(
    [...Map.groupBy(goals, ({ state }) => state)].map(([state, list]) => [state, list.length]),
  );
  const iterations = goals.reduce((sum, goal) => sum + goal.iterations, 0);
  const counts = { goals: goals.length, ends, iterations, events, processes };
  return { seed, violation, trace: world.trace.last(SHOWN), ...counts };
}

async function run(world: GoalWorld): Promise<void> {
  void world.boot();
  for (const part of [playPeople, killNowAndThen, setClock, watchTimes]) {
    part(world).catch((error) => world.fail(error));
  }
  await pass(world, TROUBLE_MS);
  world.calm();
  await pass(world, QUIET_MS);
  world.check(() => world.checks.atRest({ mayPause: true }));
  if (world.violation !== undefined) return;
  resumeAll(world).catch((error) => world.fail(error));
  await pass(world, END_MS);
  world.check(() => world.checks.atRest({ mayPause: false }));
  const [letter] = await world.deadLetters();
  if (letter !== undefined) {
    world.fail(new GoalViolation(`nobody took ${letter.event} to ${letter.address}`));
  }
  await foldAll(world);
}

/** What is stored of each goal and gate is what its history comes to. */
async function foldAll(world: GoalWorld): Promise<void> {
  const { system } = await world.up();
  for (const kind of ["goal", "gate"]) {
    const { items } = await system.list(kind, { limit: 200 });
    for (const { address, revision, state, context } of items) {
      const folded = await system.at(address, revision);
      if (JSON.stringify([folded.state, folded.context]) === JSON.stringify([state, context])) {
        continue;
      }
      world.fail(new GoalViolation(`${address} is not what its history comes to`));
    }
  }
}

/** Lets so much time pass, and all happen that happens in it. */
async function pass(world: GoalWorld, ms: number): Promise<void> {
  const { clock } = world;
  const until = clock.elapsed + ms;
  let isOver = false;
  clock.after(ms, world.nature, () => isOver = true);
  await settled();
  for (let count = 0; !isOver && world.violation === undefined; count++) {
    if (!await clock.step()) return world.fail(new GoalViolation("nothing happens any more"));
    if (count > MAX_HAPPENINGS) {
      return world.fail(new GoalViolation(`it does not come to rest before ${until}`));
    }
  }
}

async function killNowAndThen(world: GoalWorld): Promise<void> {
  const { random } = world;
  while (!world.isCalm) {
    await world.sleep(random.int(1, 2 * HOUR));
    const process = await world.up();
    if (!world.isCalm) world.kill(process, "killed");
  }
}

async function setClock(world: GoalWorld): Promise<void> {
  const { random } = world;
  while (!world.isCalm) {
    await world.sleep(random.int(1, 6 * HOUR));
    if (!world.isCalm) world.jump(random.int(-HOUR, HOUR));
  }
}

async function watchTimes(world: GoalWorld): Promise<void> {
  for (;;) {
    await world.sleep(5 * MINUTE);
    await world.up();
    world.check(() => world.checks.inTime());
  }
}

/** A promise that fails and is heard by nobody would end a real process. */
function catchRejections(world: GoalWorld): () => void {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    world.fail(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return () => globalThis.removeEventListener("unhandledrejection", listener);
}
