/**
 * What a schedule is told to do, of what a caller asks for: the fields of a body checked as far as
 * no schema can see, and the plan that is in force as a body, for patches.
 */
import type { JsonObject } from "../actors/runtime/json.ts";
import { variablesIn } from "../machines/lib/text_template.ts";
import type { RunTemplate } from "../machines/run_template.ts";
import type { SchedulePlan } from "../machines/schedule_input.ts";
import { SCHEDULE_VARIABLES } from "../machines/schedule_requests.ts";
import type { Api } from "./endpoint.ts";
import { invalidInput, ProblemError } from "./errors.ts";
import { MAX_SCHEDULE_PLAN_BYTES } from "./limits.ts";
import {
  checkVariables,
  type RunTemplateBody,
  runTemplateBodyOf,
  runTemplateOf,
} from "./run_template.ts";
import type { ScheduleBody } from "./schedule_body.ts";
import { checkExpiry, ruleOf } from "./schedule_rule.ts";

const WITHIN = "/task";

/** What is in force, and from when its interval counts, ms since the epoch. */
type InForce = { readonly plan: SchedulePlan; readonly anchor: number };

/**
 * What the machine gets. Throws the problem that says what is wrong. What is as it was `before` may
 * have had its time: a rule with a time that has passed, an expiry, a VM that is over.
 */
export async function planOf(
  api: Api,
  { schedule, task, ...policies }: ScheduleBody,
  before?: InForce,
): Promise<SchedulePlan> {
  const now = api.config.clock.now();
  const rule = ruleOf(schedule, now, before?.plan.rule);
  const isSameRule = before !== undefined && rule === before.plan.rule;
  if (!isSameRule || policies.expiresAt !== before.plan.expiresAt) {
    const anchor = isSameRule ? before.anchor : now;
    checkExpiry(rule, policies.expiresAt, { now, anchor });
  }
  checkTexts(task);
  const template = before && templateOf(before.plan);
  const given = template === undefined ? {} : { before: template };
  return bounded({
    ...policies,
    rule,
    run: { task: await runTemplateOf(api, task, { within: WITHIN, ...given }) },
  });
}

/** The plan as a caller could have given it, with what is hidden from people. */
export function planBodyOf(plan: SchedulePlan): JsonObject {
  const { rule, run: _, ...policies } = plan;
  const template = templateOf(plan);
  const task = template === undefined ? {} : { task: runTemplateBodyOf(template) };
  return { ...policies, schedule: rule, ...task } as unknown as JsonObject;
}

/** Throws where beside the plan there would be no room for what a schedule remembers. */
function bounded(plan: SchedulePlan): SchedulePlan {
  const bytes = new TextEncoder().encode(JSON.stringify(plan)).length;
  if (bytes <= MAX_SCHEDULE_PLAN_BYTES) return plan;
  throw new ProblemError(
    "too-large",
    `Cannot keep a schedule of ${bytes} bytes: the limit is ${MAX_SCHEDULE_PLAN_BYTES}`,
  );
}

function templateOf({ run }: SchedulePlan): RunTemplate | undefined {
  return "task" in run ? run.task : undefined;
}

function checkTexts(task: RunTemplateBody): void {
  checkVariables(task, SCHEDULE_VARIABLES, { within: WITHIN });
  if (task.prompt !== undefined) return;
  const at = task.command.findIndex((part) => variablesIn(part).includes("prompt"));
  if (at === -1) return;
  const detail = "there is no prompt that {{prompt}} could stand for";
  throw invalidInput([{ pointer: `${WITHIN}/command/${at}`, detail }]);
}
