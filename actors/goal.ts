/** The goal as a kind: its statechart, its names, its view, and who is told of its end. */
import { goalMachine } from "../machines/goal.ts";
import type { GoalContext } from "../machines/goal_context.ts";
import type { Notify } from "./notify.ts";
import type { Json, JsonObject } from "./runtime/json.ts";
import type { ActorRecord, Hook, KindDefinition } from "./runtime/kind.ts";
import { shownTask } from "./schedule.ts";
import { child, topOf } from "./state_value.ts";

export const GOAL_KIND = "goal";

export type GoalKindOptions = {
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

/** Everything that a user may see. Values of the environment are not shown, only their names. */
export function goalView(record: ActorRecord): JsonObject {
  const { plan, ...context } = asGoal(record.context);
  return {
    ...context,
    ...plan,
    task: shownTask(plan.task),
    audit: plan.audit === null ? "none" : shownTask(plan.audit),
    state: record.state,
    revision: record.revision,
    updatedAt: record.updatedAt,
  } as unknown as JsonObject;
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
