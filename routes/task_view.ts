/** A task as the API shows it, and the filters of a list of them. */
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { ListQuery, System } from "../actors/runtime/api.ts";
import type { IndexValue } from "../actors/store/store.ts";
import { taskSummary } from "../actors/task_view.ts";
import { AddressParam } from "./address_params.ts";
import { type Answer, answer } from "./answer.ts";
import { withIsoTimes } from "./lib/times.ts";
import { MAX_LABEL_FILTERS, MAX_NAME_CHARS } from "./limits.ts";
import { listOf } from "./paging.ts";
import { commonFields, etagOf, Status, Time } from "./render.ts";
import { PRIORITIES, TaskId } from "./task_body.ts";

const Report = z.looseObject({
  goal: z.literal("complete").optional(),
  summary: z.string().optional(),
  audit: z.enum(["confirmed", "missing"]).optional(),
  findings: z.array(z.string()).optional(),
  delay: z.looseObject({ seconds: z.number(), reason: z.string() }).optional(),
  usage: z.looseObject({ tokens: z.number().optional(), costUsd: z.number().optional() })
    .optional(),
  session: z.string().optional(),
  error: z.string().optional().openapi({ description: "Why the report was not kept" }),
}).openapi("TaskReport", {
  description: 'What the program told by lines of its output: `@holdfast {"summary": "…"}`',
});

export const TaskSchema = z.looseObject({
  id: TaskId,
  state: z.string().openapi({ example: "running.working" }),
  revision: z.int(),
  status: Status,
  createdAt: Time,
  updatedAt: Time,
  result: z.looseObject({
    exitCode: z.int().nullable().optional(),
    output: z.string().optional(),
    truncated: z.boolean().optional(),
    tail: z.string().optional()
      .openapi({ description: "The last 2,000 characters of an output over 4,000" }),
    report: Report.optional(),
  }).nullable().optional(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable().optional(),
}).openapi("Task");

/** A task's id in a path, whatever its form: one that cannot exist is not found. */
export const taskParams = z.strictObject({
  id: z.string().openapi({ example: "task_V1StGXR8" }),
});

/** What a list of tasks may be narrowed by. */
export const filterFields = {
  state: z.string().min(1).max(MAX_NAME_CHARS).optional()
    .openapi({ description: "This state, or any below it: `running` finds `running.working`" }),
  priority: z.enum(["none", "low", "medium", "high", "urgent", "0", "1", "2", "3", "4"]).optional(),
  agent: z.string().min(1).optional(),
  workspace: z.string().min(1).optional()
    .openapi({ description: "Path or repository, as it was given" }),
  vm: z.string().min(1).optional().openapi({ description: "Id of the VM that it works in" }),
  parent: AddressParam.optional(),
};

export const labelFilter = listOf(MAX_LABEL_FILTERS, "`name=value`, or `name` for any value");

type Filter = {
  state?: string | undefined;
  label?: readonly string[] | undefined;
  priority?: string | undefined;
  agent?: string | undefined;
  workspace?: string | undefined;
  vm?: string | undefined;
  parent?: string | undefined;
};

/** A filter as the system takes it. */
export function listQueryOf({ state, label, priority, ...rest }: Filter): ListQuery {
  const index: IndexValue[] = (label ?? []).map((value) => ({ name: "label", value }));
  if (priority !== undefined) {
    index.push({ name: "priority", value: String(PRIORITIES[priority] ?? priority) });
  }
  for (const name of ["agent", "workspace", "vm", "parent"] as const) {
    const value = rest[name];
    if (value !== undefined) index.push({ name, value });
  }
  return { ...state === undefined ? {} : { state }, index };
}

/** A task in full. */
export function showTask(system: System, record: ActorRecord): JsonObject {
  return shown(record, system.view(record));
}

/** A task as one of many, without its longest texts. */
export function showSummary(record: ActorRecord): JsonObject {
  // What a definition cannot take over, it cannot read either.
  const summary = record.blocked === null ? taskSummary(record) : {};
  return shown(record, summary);
}

/** What became of a task, with its revision as ETag; a new one with its place. */
export function taskAnswer(record: ActorRecord, status = 200): Answer {
  const location = { location: `/v1/tasks/${record.id}` };
  const etag = { etag: etagOf(record.revision) };
  const headers = status === 201 ? { ...etag, ...location } : etag;
  return answer(showSummary(record), { status, headers });
}

/** What all tasks have comes first, and wins. */
function shown(record: ActorRecord, view: JsonObject): JsonObject {
  const common = commonFields(record);
  return { ...common, ...withIsoTimes(view), ...common };
}
