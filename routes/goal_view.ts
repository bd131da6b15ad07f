/** A goal as the API shows it. */
import { z } from "@hono/zod-openapi";
import { goalSummary, goalView } from "../actors/goal.ts";
import type { GetOptions } from "../actors/runtime/api.ts";
import { BlockedError, NotFoundError } from "../actors/runtime/errors.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { gateAddress } from "../machines/gate.ts";
import { type Answer, answer } from "./answer.ts";
import type { Api } from "./endpoint.ts";
import { goalAddressOf } from "./goal_address.ts";
import { GoalId } from "./goal_body.ts";
import { iso, withIsoTimes } from "./lib/times.ts";
import { etagOf, Time } from "./render.ts";

/** States in which a goal may wait for its session. */
const MAY_WAIT: readonly string[] = ["waitingForSession", "active.iterating"];

export const GoalStatus = z.enum([
  "waitingForSession",
  "active",
  "paused",
  "complete",
  "timeout",
  "cancelled",
]);

const StepKind = z.enum(["iteration", "last", "audit"]);
const Stopped = z.enum(["preempted", "paused", "deadline", "cancelled"]).nullable()
  .openapi({ description: "Why it was called off" });

const Step = z.strictObject({
  kind: StepKind,
  task: z.string().openapi({ example: "task:task_goal_V1StGXR8_iteration_3_mkq2m800" }),
  startedAt: Time,
  session: z.string().nullable(),
  stopped: Stopped,
});

const StepDone = z.strictObject({
  kind: StepKind,
  task: z.string(),
  startedAt: Time,
  endedAt: Time,
  workedMs: z.number(),
  state: z.string().openapi({ description: "The task's last state" }),
  error: z.string().nullable(),
  stopped: Stopped,
});

const Claim = z.strictObject({ claimedAt: Time, by: z.string(), summary: z.string() });

const GoalTask = z.looseObject({ envNames: z.array(z.string()) })
  .openapi({ description: "As it was given; values of the environment are not shown" });

const summaryFields = {
  id: GoalId,
  state: z.string().openapi({
    description: "The status; of an active goal also what it does: iterating, delayed, auditing",
    example: "active.iterating",
  }),
  status: GoalStatus,
  why: z.string().openapi({ description: "Why it is where it is, in one sentence" }),
  revision: z.int(),
  objective: z.string(),
  scope: z.string(),
  session: z.string().nullable(),
  agent: z.string().nullable(),
  deadlineAt: Time,
  budget: z.strictObject({ tokens: z.number().nullable(), usd: z.number().nullable() }),
  spent: z.strictObject({ tokens: z.number(), usd: z.number() })
    .openapi({ description: "As the tasks have reported it" }),
  iteration: z.int().openapi({ description: "Iterations begun" }),
  audits: z.int().openapi({ description: "Audits begun" }),
  step: Step.nullable().openapi({ description: "The task that is underway" }),
  last: StepDone.nullable().openapi({ description: "The task that ended last" }),
  lastResult: z.string().openapi({ description: "What the last iteration reported" }),
  claim: Claim.nullable().openapi({ description: "Who says that the objective is reached" }),
  findings: z.array(z.string()).nullable()
    .openapi({ description: "What the last audit found missing; null before there was one" }),
  delay: z.strictObject({ endsAt: Time, reason: z.string().nullable() }).nullable(),
  guards: z.strictObject({
    shortInRow: z.int().openapi({ description: "Short iterations in a row" }),
    unchanged: z.int()
      .openapi({ description: "Iterations since what the audit found changed last" }),
  }),
  paused: z.strictObject({
    reason: z.enum(["person", "budget", "runaway", "noProgress"]),
    detail: z.string().nullable(),
  }).nullable(),
  reason: z.string().nullable().openapi({ description: "Why it was cancelled" }),
  createdBy: z.string().nullable(),
  createdAt: Time,
  updatedAt: Time,
  endedAt: Time.nullable(),
};

/** A goal that this server cannot take over shows only what all actors have. */
const blocked = z.string().optional().openapi({ description: "Why it cannot be taken over" });

export const GoalSummary = z.looseObject({ ...summaryFields, blocked }).openapi("GoalSummary");

export const GoalSchema = z.looseObject({
  ...summaryFields,
  blocked,
  templates: z.strictObject({ continue: z.string(), timeout: z.string(), audit: z.string() }),
  task: GoalTask,
  audit: z.union([z.literal("none"), GoalTask])
    .openapi({ description: "What an audit is, whole: the task with what differs" }),
}).openapi("Goal");

/** A goal's id in a path, whatever its form: one that cannot exist is not found. */
export const goalParams = z.strictObject({
  id: z.string().openapi({ example: "goal_V1StGXR8" }),
});

export type GoalParams = z.infer<typeof goalParams>;

/** A goal whose context is to be read. Throws `NotFoundError` and `BlockedError`. */
export async function readGoal(
  { system }: Api,
  id: string,
  options?: GetOptions,
): Promise<ActorRecord> {
  const record = await system.get(goalAddressOf(id), options);
  if (record.blocked === null) return record;
  throw new BlockedError(`Cannot read goal "${id}": ${record.blocked}`);
}

/** A goal as one of many, without its templates and tasks. */
export function showGoalSummary(record: ActorRecord): JsonObject {
  return shown(record, () => goalSummary(record));
}

/** A goal with its revision as ETag; a new one with its place. */
export function goalAnswer(record: ActorRecord, status = 200): Answer {
  return answerOf(record, shown(record, () => goalView(record)), status);
}

/** The same with who is in the way, where it waits for its session. */
export async function wholeGoal(api: Api, record: ActorRecord): Promise<Answer> {
  if (record.blocked !== null) return goalAnswer(record);
  const { session } = record.context;
  const holder = MAY_WAIT.includes(record.state) && typeof session === "string"
    ? await holderOf(api, session)
    : null;
  const { why } = goalSummary(record, holder);
  return answerOf(record, shown(record, () => ({ ...goalView(record), why: why ?? "" })), 200);
}

function answerOf(record: ActorRecord, goal: JsonObject, status: number): Answer {
  const etag = { etag: etagOf(record.revision) };
  const headers = status === 201 ? { ...etag, location: `/v1/goals/${record.id}` } : etag;
  return answer(goal, { status, headers });
}

async function holderOf({ system }: Api, session: string): Promise<string | null> {
  try {
    const { holder } = (await system.get(gateAddress(session))).context;
    return typeof holder === "string" ? holder : null;
  } catch (error) {
    // Nobody has asked for the session yet.
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}

/** What a definition cannot take over, it cannot read either. */
function shown(record: ActorRecord, view: () => JsonObject): JsonObject {
  const { id, state, revision, blocked, createdAt, updatedAt } = record;
  if (blocked === null) return withIsoTimes(view());
  return { id, state, revision, blocked, createdAt: iso(createdAt), updatedAt: iso(updatedAt) };
}
