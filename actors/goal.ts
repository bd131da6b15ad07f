/** The goal as a kind: its statechart, its names, its view, and who is told of its end. */
import { goalMachine } from "../machines/goal.ts";
import type { GoalContext } from "../machines/goal_context.ts";
import { whyOf } from "./goal_why.ts";
import { LAST_ITERATION_MS } from "../machines/goal_input.ts";
import type { Notify } from "./notify.ts";
import type { Json, JsonObject } from "./runtime/json.ts";
import type { ActorRecord, Hook, KindDefinition, Vitals } from "./runtime/kind.ts";
import { shownTask } from "./schedule.ts";
import { child, topOf } from "./state_value.ts";

export const GOAL_KIND = "goal";

/** What goals are told with. */
export type GoalKindOptions = {
  /** Takes word of goals that pause by themselves or end. */
  notify?: Notify;
  /** Takes secrets out of a text. */
  redact?: (text: string) => string;
};

/** Makes the kind `goal`. */
export function createGoalKind(
  { notify = () => {}, redact }: GoalKindOptions = {},
): KindDefinition {
  return {
    name: GOAL_KIND,
    version: 1,
    machine: goalMachine,
    state: goalState,
    view: goalView,
    vitals: goalVitals,
    index: ({ context }) => {
      const { scope } = asGoal(context);
      return { scope };
    },
    hooks: ["paused", "complete", "timeout"].map((to) => notifyOf(to, notify)),
    conceal: ["env"],
    ...(redact === undefined ? {} : { redact }),
  };
}

/** `waitingForSession`, `active.iterating`, `active.delayed`, `active.auditing`, `paused`, … */
export function goalState(value: Json): string {
  const active = child(value, "active");
  return active === undefined ? topOf(value) : `active.${topOf(active)}`;
}

/** `waitingForSession`, `active`, `paused`, `complete`, `timeout` or `cancelled`. */
export function goalStatus(state: string): string {
  return state.split(".")[0] ?? state;
}

/** Everything that a user may see. Values of the environment are not shown, only their names. */
export function goalView(record: ActorRecord): JsonObject {
  const { plan } = asGoal(record.context);
  return {
    ...goalSummary(record),
    templates: plan.templates,
    task: shownTask(plan.task),
    audit: plan.audit === null ? "none" : shownTask(plan.audit),
  } as unknown as JsonObject;
}

/**
 * A goal as one of many, without its templates and tasks. `holder` is who holds the session that it
 * waits for, where it is known.
 */
export function goalSummary(record: ActorRecord, holder?: string | null): JsonObject {
  const context = asGoal(record.context);
  const { plan, claim, delay, guard, spent } = context;
  return {
    id: context.id,
    state: record.state,
    status: goalStatus(record.state),
    why: whyOf(context, record.state, holder),
    revision: record.revision,
    objective: plan.objective,
    scope: context.scope,
    session: context.session,
    agent: plan.task.agent ?? null,
    deadlineAt: plan.deadlineAt,
    budget: plan.budget,
    spent: { tokens: spent.tokens, usd: spent.costUsd },
    iteration: context.iteration,
    audits: context.audits,
    step: context.step,
    last: context.last,
    lastResult: context.lastResult,
    claim: claim === null ? null : { claimedAt: claim.at, by: claim.by, summary: claim.summary },
    findings: guard.findings,
    delay: delay === null ? null : { endsAt: delay.until, reason: delay.reason },
    guards: { shortInRow: guard.shortInRow, unchanged: guard.unchanged },
    paused: context.paused,
    reason: context.reason,
    createdBy: context.createdBy,
    createdAt: context.createdAt,
    updatedAt: record.updatedAt,
    endedAt: context.endedAt,
  } as unknown as JsonObject;
}

/**
 * Until its deadline for all that it does, but for the last iteration, which comes after it. One
 * that is paused has no limit.
 */
export function goalVitals(record: ActorRecord): Vitals {
  const { plan, step } = asGoal(record.context);
  if (record.state === "paused") return {};
  const iterating = child(child(record.value, "active"), "iterating");
  const isLast = iterating !== undefined && topOf(iterating) === "last";
  if (!isLast) return { limitAt: plan.deadlineAt };
  return step === null ? {} : { limitAt: step.startedAt + LAST_ITERATION_MS };
}

/** Only this kind's machine writes these records, so that their context is a goal's. */
export function asGoal(context: JsonObject): GoalContext {
  return context as unknown as GoalContext;
}

function notifyOf(to: string, notify: Notify): Hook {
  return {
    name: `notify_${to}`,
    priority: 50,
    mode: "async",
    on: { to },
    run: ({ record, signal }) => {
      const { paused, plan, claim } = asGoal(record.context);
      // Who paused it knows.
      if (to === "paused" && paused?.reason === "person") return;
      const why = to === "paused" ? paused?.detail : to === "complete" ? claim?.summary : null;
      const reason = [plan.objective, why].filter((text) => text).join(": ");
      return notify({ type: `goal.${to}`, address: record.address, reason }, signal);
    },
  };
}
