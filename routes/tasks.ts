/**
 * `/v1/tasks`: making, listing and showing tasks. What is done to them afterwards is in
 * `task_actions.ts`, what they say meanwhile in `task_streams.ts`.
 */
import { z } from "@hono/zod-openapi";
import { NotFoundError } from "../actors/runtime/errors.ts";
import { MAX_DELAY_MS } from "../actors/runtime/limits.ts";
import type { ListQuery } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { type Answer, answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { type InputFault, invalidInput } from "./errors.ts";
import { keyedMutex } from "./lib/keyed_mutex.ts";
import { MAX_WAIT_MS } from "./limits.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { etagOf } from "./render.ts";
import { mountTaskActions } from "./task_actions.ts";
import { TASK_KIND, taskAddress } from "./task_address.ts";
import { NewTask, taskInput } from "./task_body.ts";
import { mountTaskBulk } from "./task_bulk.ts";
import { mountTaskStreams } from "./task_streams.ts";
import { taskVmOf } from "./task_vm.ts";
import {
  filterFields,
  labelFilter,
  listQueryOf,
  showSummary,
  showTask,
  taskAnswer,
  taskParams,
  TaskSchema,
} from "./task_view.ts";

/** States in which a task has not been handed out yet. */
const COALESCING_STATES = ["pending", "queued"];

const TaskQuery = z.strictObject({
  ...filterFields,
  label: labelFilter,
  sort: sortField,
  ...pageFields,
});

export function mountTasks(api: Api): void {
  mountCreate(api);
  mountList(api);
  mountTaskBulk(api);
  mountGet(api);
  mountTaskActions(api);
  mountTaskStreams(api);
}

function mountCreate(api: Api): void {
  const oneByOne = keyedMutex();
  mount(api, {
    method: "post",
    path: "/v1/tasks",
    tag: "Tasks",
    summary: "Make a task",
    body: NewTask,
    answers: {
      200: { description: "A task with that `coalesceKey` waits already", schema: TaskSchema },
      201: { description: "The new task", schema: TaskSchema },
    },
    refusals: [409],
  }, async (call) => {
    await checkNewTask(api, call.body);
    const { coalesceKey } = call.body;
    if (coalesceKey === undefined) return create(api, call);
    // Between looking and making nothing else may look.
    return oneByOne(coalesceKey, async () => {
      const waiting = await findWaiting(api, coalesceKey);
      return waiting === undefined ? create(api, call) : taskAnswer(waiting);
    });
  });
}

async function create(
  api: Api,
  { body, once }: Call<unknown, unknown, NewTask>,
): Promise<Answer> {
  const { system, config } = api;
  const id = body.id ?? system.newId(TASK_KIND);
  const given = { id, createdAt: config.clock.now() };
  const vm = body.vm === undefined ? {} : {
    vm: await taskVmOf(api, body.vm, {
      taskId: id,
      createdAt: given.createdAt,
      startAt: body.startAt,
    }),
  };
  const input = taskInput(body, { ...given, ...vm });
  return await once.commit(
    (options) => system.spawn(TASK_KIND, id, input, options),
    (record) => taskAnswer(record, 201),
  );
}

async function findWaiting({ system }: Api, key: string): Promise<ActorRecord | undefined> {
  const index = [{ name: "coalesceKey", value: key }];
  for (const state of COALESCING_STATES) {
    const { items } = await system.list(TASK_KIND, { state, index, status: "active", limit: 1 });
    if (items[0] !== undefined) return items[0];
  }
  return undefined;
}

/** What no schema can see: whether dependencies exist, and whether a time can be waited for. */
async function checkNewTask(
  api: Api,
  { id, dependsOn = [], startAt, vm, workspace }: NewTask,
): Promise<void> {
  const faults: InputFault[] = [];
  if (vm !== undefined && workspace !== undefined && "repo" in workspace) {
    const detail = "a task in a VM works in the VM's repository: give it there";
    faults.push({ pointer: "/workspace/repo", detail });
  }
  if (startAt !== undefined && startAt > api.config.clock.now() + MAX_DELAY_MS) {
    faults.push({ pointer: "/startAt", detail: "is too far in the future" });
  }
  const checks = dependsOn.map(async (dependency, i): Promise<InputFault[]> => {
    const pointer = `/dependsOn/${i}`;
    if (dependency === id) {
      return [{ pointer, detail: "a task cannot depend on itself: that closes a cycle" }];
    }
    if (await exists(api, dependency)) return [];
    return [{ pointer, detail: `there is no task "${dependency}"` }];
  });
  faults.push(...(await Promise.all(checks)).flat());
  if (faults.length > 0) throw invalidInput(faults);
}

async function exists({ system }: Api, id: string): Promise<boolean> {
  try {
    await system.get(taskAddress(id));
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/tasks",
    tag: "Tasks",
    summary: "List tasks",
    query: TaskQuery,
    answers: { 200: { description: "A page of tasks", schema: pageOf(TaskSchema) } },
  }, async ({ query }) => {
    const { limit, cursor, sort, ...filter } = query;
    const list = { ...listQueryOf(filter), ...defined({ limit, cursor, sort }) } as ListQuery;
    return pageAnswer(await api.system.list(TASK_KIND, list), showSummary);
  });
}

function mountGet(api: Api): void {
  const { system, streams } = api;
  mount(api, {
    method: "get",
    path: "/v1/tasks/{id}",
    tag: "Tasks",
    summary: "Show a task, at once or when it has ended",
    params: taskParams,
    query: z.strictObject({
      waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).optional()
        .openapi({ description: "Waits so long at most for the task to end" }),
    }),
    answers: { 200: { description: "The task", schema: TaskSchema } },
    refusals: [404, 429],
  }, async ({ params, query }) => {
    const address = taskAddress(params.id);
    const record = await system.get(address);
    const { waitMs = 0 } = query;
    if (waitMs === 0 || record.status !== "active") return wholeTask(api, record);
    return await streams.hold(async () => wholeTask(api, await endOf(api, record, waitMs)));
  });
}

function wholeTask({ system }: Api, record: ActorRecord): Answer {
  return answer(showTask(system, record), { headers: { etag: etagOf(record.revision) } });
}

/** The task when it has ended, or as it is when the time is over. */
async function endOf(
  { system }: Api,
  { address }: ActorRecord,
  timeoutMs: number,
): Promise<ActorRecord> {
  try {
    return await system.waitFor(address, ({ status }) => status !== "active", { timeoutMs });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return await system.get(address);
    }
    throw error;
  }
}
