/** What a goal remembers. How it changes is in `goal_changes.ts`. */
import type { GoalInput, GoalPlan } from "./goal_input.ts";

/** Why a goal is paused. */
export type GoalPauseReason =
  | "person"
  | "budget"
  /** Too many short iterations in a row. */
  | "runaway"
  /** What the audit found has not changed for too long. */
  | "noProgress";

/** The task that is underway for a goal. */
export type GoalStep = {
  readonly kind: "iteration" | "last" | "audit";
  readonly task: string;
  readonly startedAt: number;
  readonly session: string | null;
  /** Why it was called off. */
  readonly stopped: "preempted" | "paused" | "deadline" | "cancelled" | null;
};

/** The step that ended last. */
export type GoalStepDone = {
  readonly kind: GoalStep["kind"];
  readonly task: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly workedMs: number;
  /** The task's last state. */
  readonly state: string;
  readonly error: string | null;
  readonly stopped: GoalStep["stopped"];
};

/** Somebody says that the objective is reached. */
export type GoalClaim = {
  readonly at: number;
  readonly by: string;
  readonly summary: string;
};

/** What keeps a goal from going on for ever. */
export type GoalGuard = {
  readonly shortInRow: number;
  /** Iterations since what the audit found changed last. */
  readonly unchanged: number;
  /** What the last audit found missing; null before there was one. */
  readonly findings: readonly string[] | null;
};

export type GoalContext = {
  readonly id: string;
  readonly scope: string;
  readonly session: string | null;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly plan: GoalPlan;
  /** Iterations begun. */
  readonly iteration: number;
  /** Audits begun. */
  readonly audits: number;
  readonly step: GoalStep | null;
  readonly last: GoalStepDone | null;
  readonly lastResult: string;
  readonly claim: GoalClaim | null;
  readonly delay: { readonly until: number; readonly reason: string | null } | null;
  readonly guard: GoalGuard;
  readonly spent: { readonly tokens: number; readonly costUsd: number };
  readonly paused: { readonly reason: GoalPauseReason; readonly detail: string | null } | null;
  readonly endedAt: number | null;
  /** Why it was cancelled. */
  readonly reason: string | null;
};

export const NO_GUARD: GoalGuard = { shortInRow: 0, unchanged: 0, findings: null };

/** The scope of what nobody has put into one. */
const DEFAULT_SCOPE = "default";

export function newContext(input: GoalInput): GoalContext {
  return {
    id: input.id,
    scope: input.scope ?? DEFAULT_SCOPE,
    session: input.session ?? null,
    createdBy: input.createdBy ?? null,
    createdAt: input.at ?? input.createdAt,
    plan: input.plan,
    iteration: 0,
    audits: 0,
    step: null,
    last: null,
    lastResult: "",
    claim: null,
    delay: null,
    guard: NO_GUARD,
    spent: { tokens: 0, costUsd: 0 },
    paused: null,
    endedAt: null,
    reason: null,
  };
}

/** The address of a goal. */
export function goalAddress(id: string): string {
  return `goal:${id}`;
}
