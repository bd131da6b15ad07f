/** What a goal asks of others: a task for each iteration and audit, with the prompt for it. */
import { createActor } from "./lib/builtins.ts";
import { isoOf, spanOf } from "./lib/times.ts";
import { render, type Variables } from "./lib/text_template.ts";
import { goalAddress, type GoalContext, type GoalStep } from "./goal_context.ts";
import { GOAL_RETRY_ON, LAST_ITERATION_MS } from "./goal_input.ts";
import { areTexts, canBeMade, taskOf } from "./run_template.ts";
import { taskAddress } from "./task_context.ts";

type Args = { readonly context: GoalContext };

/** Variables that a goal's templates may name. */
export const GOAL_VARIABLES: readonly string[] = [
  "objective",
  "now",
  "deadline",
  "elapsed",
  "remaining",
  "iteration",
  "lastResult",
  "findings",
  "claim",
  "goal",
  "scope",
];

/**
 * The address of the next step's task. It follows from the step, so that each has one at most, and
 * from its time, so that no other task is taken for it: not one of an earlier goal of this id, nor
 * one that somebody else has made.
 */
export function stepTaskAddress(
  { id, iteration, audits }: GoalContext,
  kind: GoalStep["kind"],
  at: number,
): string {
  const name = kind === "audit" ? `audit_${audits}` : `${kind}_${iteration}`;
  return taskAddress(`task_${id}_${name}_${at.toString(36)}`);
}

/**
 * Makes the task of the step underway, in the same commit; null where it cannot be made, since the
 * texts that it is made of are too long.
 */
export function taskMessage({ context }: Args) {
  const { plan, step, createdBy, id } = context;
  if (step === null) throw new Error("Cannot make a task: no step wants one");
  const { kind, startedAt } = step;
  const base = (kind === "audit" ? plan.audit : plan.task) ?? plan.task;
  const template = plan.templates[TEMPLATES[kind]];
  if (!areTexts([plan.objective, template, ...base.command ?? []])) return null;
  const variables = variablesOf(context, startedAt);
  // A step that was called off may take seconds to die: with one key the next waits for that.
  const key = { name: goalAddress(id) };
  const input = taskOf({ retryOn: GOAL_RETRY_ON, key, ...base }, {
    taskId: step.task.slice(taskAddress("").length),
    parent: goalAddress(id),
    trigger: "goal",
    createdBy,
    at: startedAt,
    session: step.session,
    prompt: render(template, variables),
    timeoutMs: kind === "last" ? LAST_ITERATION_MS : Math.max(1, plan.deadlineAt - startedAt),
    variables,
  });
  return canBeMade(input) ? createActor(input) : null;
}

/** The prompt that the next step of a kind would have, were it to begin now. */
export function nextPrompt(context: GoalContext, kind: GoalStep["kind"], now: number): string {
  const next = kind === "audit" ? context : { ...context, iteration: context.iteration + 1 };
  return render(context.plan.templates[TEMPLATES[kind]], variablesOf(next, now));
}

const TEMPLATES = { iteration: "continue", last: "timeout", audit: "audit" } as const;

function variablesOf(context: GoalContext, now: number): Variables {
  const { plan, createdAt, guard, claim } = context;
  const findings = guard.findings ?? [];
  const values = {
    objective: plan.objective,
    now: isoOf(now),
    deadline: isoOf(plan.deadlineAt),
    elapsed: spanOf(now - createdAt),
    remaining: spanOf(plan.deadlineAt - now),
    iteration: String(context.iteration),
    lastResult: context.lastResult,
    findings: findings.map((finding) => `- ${finding}`).join("\n"),
    claim: claim?.summary ?? "",
    goal: context.id,
    scope: context.scope,
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, withoutReports(value)]),
  );
}

/**
 * A program that repeats its prompt must not report by it what another program has said: its
 * report lines are quoted.
 */
function withoutReports(text: string): string {
  return text.replace(/^(\s*)@holdfast/gm, "$1> @holdfast");
}
