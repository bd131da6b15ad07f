/** `/v1/tasks/bulk`: one action on many tasks, named or found, each with an outcome of its own. */
import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { PAGE_MAX } from "../actors/runtime/limits.ts";
import type { Json, JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { ListQuery } from "../actors/runtime/api.ts";
import { answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { invalidInput, refusalOf } from "./errors.ts";
import type { Once } from "./idempotency.ts";
import { MAX_BULK_TASKS, MAX_LABEL_FILTERS } from "./limits.ts";
import { defined } from "./paging.ts";
import { retryEnded } from "./task_actions.ts";
import { TASK_KIND, taskAddress } from "./task_address.ts";
import { filterFields, listQueryOf } from "./task_view.ts";

/** Tasks that are acted on at once. */
const CONCURRENCY = 100;

const Bulk = z.strictObject({
  ids: z.array(z.string().min(1)).min(1).max(MAX_BULK_TASKS).optional(),
  filter: z.strictObject({
    ...filterFields,
    label: z.array(z.string().min(1)).max(MAX_LABEL_FILTERS).optional(),
  }).optional().openapi({ description: "As in the list; the action narrows it to what it is for" }),
  action: z.enum(["cancel", "pause", "resume", "retry"]),
  dryRun: z.boolean().default(false),
}).openapi("BulkAction");

type Bulk = z.infer<typeof Bulk>;

const Outcome = z.looseObject({
  id: z.string(),
  accepted: z.boolean(),
  state: z.string().optional(),
  revision: z.int().optional(),
  retriedAs: z.string().optional().openapi({ description: "Id of the new task" }),
  problem: z.record(z.string(), z.unknown()).optional(),
});

const BulkAnswer = z.strictObject({
  dryRun: z.boolean(),
  items: z.array(Outcome),
  more: z.boolean().openapi({ description: "The filter finds more: ask again" }),
}).openapi("BulkAnswer");

export function mountTaskBulk(api: Api): void {
  mount(api, {
    method: "post",
    path: "/v1/tasks/bulk",
    tag: "Tasks",
    summary: "Act on many tasks",
    description: `At most ${MAX_BULK_TASKS} at once; \`dryRun\` says what would be accepted.`,
    body: Bulk,
    answers: { 200: { description: "An outcome for each", schema: BulkAnswer } },
  }, (call) => actOnMany(api, call));
}

async function actOnMany(api: Api, { body, once }: Call<unknown, unknown, Bulk>) {
  const { ids, more } = await find(api, body);
  const items: Json[] = [];
  for (let from = 0; from < ids.length; from += CONCURRENCY) {
    const part = ids.slice(from, from + CONCURRENCY);
    items.push(...await Promise.all(part.map((id) => outcomeOf(api, { id, body, once }))));
  }
  return answer({ dryRun: body.dryRun, items, more });
}

async function find(
  api: Api,
  { ids, filter, action }: Bulk,
): Promise<{ ids: string[]; more: boolean }> {
  if ((ids === undefined) === (filter === undefined)) {
    throw invalidInput([{ pointer: "", detail: "want either ids or filter" }]);
  }
  if (ids !== undefined) return { ids: [...new Set(ids)], more: false };
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await api.system.list(TASK_KIND, {
      ...listQueryOf(filter ?? {}),
      // What has ended can only be tried again.
      ...action === "retry" ? {} : { status: "active" },
      limit: PAGE_MAX,
      ...defined({ cursor }),
    } as ListQuery);
    found.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && found.length < MAX_BULK_TASKS);
  return { ids: found, more: cursor !== undefined };
}

type Work = { id: string; body: Bulk; once: Once };

async function outcomeOf(api: Api, work: Work): Promise<JsonObject> {
  const { id, body } = work;
  try {
    const record = await api.system.get(taskAddress(id));
    return {
      id,
      ...body.dryRun ? await rehearse(api, record, body) : await act(api, record, work),
    };
  } catch (error) {
    const { problem } = refusalOf(error, api.config.redact);
    return { id, accepted: false, problem: problem as JsonObject };
  }
}

async function rehearse(
  { system }: Api,
  { address, status, state, revision }: ActorRecord,
  { action }: Bulk,
): Promise<JsonObject> {
  const isNewTask = action === "retry" && status !== "active";
  const accepted = isNewTask || (await system.accepts(address)).includes(`task.${action}`);
  return { accepted, state, revision };
}

async function act(api: Api, record: ActorRecord, { body, once }: Work): Promise<JsonObject> {
  const { address, id, status } = record;
  const key = once.keyOf(id);
  if (body.action === "retry" && status !== "active") {
    return { accepted: true, ...await retryAsNew(api, record, key) };
  }
  const event = { type: `task.${body.action}` };
  const { state, revision } = await api.system.send(address, event, defined({ key }));
  return { accepted: true, state, revision };
}

/**
 * With a key the new task's id is made from it, so that a request that comes again after a crash
 * finds the task that it made.
 */
async function retryAsNew(
  api: Api,
  record: ActorRecord,
  key: string | undefined,
): Promise<JsonObject> {
  const id = key === undefined ? api.system.newId(TASK_KIND) : `${TASK_KIND}_${shortHash(key)}`;
  const { body } = await retryEnded(api, record, { once: api.idempotency.unkept, id, key });
  const { state, revision } = body as { state: string; revision: number };
  return { retriedAs: id, state, revision };
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 24);
}
