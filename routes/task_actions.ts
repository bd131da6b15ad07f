/** `/v1/tasks/{id}/…`: cancel, pause, resume, input and retry. */
import { z } from "@hono/zod-openapi";
import type { ActorRecord, EventInput } from "../actors/runtime/kind.ts";
import type { Answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import type { Once } from "./idempotency.ts";
import { MAX_INPUT_CHARS, MAX_REASON_CHARS } from "./limits.ts";
import { defined } from "./paging.ts";
import { TASK_KIND, taskAddress } from "./task_address.ts";
import { retryInput, settingsOf } from "./task_retry.ts";
import { recycleOwnVm, sameVm } from "./task_vm.ts";
import { taskAnswer, taskParams, TaskSchema } from "./task_view.ts";

type Params = z.infer<typeof taskParams>;

const Reason = z.strictObject({ reason: z.string().max(MAX_REASON_CHARS).optional() });

const Input = z.union([
  z.strictObject({ data: z.string().max(MAX_INPUT_CHARS) }),
  z.strictObject({ eof: z.literal(true) }),
]).openapi("TaskInput", { description: "Text for standard input, or its end" });

export function mountTaskActions(api: Api): void {
  const nothing = z.strictObject({});
  mountAction(api, "cancel", { summary: "Cancel it; what it produced is kept", body: Reason });
  mountAction(api, "pause", { summary: "Pause it; it gives its slot back", body: nothing });
  mountAction(api, "resume", { summary: "Let a paused task go on", body: nothing });
  mountAction(api, "input", { summary: "Send it what it reads", body: Input });
  mountRetry(api);
  mountDelete(api);
}

function mountAction(
  api: Api,
  name: "cancel" | "pause" | "resume" | "input",
  { summary, body }: { summary: string; body: z.ZodType<object> },
): void {
  mount(api, {
    method: "post",
    path: `/v1/tasks/{id}/${name}`,
    tag: "Tasks",
    summary,
    params: taskParams,
    body,
    answers: { 200: { description: "The task after it", schema: TaskSchema } },
    refusals: [404, 409, 412],
  }, (call) => sendToTask(api, call, { type: `task.${name}`, ...defined(call.body) }));
}

function mountRetry(api: Api): void {
  const { system } = api;
  mount(api, {
    method: "post",
    path: "/v1/tasks/{id}/retry",
    tag: "Tasks",
    summary: "Try it again",
    description: "One that waits for its next attempt goes on at once (200). One that has ended " +
      "stays as it is, and a new task with the same settings is made, linked by `retryOf` (201).",
    params: taskParams,
    answers: {
      200: { description: "The same task, queued again", schema: TaskSchema },
      201: { description: "The new task", schema: TaskSchema },
    },
    refusals: [404, 409, 412],
  }, async (call) => {
    const record = await system.get(taskAddress(call.params.id));
    if (record.status === "active") return await sendToTask(api, call, { type: "task.retry" });
    return await retryEnded(api, record, { once: call.once, id: system.newId(TASK_KIND) });
  });
}

function mountDelete(api: Api): void {
  const { system } = api;
  mount(api, {
    method: "delete",
    path: "/v1/tasks/{id}",
    tag: "Tasks",
    summary: "Have done with it",
    description:
      "Cancels it where it has not ended, and recycles the VM that it owns. Its record " +
      "stays until it is archived.",
    params: taskParams,
    answers: { 200: { description: "The task after it", schema: TaskSchema } },
    refusals: [404, 409, 412],
  }, async (call) => {
    const record = await system.get(taskAddress(call.params.id));
    if (record.status === "active") {
      return await sendToTask(api, call, { type: "task.cancel", reason: "Deleted", deleted: true });
    }
    await recycleOwnVm(api, record);
    return taskAnswer(record);
  });
}

/** Makes a new task out of an ended one. */
export async function retryEnded(
  api: Api,
  record: ActorRecord,
  { once, id, key }: { once: Once; id: string; key?: string | undefined },
): Promise<Answer> {
  const { system, config } = api;
  // What is hidden from people is part of the work.
  const whole = await system.get(record.address, { unredacted: true });
  const vm = await sameVm(api, settingsOf(whole).vm ?? undefined);
  const given = { id, createdAt: config.clock.now(), ...vm === undefined ? {} : { vm } };
  const input = retryInput(whole, given);
  return await once.commit(
    (options) => system.spawn(TASK_KIND, id, input, { ...options, ...defined({ key }) }),
    (made) => taskAnswer(made, 201),
  );
}

function sendToTask(
  { system }: Api,
  { params, once, expectRevision }: Call<Params, unknown, unknown>,
  event: EventInput,
): Promise<Answer> {
  const address = taskAddress(params.id);
  return once.commit(
    (options) => system.send(address, event, { ...options, ...defined({ expectRevision }) }),
    (record) => taskAnswer(record),
  );
}
