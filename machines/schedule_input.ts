/**
 * What a schedule is asked to do: its rule, its policies, and what each run is. Checking it is the
 * edge's work; here it is trusted.
 */
import type { ScheduleRule } from "./lib/schedule_rule.ts";
import type { RunTemplate } from "./run_template.ts";

/** What becomes of a slot that comes while a run is underway. */
export type Overlap = "skip" | "queue" | "replace";

/** What becomes of slots that passed while no server ran. */
export type CatchUp = "latest" | "all" | "none";

/** Who may change a schedule, beside its creator. */
export type ManageMode = "creatorOnly" | "scopeAll";

/** A task, or a job of the system by its name. */
export type ScheduleRun = { readonly task: RunTemplate } | { readonly job: string };

/** What can be changed of a schedule. */
export type SchedulePlan = {
  readonly name: string;
  readonly rule: ScheduleRule;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  /** Runs after which it pauses; null for no limit. */
  readonly maxRuns: number | null;
  /** No slot later than this runs, ms since the epoch; null for never. */
  readonly expiresAt: number | null;
  /** A new session for each run; else the last one is resumed. */
  readonly fresh: boolean;
  /** The session of the first run; null for a new one. */
  readonly session: string | null;
  readonly manageMode: ManageMode;
  readonly run: ScheduleRun;
};

export type ScheduleInput = {
  readonly id: string;
  readonly plan: SchedulePlan;
  readonly scope?: string;
  readonly createdBy?: string;
  /** Ms since the epoch. */
  readonly createdAt: number;
  /** When it was made, ms since the epoch; the runtime fills it in. */
  readonly at?: number;
};

/** What holds for a schedule that does not say otherwise. */
export const PLAN_DEFAULTS = {
  overlap: "skip",
  catchUp: "latest",
  maxRuns: null,
  expiresAt: null,
  fresh: false,
  session: null,
  manageMode: "creatorOnly",
} as const satisfies Partial<SchedulePlan>;

/** Slots of a downtime that `catchUp: "all"` runs at most, and that wait in a queue at most. */
export const MAX_WAITING_SLOTS = 100;
/**
 * How far a clock may be set back for a schedule to wait until it shows times that are new. Set
 * back further it was wrong before, and slots count from what it shows now; a slot's task, which
 * exists already, is not made again.
 */
export const MAX_SET_BACK_MS = 24 * 60 * 60_000;
/** A slot that is later than this was missed. */
export const MISSED_AFTER_MS = 2 * 60_000;
/** Failures in a row after which a schedule pauses. */
export const MAX_FAILURES_IN_ROW = 3;
/** How long after a claim that found its session busy it is tried again. */
export const SESSION_RETRY_MS = 10_000;
/** How long a deleted schedule is kept. */
export const PURGE_AFTER_MS = 30 * 24 * 60 * 60_000;
/** What is kept of a run's result, characters. */
export const MAX_RESULT_CHARS = 2_000;
