/** Two weeks with 200 VMs from a seed: users at work, things going wrong, then quiet. */
import { settled } from "./clock.ts";
import { playUsers } from "./vm_users.ts";
import { VmViolation } from "./vm_checks.ts";
import { PROVIDERS } from "./vm_host.ts";
import { VmWorld } from "./vm_world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Until then things go wrong. */
const TROUBLE_MS = 14 * DAY;
/** Long enough for whatever hangs to be given up, and for what is owed to be done. */
const QUIET_MS = 12 * HOUR;
/** Things that may happen in one simulation; more is a livelock. */
const MAX_HAPPENINGS = 3_000_000;
/** Trace lines that a failure shows. */
const SHOWN = 60;

export type VmResult = {
  seed: number;
  violation: Error | undefined;
  trace: string[];
  vms: number;
  tasks: number;
  events: number;
  processes: number;
};

/** Simulates one seed to its end, or to the first promise that is broken. */
export async function simulateVms(
  seed: number,
  print?: (line: string) => void,
): Promise<VmResult> {
  const world = new VmWorld(seed, print);
  const stopListening = catchRejections(world);
  try {
    await run(world);
  } catch (error) {
    world.fail(error);
  } finally {
    stopListening();
    world.server?.process.die();
  }
  const { violation, checks, events, processes } = world;
  const counts = { vms: checks.vms.size, tasks: checks.tasks.size, events, processes };
  return { seed, violation, trace: world.trace.last(SHOWN), ...counts };
}

async function run(world: VmWorld): Promise<void> {
  void world.boot();
  const users = playUsers(world);
  users.catch((error) => world.fail(error));
  for (const trouble of [killNowAndThen, silenceProviders, loseVms, setClock]) {
    trouble(world).catch((error) => world.fail(error));
  }
  watchTimes(world).catch((error) => world.fail(error));
  await pass(world, TROUBLE_MS);
  world.isCalm = true;
  world.host.isCalm = true;
  world.trace.note("calm");
  await pass(world, QUIET_MS);
  world.check(() => world.checks.atRest());
  if (world.violation !== undefined) return;
  endAll(world).catch((error) => world.fail(error));
  await pass(world, QUIET_MS);
  world.check(() => world.checks.atRest());
  const [left] = world.host.vms.keys();
  if (left !== undefined) world.fail(new VmViolation(`${left} is left at its provider`));
}

/** Lets so much time pass, and all happen that happens in it. */
async function pass(world: VmWorld, ms: number): Promise<void> {
  const { clock } = world;
  const until = clock.elapsed + ms;
  let isOver = false;
  clock.after(ms, world.nature, () => isOver = true);
  await settled();
  for (let count = 0; !isOver && world.violation === undefined; count++) {
    if (!await clock.step()) return world.fail(new VmViolation("nothing happens any more"));
    if (count > MAX_HAPPENINGS) {
      return world.fail(new VmViolation(`it does not come to rest before ${until}`));
    }
  }
}

async function killNowAndThen(world: VmWorld): Promise<void> {
  const { random } = world;
  while (!world.isCalm) {
    await world.sleep(random.int(1, DAY));
    const { process } = await world.up();
    if (!world.isCalm) world.kill(process, "killed");
  }
}

async function silenceProviders(world: VmWorld): Promise<void> {
  const { random } = world;
  while (!world.isCalm) {
    await world.sleep(random.int(1, 2 * DAY));
    const ms = random.int(1, random.chance(0.2) ? 4 * HOUR : 5 * MINUTE);
    if (!world.isCalm) world.host.silence(random.pick(PROVIDERS), ms);
  }
}

async function loseVms(world: VmWorld): Promise<void> {
  const { random, host } = world;
  while (!world.isCalm) {
    await world.sleep(random.int(1, DAY));
    const ids = [...host.vms.keys()];
    if (world.isCalm || ids.length === 0) continue;
    host.lose(random.pick(ids), random.pick(["gone", "stopped"] as const));
  }
}

async function setClock(world: VmWorld): Promise<void> {
  const { random } = world;
  while (!world.isCalm) {
    await world.sleep(random.int(1, 6 * DAY));
    if (!world.isCalm) world.jump(random.int(1, random.chance(0.5) ? MINUTE : 12 * HOUR));
  }
}

async function watchTimes(world: VmWorld): Promise<void> {
  for (;;) {
    await world.sleep(10 * MINUTE);
    const { system } = await world.up();
    if (system.health().status === "ready") world.check(() => world.checks.inTime());
  }
}

/** Everything is ended, so that nothing may be left. */
async function endAll(world: VmWorld): Promise<void> {
  const { process } = await world.up();
  for (const vmId of world.checks.vms.keys()) {
    await process.call((system) => system.send(`vm:${vmId}`, { type: "vm.recycle" }));
  }
}

/** A promise that fails and is heard by nobody would end a real process. */
function catchRejections(world: VmWorld): () => void {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    world.fail(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return () => globalThis.removeEventListener("unhandledrejection", listener);
}
