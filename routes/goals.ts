/**
 * `/v1/goals`: objectives that are worked on until they are reached: making, listing, showing and
 * changing them. What is done to them otherwise is in `goal_actions.ts`.
 */
import { z } from "@hono/zod-openapi";
import { asGoal, GOAL_KIND } from "../actors/goal.ts";
import { NotAcceptedError, RevisionConflictError } from "../actors/runtime/errors.ts";
import type { ListQuery } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { parseJson } from "./body.ts";
import { callerHeaders, callerOf } from "./caller.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { invalidInput, ProblemError } from "./errors.ts";
import { mountGoalActions } from "./goal_actions.ts";
import { goalAddressOf } from "./goal_address.ts";
import { GoalPatch, NewGoal } from "./goal_body.ts";
import { newPlan, patchedPlan } from "./goal_plan.ts";
import {
  goalAnswer,
  type GoalParams,
  goalParams,
  GoalSchema,
  GoalStatus,
  GoalSummary,
  readGoal,
  showGoalSummary,
  wholeGoal,
} from "./goal_view.ts";
import { keyedMutex } from "./lib/keyed_mutex.ts";
import { MAX_PATCH_TRIES, MAX_WAIT_MS } from "./limits.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { parseInput } from "./validation.ts";
import { whileWanted } from "./waiting.ts";

const DEFAULT_SCOPE = "default";

export function mountGoals(api: Api): void {
  mountCreate(api);
  mountList(api);
  mountGet(api);
  mountPatch(api);
  mountGoalActions(api);
}

function mountCreate(api: Api): void {
  const oneByOne = keyedMutex();
  mount(api, {
    method: "post",
    path: "/v1/goals",
    tag: "Goals",
    summary: "Set a goal",
    description: "It is worked on at once, by one task after the other: those of " +
      "`GET /v1/tasks?parent=goal:ID`. A scope has one goal at a time that has not ended.",
    body: NewGoal,
    headers: callerHeaders,
    answers: { 201: { description: "The new goal", schema: GoalSchema } },
    refusals: [409],
  }, async (call) => {
    const caller = callerOf(call.c);
    const scope = call.body.scope ?? caller.scope ?? DEFAULT_SCOPE;
    const plan = await newPlan(api, call.body);
    // Between looking and making nothing else may look.
    return await oneByOne(scope, async () => {
      await checkScopeIsFree(api, scope);
      const { id = api.system.newId(GOAL_KIND), session } = call.body;
      const createdAt = api.config.clock.now();
      const createdBy = caller.name ?? undefined;
      const input = { id, plan, scope, createdAt, ...defined({ session, createdBy }) };
      return await call.once.commit(
        (options) => api.system.spawn(GOAL_KIND, id, input, options),
        (record) => goalAnswer(record, 201),
      );
    });
  });
}

async function checkScopeIsFree({ system }: Api, scope: string): Promise<void> {
  const index = [{ name: "scope", value: scope }];
  const { items: [there] } = await system.list(GOAL_KIND, { index, status: "active", limit: 1 });
  if (there === undefined) return;
  const { id, state } = there;
  throw new ProblemError(
    "already-exists",
    `Cannot set a second goal in scope "${scope}": goal "${id}" has not ended, its state is ` +
      `"${state}"; wait for its end, cancel it, or name another scope`,
    { members: { goal: id, scope, state } },
  );
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/goals",
    tag: "Goals",
    summary: "List goals",
    query: z.strictObject({
      status: GoalStatus.optional(),
      scope: z.string().min(1).optional(),
      sort: sortField,
      ...pageFields,
    }),
    answers: { 200: { description: "A page of goals", schema: pageOf(GoalSummary) } },
  }, async ({ query: { status: state, scope, ...page } }) => {
    const index = scope === undefined ? [] : [{ name: "scope", value: scope }];
    const list = { ...defined({ state, ...page }), index } as ListQuery;
    return pageAnswer(await api.system.list(GOAL_KIND, list), showGoalSummary);
  });
}

function mountGet(api: Api): void {
  const { system } = api;
  mount(api, {
    method: "get",
    path: "/v1/goals/{id}",
    tag: "Goals",
    summary: "Show a goal, at once or when it has ended",
    params: goalParams,
    query: z.strictObject({
      waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).optional()
        .openapi({ description: "Waits so long at most for the goal to end" }),
    }),
    answers: { 200: { description: "The goal", schema: GoalSchema } },
    refusals: [404, 429],
  }, async ({ c, params, query: { waitMs = 0 } }) => {
    const record = await system.get(goalAddressOf(params.id));
    if (waitMs === 0 || record.status !== "active") return await wholeGoal(api, record);
    return await whileWanted(api, c, async (signal) => {
      return await wholeGoal(api, await endOf(api, record, { timeoutMs: waitMs, signal }));
    });
  });
}

/** The goal when it has ended, or as it is when the time is over. */
async function endOf(
  { system }: Api,
  { address }: ActorRecord,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<ActorRecord> {
  try {
    return await system.waitFor(address, ({ status }) => status !== "active", options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return await system.get(address);
    }
    throw error;
  }
}

function mountPatch(api: Api): void {
  mount(api, {
    method: "patch",
    path: "/v1/goals/{id}",
    tag: "Goals",
    summary: "Change what a goal is asked to reach, and how",
    description: "What is underway goes on as it was begun; what is new counts from the next " +
      "iteration or audit on.",
    params: goalParams,
    body: GoalPatch,
    rawBody: ["application/merge-patch+json", "application/json"],
    answers: { 200: { description: "The goal after it", schema: GoalSchema } },
    refusals: [404, 409, 412],
  }, async (call) => {
    const patch = parseInput(GoalPatch, parseJson(call.raw.text || "{}"), "body");
    const wanted = wantedRevision(call, patch);
    for (let tries = 1;; tries++) {
      try {
        return goalAnswer(await applyPatch(api, call.params.id, { patch, wanted }));
      } catch (error) {
        // The goal has gone on meanwhile; who named no revision means the one that is there now.
        const again = error instanceof RevisionConflictError && wanted === undefined;
        if (!again || tries === MAX_PATCH_TRIES) throw error;
      }
    }
  });
}

/** The revision that the body or `If-Match` names. */
function wantedRevision(
  { expectRevision }: Call<GoalParams, unknown, unknown>,
  { expectedRevision }: GoalPatch,
): number | undefined {
  if (expectRevision === undefined) return expectedRevision;
  if (expectedRevision === undefined || expectedRevision === expectRevision) return expectRevision;
  const detail = `is another than ${expectRevision} in If-Match: name one of them`;
  throw invalidInput([{ pointer: "/expectedRevision", detail }], "contradictory");
}

async function applyPatch(
  api: Api,
  id: string,
  { patch, wanted }: { patch: GoalPatch; wanted: number | undefined },
): Promise<ActorRecord> {
  const { system } = api;
  // Values that are hidden from people stay as they are.
  const record = await readGoal(api, id, { unredacted: true });
  const { address, revision, state, status } = record;
  if (status !== "active") throw new NotAcceptedError(address, "goal.configure", state, []);
  if (wanted !== undefined && wanted !== revision) {
    throw new RevisionConflictError(address, wanted, revision);
  }
  const { plan } = asGoal(record.context);
  const event = { type: "goal.configure", plan: await patchedPlan(api, plan, patch) };
  // What was read is what is changed.
  await system.send(address, event, { expectRevision: revision });
  return await system.get(address);
}
