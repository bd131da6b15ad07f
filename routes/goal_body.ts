/** A goal as callers ask for it, and what they change of it: every field, its form and its bound. */
import { z } from "@hono/zod-openapi";
import { templateFaults } from "../actors/goal_templates.ts";
import { GOAL_VARIABLES } from "../machines/goal_requests.ts";
import { MAX_DELAY_S, MIN_DELAY_S } from "../machines/goal_input.ts";
import { CallerName } from "./caller.ts";
import { Instant, Name, SessionKey, Text } from "./fields.ts";
import { MAX_BUDGET_TOKENS, MAX_BUDGET_USD, MAX_KEPT_TEXT_BYTES } from "./limits.ts";
import { RunTemplateBody } from "./run_template.ts";

/** Short enough for the ids of its tasks and their VMs, which are made of it. */
export const GoalId = z.string()
  .regex(/^goal_[A-Za-z0-9_-]{1,28}$/, 'want "goal_" and an id of up to 28 letters, digits, _ -')
  .openapi({ example: "goal_V1StGXR8" });

const Objective = Text
  .refine((text) => text.trim() !== "", "must not be empty")
  .refine(
    (text) => new TextEncoder().encode(text).length <= MAX_KEPT_TEXT_BYTES,
    `at most ${MAX_KEPT_TEXT_BYTES} bytes`,
  )
  .openapi({ example: "All tests pass, and the README says how to run them" });

const Deadline = Instant.openapi({
  description: "ISO 8601, or ms since the epoch; by default in 48 hours",
});

const Tokens = z.int().min(1).max(MAX_BUDGET_TOKENS).nullable();
const Usd = z.number().positive().max(MAX_BUDGET_USD).nullable();

export const GoalBudgetBody = z.strictObject({
  tokens: Tokens.optional(),
  usd: Usd.optional(),
}).openapi("GoalBudget", {
  description: "What iterations and audits may use together, as their tasks report it",
});

const Template = Text.check(({ value, issues }) => {
  for (const message of templateFaults(value)) {
    issues.push({ code: "custom", input: value, path: [], message });
  }
}).openapi({ description: `May name ${GOAL_VARIABLES.map((name) => `{{${name}}}`).join(", ")}` });

const templateFields = {
  continue: Template.openapi({ description: "The prompt of each iteration" }),
  timeout: Template.openapi({ description: "The prompt of the last one, after the deadline" }),
  audit: Template.openapi({ description: "The prompt of an audit" }),
};

export const GoalTemplatesBody = z.strictObject(templateFields).partial().openapi("GoalTemplates", {
  description: "By default the texts in the data directory, else those of Holdfast",
});

const Overrides = z.record(z.string(), z.unknown());

const Audit = z.union([z.literal("none"), Overrides]).openapi({
  description: '"none": a claim is believed. Else a JSON merge patch of `task`, for audits',
});

export const NewGoal = z.strictObject({
  id: GoalId.optional().openapi({ description: "By default the server makes one" }),
  objective: Objective,
  deadlineAt: Deadline.optional(),
  scope: CallerName.optional().openapi({
    description: "One goal at a time works in a scope; by default the caller's, else `default`",
  }),
  session: SessionKey.optional()
    .openapi({ description: "The session of all iterations; by default one of their own" }),
  agent: Name.optional().openapi({ description: "As `task.agent`" }),
  budget: GoalBudgetBody.default({}),
  templates: GoalTemplatesBody.default({}),
  task: RunTemplateBody.openapi({ description: "What each iteration is; its prompt is made" }),
  audit: Audit.default({}),
}).openapi("NewGoal");

export type NewGoal = z.infer<typeof NewGoal>;

/** A JSON merge patch: null takes away, so that the default counts. */
export const GoalPatch = z.strictObject({
  objective: Objective.optional(),
  deadlineAt: Deadline.optional(),
  budget: z.strictObject({ tokens: Tokens.optional(), usd: Usd.optional() }).nullable().optional(),
  templates: z.strictObject({
    continue: templateFields.continue.nullable(),
    timeout: templateFields.timeout.nullable(),
    audit: templateFields.audit.nullable(),
  }).partial().nullable().optional(),
  task: Overrides.optional().openapi({ description: "A JSON merge patch of `task`" }),
  audit: Audit.nullable().optional(),
  expectedRevision: z.int().min(0).optional()
    .openapi({ description: "As If-Match: refused with 412 where another is in force" }),
}).openapi("GoalPatch", { description: "A JSON merge patch (RFC 7396)" });

export type GoalPatch = z.infer<typeof GoalPatch>;

const DELAY = `want 0, or a whole number from ${MIN_DELAY_S} to ${MAX_DELAY_S}`;

/** 0 ends a delay. */
export const DelaySeconds = z.int({ error: DELAY }).refine(
  (seconds) => seconds === 0 || seconds >= MIN_DELAY_S && seconds <= MAX_DELAY_S,
  DELAY,
);
