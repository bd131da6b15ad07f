/** Schedules from a seed for hours to a year: users at work, a server that dies, then quiet. */
import { settled } from "./clock.ts";
import { ScheduleUsers, type Span, SPANS } from "./schedule_users.ts";
import { ScheduleViolation } from "./schedule_violation.ts";
import { ScheduleWorld, type ScheduleWorldOptions } from "./schedule_world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Long enough for whatever hangs to be given up. */
const QUIET_MS = 3 * HOUR;
/** Things that may happen in one simulation; more is a livelock. */
const MAX_HAPPENINGS = 100_000;
/** Trace lines that a failure shows. */
const SHOWN = 60;
/** Days on which clocks change in some zone, in 2030. */
const CHANGES = [
  Date.UTC(2030, 2, 9),
  Date.UTC(2030, 2, 30),
  Date.UTC(2030, 3, 6),
  Date.UTC(2030, 9, 5),
  Date.UTC(2030, 9, 26),
  Date.UTC(2030, 10, 2),
];

export type ScheduleResult = {
  seed: number;
  violation: Error | undefined;
  trace: string[];
  slots: number;
  runs: number;
  events: number;
  crashes: number;
};

/** Simulates one seed to its end, or to the first promise that is broken. */
export async function simulateSchedules(
  seed: number,
  options: ScheduleWorldOptions,
): Promise<ScheduleResult> {
  const world = new ScheduleWorld(seed, options);
  const stopListening = catchRejections(world);
  try {
    await run(world);
  } catch (error) {
    world.fail(error);
  } finally {
    stopListening();
    world.process?.die();
  }
  const { violation, checks: { slots, runs }, events, crashes } = world;
  return { seed, violation, trace: world.trace.last(SHOWN), slots, runs, events, crashes };
}

async function run(world: ScheduleWorld): Promise<void> {
  const { random, clock } = world;
  const span = random.pick(SPANS);
  world.downMs = Math.floor(span.ms / 4);
  world.longMs = Math.floor(span.ms / 5);
  // Half of them meet a change of the clocks.
  const begin = random.chance(0.5)
    ? random.pick(CHANGES) - random.int(0, span.ms / 2)
    : clock.now() + random.int(0, 365 * DAY);
  clock.jump(Math.max(0, begin - clock.now()));
  void world.boot();
  const users = new ScheduleUsers(world, span);
  for (const work of [users.live(span.ms), killNowAndThen(world, span), setClock(world, span)]) {
    work.catch((error) => world.fail(error));
  }
  watchTimes(world, span).catch((error) => world.fail(error));
  await pass(world, span.ms);
  world.isCalm = true;
  world.trace.note("calm");
  if (world.process === undefined) await pass(world, world.downMs);
  await pass(world, QUIET_MS);
  world.check(() => world.checks.atRest());
  await world.checkWakes();
}

/** Lets so much time pass, and all happen that happens in it. */
async function pass(world: ScheduleWorld, ms: number): Promise<void> {
  const { clock } = world;
  let isOver = false;
  clock.after(ms, world.nature, () => isOver = true);
  await settled();
  for (let count = 0; !isOver && world.violation === undefined; count++) {
    if (!await clock.step()) return world.fail(new ScheduleViolation("nothing happens any more"));
    if (count > MAX_HAPPENINGS) {
      return world.fail(new ScheduleViolation("it does not come to rest"));
    }
  }
}

/** Each simulation has its crash. */
async function killNowAndThen(world: ScheduleWorld, { ms }: Span): Promise<void> {
  const { random } = world;
  for (let left = random.int(1, 3); left > 0; left--) {
    await world.sleep(random.int(0, Math.floor(ms / 3)));
    if (!world.isCalm) world.kill(world.process, "killed");
  }
}

/** Set forward by more than a slot, set back by less than a day. */
async function setClock(world: ScheduleWorld, { ms }: Span): Promise<void> {
  const { random } = world;
  for (let left = random.int(0, 2); left > 0; left--) {
    await world.sleep(random.int(0, Math.floor(ms / 2)));
    if (world.isCalm) return;
    const most = Math.min(ms / 4, 20 * HOUR);
    world.jump(random.int(random.chance(0.5) ? -most : 0, most));
  }
}

async function watchTimes(world: ScheduleWorld, { ms }: Span): Promise<void> {
  for (;;) {
    await world.sleep(Math.max(MINUTE, Math.floor(ms / 50)));
    if (world.process?.phase !== "ready") continue;
    // What is due at this very moment may still be on its way.
    world.check(() => world.checks.inTime());
    await world.checkWakes();
  }
}

/** A promise that fails and is heard by nobody would end a real process. */
function catchRejections(world: ScheduleWorld): () => void {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    world.fail(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return () => globalThis.removeEventListener("unhandledrejection", listener);
}
