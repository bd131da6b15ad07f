/**
 * Whatever else happens to a server while its users are at work: it is killed at any moment, cut
 * off, stopped cleanly, its clock is set, its disk fills up, limits are changed, everything is
 * cancelled at once, dead letters are tried again.
 */
import { isAddress } from "../../actors/runtime/address.ts";
import type { Process } from "./process.ts";
import { send } from "./users.ts";
import { hold, Violation } from "./violation.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;

type Prank = { weight: number; allowed: (world: World) => boolean; play(world: World): unknown };

const PRANKS: readonly Prank[] = [
  {
    weight: 2,
    allowed: ({ plan }) => plan.settings.crashes,
    play: (world) => world.kill(world.process, "for no reason"),
  },
  {
    weight: 1,
    allowed: ({ plan }) => plan.settings.crashes,
    play: (world) => world.partition(world.process),
  },
  { weight: 2, allowed: ({ plan }) => plan.settings.stops, play: stop },
  { weight: 2, allowed: ({ plan }) => plan.settings.clockJumps, play: jump },
  {
    weight: 3,
    allowed: ({ plan }) => plan.settings.archives,
    play: retain,
  },
  { weight: 2, allowed: ({ plan }) => plan.settings.storeFailures, play: fill },
  { weight: 3, allowed: () => true, play: setPool },
  { weight: 1, allowed: () => true, play: storm },
  { weight: 3, allowed: () => true, play: retryLetters },
  { weight: 1, allowed: () => true, play: (world) => void (world.release = "now") },
];

/** Plays pranks now and then, until it is told to stop. */
export async function makeMischief(world: World, isOver: () => boolean): Promise<void> {
  const allowed = PRANKS.filter((prank) => prank.allowed(world))
    .flatMap((prank) => Array.from({ length: prank.weight }, () => prank));
  const count = world.random.int(0, 10);
  for (let played = 0; played < count && !isOver(); played++) {
    await world.sleep(world.random.int(5, world.random.chance(0.2) ? 8_000 : 200));
    if (!isOver()) await world.random.pick(allowed).play(world);
  }
}

/** Stops a process cleanly: whoever waits is answered, and nothing of it is left. */
export async function stopCleanly(world: World, process: Process, drainMs: number): Promise<void> {
  if (process.phase !== "ready") return;
  process.phase = "stopping";
  world.trace.note(`${process.name} is stopped, drain ${drainMs} ms`);
  const answer = await process.call((system) => system.stop({ drainMs }));
  if (answer.type === "lost") return;
  if (answer.type === "error" && !process.mayFail) {
    world.fail(new Violation(11, `stop failed: ${answer.error}`));
  }
  // Reads that were under way hear of it a little later.
  await world.sleep(1_000);
  world.check(() => checkStopped(world, process));
  world.kill(process, "stopped");
}

function checkStopped(world: World, process: Process): void {
  const { waiting } = process;
  hold(waiting.length === 0, 11, () => `callers never heard after stop: ${waiting.join("; ")}`);
  const left = world.clock.pendingOf(process);
  hold(left === 0, 11, () => `${left} wake-ups are left after stop`);
}

async function stop(world: World): Promise<void> {
  await stopCleanly(world, world.process, world.random.pick([0, 10, 1_000]));
}

function jump(world: World): void {
  const ms = world.random.chance(0.5)
    ? world.random.int(-5_000, 5_000)
    : world.random.int(-2 * HOUR_MS, 2 * HOUR_MS);
  world.trace.note(`the clock jumps by ${ms} ms`);
  world.clock.jump(ms);
}

/** What was is long ago, and somebody asks for it to be cut, or it comes by itself. */
async function retain(world: World): Promise<void> {
  world.clock.jump(HOUR_MS);
  const { process } = world;
  if (world.random.chance(0.5)) await process.call((system) => system.retain());
}

async function fill(world: World): Promise<void> {
  world.faults.isFull = true;
  await world.sleep(world.random.int(10, 3_000));
  world.faults.isFull = false;
}

async function setPool(world: World): Promise<void> {
  const process = await world.up();
  const name = world.random.pick(["narrow", "wide", "open", "wished", "system"]);
  const limit = world.random.pick([0, 1, 2, 3, null]);
  world.trace.note(`pool ${name} is set to ${limit}`);
  await process.call((system) => system.setPool(name, limit));
}

/** Everything that can be cancelled is, at once. */
async function storm(world: World): Promise<void> {
  const active = [...world.model.actors.values()].filter(({ status }) => status === "active");
  await Promise.all(active.flatMap(({ address, kind }) => {
    if (!isAddress(address) || world.random.chance(0.4)) return [];
    if (kind.name === "slotUser" || kind.name === "worker") {
      return [send(world, address, "cancel", {})];
    }
    return kind.name === "task" ? [send(world, address, "task.cancel", {})] : [];
  }));
}

/** Dead letters are sent again, some of them by two people at once, or dropped. */
async function retryLetters(world: World): Promise<void> {
  const { deadLetters, actors } = world.model;
  const letters = [...deadLetters.values()];
  if (letters.length === 0) return;
  const open = letters.filter(({ address }) => actors.get(address)?.status === "active");
  const { id } = world.random.pick(open.length > 0 ? open : letters);
  const process = await world.up();
  const retry = () => process.call((system) => system.retryDeadLetter(id));
  if (world.random.chance(0.2)) await process.call((system) => system.dropDeadLetter(id));
  else if (world.random.chance(0.4)) await Promise.all([retry(), retry()]);
  else await retry();
}
