/**
 * What a goal is asked to reach, put together of what its maker says, what a patch changes and what
 * holds where nothing is said. What is wrong with it beyond the form of its fields is found here.
 */
import type { z } from "@hono/zod-openapi";
import { resolveTemplates, TemplateFileError } from "../actors/goal_templates.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import { MAX_DELAY_MS } from "../actors/runtime/limits.ts";
import { DEADLINE_MS, type GoalPlan, type GoalTemplates } from "../machines/goal_input.ts";
import { GOAL_VARIABLES } from "../machines/goal_requests.ts";
import type { RunTemplate } from "../machines/run_template.ts";
import type { Api } from "./endpoint.ts";
import { type InputFault, invalidInput, ProblemError } from "./errors.ts";
import type { GoalPatch, NewGoal } from "./goal_body.ts";
import { mergePatch, patchBetween } from "./lib/merge_patch.ts";
import { MAX_GOAL_PLAN_BYTES } from "./limits.ts";
import { defined } from "./paging.ts";
import {
  checkVariables,
  RunTemplateBody,
  runTemplateBodyOf,
  runTemplateOf,
} from "./run_template.ts";
import { faultsOf } from "./validation.ts";

const NO_BUDGET = { tokens: null, usd: null };

/** The plan of a new goal. Throws the problem that says what is wrong. */
export async function newPlan(api: Api, body: NewGoal): Promise<GoalPlan> {
  const now = api.config.clock.now();
  checkDeadline(body.deadlineAt, now);
  const task = await templateOf(api, withAgent(body), { within: "/task" });
  return bounded({
    objective: body.objective,
    deadlineAt: body.deadlineAt ?? now + DEADLINE_MS,
    budget: { ...NO_BUDGET, ...defined(body.budget) },
    templates: await templatesOf(api, body.templates),
    task,
    audit: body.audit === "none" ? null : await auditOf(api, task, asJson(body.audit)),
  });
}

/** The plan with a patch applied. Throws the problem that says what is wrong. */
export async function patchedPlan(api: Api, plan: GoalPlan, patch: GoalPatch): Promise<GoalPlan> {
  checkDeadline(patch.deadlineAt, api.config.clock.now());
  const task = patch.task === undefined ? plan.task : await templateOf(
    api,
    mergePatch(runTemplateBodyOf(plan.task), asJson(patch.task)),
    { within: "/task", before: plan.task },
  );
  return bounded({
    objective: patch.objective ?? plan.objective,
    deadlineAt: patch.deadlineAt ?? plan.deadlineAt,
    budget: patch.budget === null ? NO_BUDGET : { ...plan.budget, ...defined(patch.budget ?? {}) },
    templates: await patchedTemplates(api, plan.templates, patch.templates),
    task,
    audit: await patchedAudit(api, plan, { patch, task }),
  });
}

/** Throws where beside the plan there would be no room for what a goal remembers. */
function bounded(plan: GoalPlan): GoalPlan {
  const bytes = new TextEncoder().encode(JSON.stringify(plan)).length;
  if (bytes <= MAX_GOAL_PLAN_BYTES) return plan;
  throw new ProblemError(
    "too-large",
    `Cannot keep a goal of ${bytes} bytes: its objective, templates, task and audit may have ` +
      `${MAX_GOAL_PLAN_BYTES} together`,
  );
}

/** What the agent is called is said once. */
function withAgent({ agent, task }: NewGoal): RunTemplateBody {
  if (agent === undefined) return task;
  if (task.agent === undefined || task.agent === agent) return { ...task, agent };
  const detail = `is another than "${agent}" in /agent: give one of them`;
  throw invalidInput([{ pointer: "/task/agent", detail }], "contradictory");
}

function checkDeadline(deadlineAt: number | undefined, now: number): void {
  if (deadlineAt === undefined) return;
  const detail = deadlineAt <= now
    ? `is not in the future: it is ${new Date(now).toISOString()}`
    : deadlineAt > now + MAX_DELAY_MS
    ? `is too far in the future: want one by ${new Date(now + MAX_DELAY_MS).toISOString()}`
    : undefined;
  if (detail !== undefined) throw invalidInput([{ pointer: "/deadlineAt", detail }]);
}

async function templatesOf(
  { config }: Api,
  given: { readonly [name in keyof GoalTemplates]?: string | undefined },
): Promise<GoalTemplates> {
  try {
    return await resolveTemplates(defined(given), config.templatesDir);
  } catch (error) {
    if (!(error instanceof TemplateFileError)) throw error;
    const advice = `mend the file, or give the goal a template of its own`;
    throw new ProblemError("invalid", `${error.message}; ${advice}`, {
      members: { file: `templates/${error.file}` },
    });
  }
}

/** What is not named stays; null takes the default of today. */
function patchedTemplates(
  api: Api,
  before: GoalTemplates,
  patch: GoalPatch["templates"],
): GoalTemplates | Promise<GoalTemplates> {
  if (patch === undefined) return before;
  const merged = mergePatch({ ...before }, patch === null ? NO_TEMPLATES : defined(patch));
  return templatesOf(api, merged as Partial<GoalTemplates>);
}

const NO_TEMPLATES = { continue: null, timeout: null, audit: null };

type Place = { within: string; before?: RunTemplate };

async function templateOf(api: Api, given: unknown, place: Place): Promise<RunTemplate> {
  const body = parseTemplate(given, place.within);
  if (body.prompt !== undefined) {
    const detail = "a goal makes its prompts of its templates: set those";
    throw invalidInput([{ pointer: `${place.within}/prompt`, detail }]);
  }
  checkVariables(body, GOAL_VARIABLES, place);
  return await runTemplateOf(api, body, place);
}

function parseTemplate(given: unknown, within: string): RunTemplateBody {
  const { data, error } = RunTemplateBody.safeParse(given);
  if (data !== undefined) return data;
  throw invalidInput(faultsWithin(error, within));
}

function faultsWithin(error: z.ZodError, within: string): InputFault[] {
  return faultsOf(error, "body").map((fault) =>
    "pointer" in fault ? { ...fault, pointer: within + fault.pointer } : fault
  );
}

/** An audit is the task with what differs. */
function auditOf(api: Api, task: RunTemplate, overrides: JsonObject): Promise<RunTemplate> {
  const body = mergePatch(runTemplateBodyOf(task), overrides);
  return templateOf(api, body, { within: "/audit", before: task });
}

/** What an audit has that the task has not stays when the task is changed. */
function patchedAudit(
  api: Api,
  plan: GoalPlan,
  { patch: { task: changed, audit }, task }: { patch: GoalPatch; task: RunTemplate },
): RunTemplate | null | Promise<RunTemplate> {
  if (audit === "none") return null;
  if (audit === undefined && (plan.audit === null || changed === undefined)) return plan.audit;
  if (plan.audit === null || audit === null) return auditOf(api, task, asJson(audit ?? {}));
  const own = patchBetween(runTemplateBodyOf(plan.task), runTemplateBodyOf(plan.audit));
  const body = mergePatch(mergePatch(runTemplateBodyOf(task), own), asJson(audit ?? {}));
  return templateOf(api, body, { within: "/audit", before: plan.audit });
}

/** What came as JSON. */
function asJson(given: { readonly [name: string]: unknown }): JsonObject {
  return given as JsonObject;
}
