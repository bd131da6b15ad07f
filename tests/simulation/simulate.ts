/** One simulation, from its seed to its end: users at work, things going wrong, then quiet. */
import { settled } from "./clock.ts";
import { Coverage } from "./coverage.ts";
import { FeedReader } from "./feed_reader.ts";
import { kindFinder } from "./kinds.ts";
import { makeMischief, stopCleanly } from "./mischief.ts";
import { checkQuiet } from "./quiet.ts";
import type { Plan } from "./plan.ts";
import { castRoles } from "./roles.ts";
import { meddle, play } from "./users.ts";
import { Violation } from "./violation.ts";
import { World, type WorldOptions } from "./world.ts";

/** Things that may happen in one simulation; more is a livelock. */
const MAX_HAPPENINGS = 60_000;
/** When nothing happens for so long, nothing is under way. */
const IDLE_MS = 5;
/** When nothing happens for so long, only the runtime's own housekeeping is left. */
const REST_MS = 30 * 60_000;
/** Trace lines that a failure shows. */
const SHOWN = 30;

export type Result = {
  plan: Plan;
  violation: Violation | undefined;
  /** The last happenings before the violation. */
  trace: string[];
  /** Events in the journal, and processes that it took. */
  events: number;
  processes: number;
};

/** Runs a plan. Never throws: what goes wrong is in the result. */
export async function simulate(
  plan: Plan,
  options: { coverage?: Coverage } & Omit<WorldOptions, "findKind"> = {},
): Promise<Result> {
  const { coverage = new Coverage(), ...rest } = options;
  const world = new World(plan, coverage, { findKind: findKind(), ...rest });
  const stopListening = catchRejections(world);
  try {
    await run(world);
  } catch (error) {
    if (error instanceof Violation) world.fail(error);
    else world.fail(new Violation(11, error instanceof Error ? `${error.stack}` : String(error)));
  } finally {
    stopListening();
    world.nature.alive = false;
    world.process.die();
  }
  coverage.takeEdges(world.model.edges);
  return {
    plan,
    violation: world.violation,
    trace: world.trace.last(SHOWN),
    events: world.model.seq,
    processes: world.process.number,
  };
}

async function run(world: World): Promise<void> {
  const { plan, random } = world;
  const readers = [new FeedReader(world), new FeedReader(world, [random.pick(plan.kinds)])];
  let isOver = false;
  void world.boot();
  const roles = castRoles(plan.kinds, random);
  const users = roles.map((role) => play(world, role));
  world.onMoment = (address) => {
    if (!isOver && random.chance(0.2)) meddle(world, address, roles);
  };
  const finished = Promise.all(users).then(() => void (isOver = true));
  const mischief = makeMischief(world, () => isOver);
  const reading = readers.map((reader) => reader.run());
  const guarded = Promise.all([finished, mischief, ...reading]);
  guarded.catch((error) => world.fail(new Violation(11, `a user failed: ${error.stack}`)));
  const isQuietAfter = Promise.all([finished, mischief]).then(() => void calmDown(world, readers));
  isQuietAfter.catch((error) => world.fail(new Violation(11, `a user failed: ${error.stack}`)));
  await happen(world);
  if (world.violation !== undefined) return;
  if (!world.faults.calm) {
    throw new Violation(11, "nothing happens any more, and users still wait");
  }
  await checkAtRest(world, readers);
}

/** Nothing goes wrong from now on, so that everything can come to its end. */
async function calmDown(world: World, readers: readonly FeedReader[]): Promise<void> {
  world.trace.note("calm");
  world.clock.catchUp();
  world.faults.calm = true;
  world.faults.isFull = false;
  world.outside.calmDown();
  for (const reader of readers) reader.settle();
  const process = await world.up();
  for (const name of ["narrow", "wide", "open", "wished", "system"]) {
    await process.call((system) => system.setPool(name, 2));
  }
}

/** Lets things happen until nothing is left to happen. */
async function happen(world: World): Promise<void> {
  await settled();
  for (let count = 0; world.violation === undefined; count++) {
    const { untilNext } = world.clock;
    if (untilNext > IDLE_MS) world.checkIdle();
    if (world.faults.calm && untilNext > REST_MS) return;
    if (!await world.clock.step()) return;
    if (count > MAX_HAPPENINGS) throw new Violation(11, "it does not come to rest");
  }
}

async function checkAtRest(world: World, readers: readonly FeedReader[]): Promise<void> {
  const { process } = world;
  let isChecked = false;
  checkQuiet(world, process).catch((error) => {
    if (error instanceof Violation) return world.fail(error);
    world.fail(new Violation(11, `${error.stack}`));
  }).finally(() => isChecked = true);
  await happen(world);
  if (!isChecked) world.fail(new Violation(11, "it does not answer at rest"));
  for (const reader of readers) {
    const unseen = reader.unseen();
    if (unseen > 0) world.fail(new Violation(7, `a reader has not seen ${unseen} entries`));
  }
  if (world.violation !== undefined) return;
  world.isEnding = true;
  void stopCleanly(world, process, 1_000);
  await happen(world);
}

/** A promise that fails and is heard by nobody would end a real process. */
function catchRejections(world: World): () => void {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    const { reason } = event;
    const detail = reason instanceof Error ? reason.stack : String(reason);
    world.fail(new Violation(11, `a promise failed and nobody heard: ${detail}`));
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return () => globalThis.removeEventListener("unhandledrejection", listener);
}

let finder: ReturnType<typeof kindFinder> | undefined;

/** Machines never change: the model's are made once for all seeds. */
function findKind(): ReturnType<typeof kindFinder> {
  finder ??= kindFinder();
  return finder;
}
