/** What can happen to a goal. All events carry the time at which they apply. */
import type { GateWord } from "./gate.ts";
import type { ActorEnded } from "./lib/builtins.ts";
import type { GoalPlan } from "./goal_input.ts";

export type GoalEvent =
  /** Takes the place of the whole plan. */
  | { readonly type: "goal.configure"; readonly at: number; readonly plan: GoalPlan }
  /** Says that the objective is reached; an audit decides. */
  | {
    readonly type: "goal.complete";
    readonly at: number;
    readonly by?: string;
    readonly summary?: string;
  }
  /** Waits before the next iteration; 0 seconds end a wait. */
  | {
    readonly type: "goal.delay";
    readonly at: number;
    readonly seconds: number;
    readonly reason?: string;
  }
  | { readonly type: "goal.pause"; readonly at: number; readonly reason?: string }
  | { readonly type: "goal.resume"; readonly at: number }
  /** The goal's own: its deadline has come. */
  | { readonly type: "goal.deadline"; readonly at: number }
  | { readonly type: "goal.cancel"; readonly at: number; readonly reason?: string }
  | GateWord
  | ActorEnded;

/** What a goal tells the feed beside its transitions. */
export type GoalEmitted =
  | { readonly type: "goal.iteration"; readonly iteration: number; readonly task: string }
  | {
    readonly type: "goal.audited";
    readonly iteration: number;
    readonly confirmed: boolean;
    readonly findings: readonly string[];
  };
