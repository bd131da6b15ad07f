/** What one simulation is made of: all of it follows from the seed, unless somebody says else. */
import type { CrashPoint, Situation } from "./coverage.ts";
import { KIND_NAMES, type KindName } from "./kinds.ts";
import { Random } from "./random.ts";

/** Where a process is to die: the first time that this effect is in that state at that point. */
export type Aim = { situation: Situation; point: CrashPoint };

/** What may go wrong. */
export const FAULTS = ["crashes", "storeFailures", "clockJumps", "stops", "archives"] as const;

export type FaultSettings = { readonly [Fault in typeof FAULTS[number]]: boolean };

export type Plan = {
  seed: number;
  kinds: readonly KindName[];
  /** Events that each user sends, at most. */
  events: number;
  settings: FaultSettings;
  aims: readonly Aim[];
};

/** The plan that a seed stands for. */
export function planOf(seed: number): Plan {
  const random = new Random(~seed);
  const kinds = new Set<KindName>([
    // Every kind has its turn, whatever chance says.
    KIND_NAMES[seed % KIND_NAMES.length] ?? "life",
    random.pick(KIND_NAMES),
    random.pick(KIND_NAMES),
  ]);
  if (kinds.has("watcher")) kinds.add("life");
  const isRough = random.chance(0.6);
  const settings = {
    crashes: isRough || random.chance(0.7),
    storeFailures: isRough || random.chance(0.3),
    clockJumps: isRough || random.chance(0.3),
    stops: isRough || random.chance(0.3),
    archives: random.chance(0.3),
  };
  return { seed, kinds: [...kinds], events: random.int(2, 12), settings, aims: [] };
}

/** The command that runs a plan again. */
export function commandOf(plan: Plan): string {
  const { seed, kinds, events, settings, aims } = plan;
  const usual = planOf(seed);
  const without = FAULTS.filter((fault) => usual.settings[fault] && !settings[fault]);
  return [
    `deno task sim --seed ${seed}`,
    kinds.join() === usual.kinds.join() ? "" : `--kinds ${kinds.join()}`,
    events === usual.events ? "" : `--events ${events}`,
    without.length === 0 ? "" : `--without ${without.join()}`,
    ...aims.map(({ situation, point }) => `--aim "${situation} @ ${point}"`),
    "--verbose",
  ].filter((part) => part !== "").join(" ");
}
