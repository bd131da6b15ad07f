/** What can happen to a schedule. All events carry the time at which they apply. */
import type { GateWord } from "./gate.ts";
import type { ActorEnded } from "./lib/builtins.ts";
import type { SchedulePlan } from "./schedule_input.ts";

/** What a job is given. */
export type JobInput = {
  readonly job: string;
  /** The slot that it runs for, ms since the epoch. */
  readonly slot: number;
  /** What its last run asked to remember; null before there was one. */
  readonly memory: unknown;
};

/** What a job did. */
export type JobReport = {
  /** One line for people. */
  readonly summary: string;
  /** Handed to the next run: JSON, at most a few KiB. */
  readonly memory?: unknown;
};

export type ScheduleEvent =
  /** Takes the place of the whole plan. */
  | { readonly type: "schedule.configure"; readonly at: number; readonly plan: SchedulePlan }
  | { readonly type: "schedule.pause"; readonly at: number; readonly reason?: string }
  | { readonly type: "schedule.resume"; readonly at: number }
  /** Runs it now, whatever its rule says. */
  | { readonly type: "schedule.run"; readonly at: number }
  | { readonly type: "schedule.delete"; readonly at: number }
  | { readonly type: "schedule.restore"; readonly at: number }
  | GateWord
  | ActorEnded
  | { readonly type: "xstate.done.actor.job"; readonly at: number; readonly output: JobReport }
  | {
    readonly type: "xstate.error.actor.job";
    readonly at: number;
    readonly error: { readonly message: string };
  };

/** What a schedule tells the feed: what became of slots that came due. */
export type ScheduleEmitted = {
  readonly type: "schedule.due";
  /** How many slots came due; `isExact` false where there were too many to count. */
  readonly count: number;
  readonly isExact: boolean;
  /** Those that it is about, ms since the epoch: all others were missed. */
  readonly slots: readonly number[];
  readonly decision: "run" | "queue" | "replace" | "skip" | "miss";
};
