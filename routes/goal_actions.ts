/** `/v1/goals/{id}/…`: complete, delay, pause, resume, cancel, and what the next prompt would be. */
import { z } from "@hono/zod-openapi";
import { asGoal } from "../actors/goal.ts";
import { NotAcceptedError } from "../actors/runtime/errors.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { EventInput } from "../actors/runtime/kind.ts";
import { MAX_FINDING_CHARS } from "../machines/goal_input.ts";
import { nextPrompt } from "../machines/goal_requests.ts";
import { type Answer, answer } from "./answer.ts";
import { callerHeaders, CallerName, callerOf } from "./caller.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";
import { Text } from "./fields.ts";
import { goalAddressOf } from "./goal_address.ts";
import { DelaySeconds } from "./goal_body.ts";
import { goalAnswer, type GoalParams, goalParams, GoalSchema, readGoal } from "./goal_view.ts";
import { defined } from "./paging.ts";

export const Reason = z.strictObject({ reason: Text.max(MAX_FINDING_CHARS).optional() });

/** What is claimed, by whom. */
export const Claim = z.strictObject({
  summary: Text.max(MAX_FINDING_CHARS).optional(),
  by: CallerName.optional().openapi({ description: "Who claims it; by default the caller" }),
});

export const Delay = z.strictObject({
  seconds: DelaySeconds.openapi({ description: "0 ends a delay" }),
  reason: Text.max(MAX_FINDING_CHARS).optional(),
});

/** Which step a template's prompt is for. */
const STEPS = { continue: "iteration", timeout: "last", audit: "audit" } as const;

export function mountGoalActions(api: Api): void {
  mountComplete(api);
  mountAction(api, "delay", { summary: "Let it wait before its next iteration", body: Delay });
  mountAction(api, "pause", { summary: "Pause it; what is underway is called off", body: Reason });
  mountResume(api);
  mountAction(api, "cancel", { summary: "Call it off, for good", body: Reason });
  mountPrompt(api);
}

type Acting<B> = {
  summary: string;
  description?: string;
  body: z.ZodType<B>;
  answer?: string;
};

function mountAction<B extends object>(
  api: Api,
  name: string,
  { summary, description, body, answer = "The goal after it" }: Acting<B>,
  act: (call: Call<GoalParams, unknown, B>) => Promise<Answer> = (call) =>
    sendToGoal(api, call, { type: `goal.${name}`, ...defined(call.body) }),
): void {
  mount(api, {
    method: "post",
    path: `/v1/goals/{id}/${name}`,
    tag: "Goals",
    summary,
    ...defined({ description }),
    params: goalParams,
    body,
    headers: callerHeaders,
    answers: { 200: { description: answer, schema: GoalSchema } },
    refusals: [404, 409, 412],
  }, act);
}

function mountComplete(api: Api): void {
  mountAction(api, "complete", {
    summary: "Claim that the objective is reached",
    description: "An audit decides, after the iteration that is underway; without one the claim " +
      "is believed. It ends a pause and a delay.",
    body: Claim,
    answer: "The goal after it: `claim` is what was claimed, `why` says what decides",
  }, (call) => {
    const { summary, by = callerOf(call.c).name ?? "api" } = call.body;
    return sendToGoal(api, call, { type: "goal.complete", by, ...defined({ summary }) });
  });
}

function mountResume(api: Api): void {
  mountAction(api, "resume", {
    summary: "Let a paused goal go on",
    description: "One whose budget is spent goes on when it has a larger one.",
    body: z.strictObject({}),
  }, async (call) => {
    try {
      return await sendToGoal(api, call, { type: "goal.resume" });
    } catch (error) {
      throw error instanceof NotAcceptedError ? await whyNotResumed(api, error) : error;
    }
  });
}

/** A goal that is paused and cannot be resumed has spent its budget. */
async function whyNotResumed({ system }: Api, error: NotAcceptedError): Promise<Error> {
  const { id, state, context } = await system.get(error.address);
  if (state !== "paused") return error;
  const { spent, plan: { budget } } = asGoal(context);
  const isTokens = budget.tokens !== null && spent.tokens >= budget.tokens;
  const [used, of, field] = isTokens
    ? [spent.tokens, `${budget.tokens} tokens`, "tokens"]
    : [spent.costUsd, `${budget.usd} USD`, "usd"];
  return new ProblemError(
    "not-accepted",
    `Cannot resume goal "${id}": its budget is spent, ${used} of ${of}; give it a larger one ` +
      `first: PATCH /v1/goals/${id} {"budget": {"${field}": …}}`,
    { members: { state, accepts: error.accepts } },
  );
}

function mountPrompt(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/goals/{id}/prompt",
    tag: "Goals",
    summary: "Show what the next prompt would be, were its step to begin now",
    params: goalParams,
    query: z.strictObject({
      kind: z.enum(["continue", "timeout", "audit"]).default("continue"),
    }),
    answers: {
      200: {
        description: "The prompt",
        schema: z.strictObject({
          kind: z.enum(["continue", "timeout", "audit"]),
          revision: z.int(),
          prompt: z.string(),
        }).openapi("GoalPrompt"),
      },
    },
    refusals: [404],
  }, async ({ params, query: { kind } }) => {
    const { context, revision } = await readGoal(api, params.id);
    const prompt = nextPrompt(asGoal(context), STEPS[kind], api.config.clock.now());
    return answer({ kind, revision, prompt } satisfies JsonObject);
  });
}

function sendToGoal(
  { system }: Api,
  { params, once, expectRevision }: Call<GoalParams, unknown, unknown>,
  event: EventInput,
): Promise<Answer> {
  const address = goalAddressOf(params.id);
  return once.commit(
    (options) => system.send(address, event, { ...options, ...defined({ expectRevision }) }),
    (record) => goalAnswer(record),
  );
}
