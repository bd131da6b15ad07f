/** What a schedule remembers. How it changes is in `schedule_changes.ts`. */
import { firstSlot } from "./schedule_slots.ts";
import type { ScheduleInput, SchedulePlan } from "./schedule_input.ts";

/** Why a schedule is paused. */
export type PauseReason =
  | "person"
  | "maxRuns"
  | "failures"
  /** Its rule has no slot any more. */
  | "finished"
  /** Its rule has no slot before it expires. */
  | "expired";

/** A slot that is to run. */
export type Slot = {
  /** Ms since the epoch. */
  readonly at: number;
  /** Somebody asked for it; the rule has no such slot. */
  readonly isManual: boolean;
};

/** The run underway. */
export type ScheduleRunNow = Slot & {
  /** Address of its task; null for a job. */
  readonly task: string | null;
  readonly session: string | null;
  /** Whether the next run goes on with its session; not once another was chosen for that. */
  readonly isContinued: boolean;
  readonly startedAt: number;
  /** Why it was called off. */
  readonly stopped: "preempted" | "replaced" | "deleted" | null;
};

/** A run that has ended. */
export type ScheduleRunDone = Slot & {
  readonly task: string | null;
  readonly session: string | null;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: "succeeded" | "failed" | "preempted" | "replaced" | "deleted";
  /** What came of it, shortened. */
  readonly result: string;
  readonly error: string | null;
};

/** How often what has happened. */
export type ScheduleCounts = {
  readonly runs: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Slots that came due while a run was underway, or were given up while they waited. */
  readonly skipped: number;
  /** Slots that passed unseen. */
  readonly missed: number;
  readonly failuresInRow: number;
};

export type ScheduleContext = {
  readonly id: string;
  readonly scope: string;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly plan: SchedulePlan;
  /** From when an interval counts, ms since the epoch. */
  readonly anchor: number;
  /** Null where there is none. */
  readonly nextSlot: number | null;
  /** The newest slots that were taken, of the rule and of people: none is taken twice. */
  readonly taken: { readonly slot: number | null; readonly manual: number | null };
  readonly queue: readonly Slot[];
  readonly run: ScheduleRunNow | null;
  readonly counts: ScheduleCounts;
  readonly last: ScheduleRunDone | null;
  /** The session of the last run that had one. */
  readonly lastSession: string | null;
  readonly paused: { readonly reason: PauseReason; readonly detail: string | null } | null;
  readonly deletedAt: number | null;
  /** What the job's last run asked to remember. */
  readonly memory: unknown;
};

/** The scope of what nobody has put into one. */
export const DEFAULT_SCOPE = "default";

export function newContext(input: ScheduleInput): ScheduleContext {
  const { id, plan } = input;
  const createdAt = input.at ?? input.createdAt;
  return {
    id,
    scope: input.scope ?? DEFAULT_SCOPE,
    createdBy: input.createdBy ?? null,
    createdAt,
    plan,
    anchor: createdAt,
    nextSlot: firstSlot(plan, createdAt, null),
    taken: { slot: null, manual: null },
    queue: [],
    run: null,
    counts: { runs: 0, succeeded: 0, failed: 0, skipped: 0, missed: 0, failuresInRow: 0 },
    last: null,
    lastSession: null,
    paused: null,
    deletedAt: null,
    memory: null,
  };
}

/** The address of a schedule. */
export function scheduleAddress(id: string): string {
  return `schedule:${id}`;
}
