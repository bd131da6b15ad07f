/** A system over a memory store and a clock of the test's own, and its restarts. */
import type { SystemOptions } from "../../actors/runtime/api.ts";
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { createSystem, type RecoveryReport, type System } from "../../actors/runtime/system.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import { ManualClock } from "./manual_clock.ts";

export type World = {
  system: System;
  store: MemoryStore;
  clock: ManualClock;
  report: RecoveryReport;
  /** Drops the system as a crash would and starts another on what was committed. */
  crash(kinds?: readonly KindDefinition[]): Promise<World>;
};

type Options = Partial<Omit<SystemOptions, "kinds" | "clock">> & {
  store?: MemoryStore;
  clock?: ManualClock;
};

/** Starts a system with the given kinds. */
export async function startWorld(
  kinds: readonly KindDefinition[],
  options: Options = {},
): Promise<World> {
  const clock = options.clock ?? new ManualClock();
  const store = options.store ?? new MemoryStore();
  let count = 0;
  let isAlive = true;
  const system = createSystem({
    random: () => 0.5,
    ids: () => `id${count++}`,
    ...options,
    store,
    kinds,
    clock: {
      now: () => clock.now(),
      wake: (at, run) => clock.wake(at, () => isAlive && run()),
      soon: (run) => clock.soon(() => isAlive && run()),
    },
  });
  const starting = system.start();
  await clock.settle();
  const report = await starting;
  return {
    system,
    store,
    clock,
    report,
    crash: (next = kinds) => {
      isAlive = false;
      const again = store.reopen();
      return startWorld(next, { ...options, store: again, clock });
    },
  };
}
