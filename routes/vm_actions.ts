/** `/v1/vms/{id}/…`: wake, sleep, recycle and retry. */
import { z } from "@hono/zod-openapi";
import { ProviderError } from "../actors/adapters/vm/provider.ts";
import { NotAcceptedError } from "../actors/runtime/errors.ts";
import type { EventInput } from "../actors/runtime/kind.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import { vmContext } from "../actors/vm_view.ts";
import type { Answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";
import { VM_OPERATION_WAIT_MS } from "./limits.ts";
import { defined } from "./paging.ts";
import { vmAddressOf } from "./vm_address.ts";
import { vmAnswer, type VmParams, vmParams, VmSchema } from "./vm_view.ts";
import { whileWanted } from "./waiting.ts";

const Wait = z.strictObject({
  wait: z.enum(["true", "false"]).default("true")
    .openapi({ description: "`false`: answers 202 as soon as it is asked for" }),
});

const Recycle = z.strictObject({
  method: z.enum(["manual", "force"]).default("manual")
    .openapi({ description: "What is recorded as the reason" }),
});

type VmCall = Call<VmParams, unknown, unknown>;

export function mountVmActions(api: Api, vms: VmAccess): void {
  mountWake(api, vms);
  mountSleep(api);
  mountRecycle(api);
  mountRetry(api);
}

function mountWake(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "post",
    path: "/v1/vms/{id}/wake",
    tag: "VMs",
    summary: "Wake it; whoever needs it meanwhile joins the same wake",
    params: vmParams,
    query: Wait,
    answers: {
      200: { description: "It is up", schema: VmSchema },
      202: { description: "It is asked for", schema: VmSchema },
    },
    refusals: [404, 409, 412, 429, 504],
  }, async (call) => {
    const { c, params: { id }, query } = call;
    if (query.wait === "false") return await command(api, call, { type: "vm.wake", status: 202 });
    return await whileWanted(api, c, async (signal) => {
      await ask(api, call, "vm.wake");
      // Who wakes it is about to use it, and must not lose it to a timer that is nearly due.
      await vms.touch(id, "activity");
      const { record } = await vms.open(id, signal);
      return vmAnswer(record);
    });
  });
}

function mountSleep(api: Api): void {
  const { system } = api;
  mount(api, {
    method: "post",
    path: "/v1/vms/{id}/sleep",
    tag: "VMs",
    summary: "Put it to sleep; it keeps its memory and files",
    params: vmParams,
    query: Wait,
    answers: {
      200: { description: "It sleeps", schema: VmSchema },
      202: { description: "It is asked for", schema: VmSchema },
    },
    refusals: [404, 409, 412, 429, 502, 504],
  }, async (call) => {
    const { c, params, query } = call;
    const asking = query.wait === "false"
      ? command(api, call, { type: "vm.sleep", status: 202 })
      : ask(api, call, "vm.sleep");
    const asked = await asking.catch((error) => refuseSleep(api, params, error));
    if (asked !== undefined) return asked;
    return await whileWanted(api, c, async (signal) => {
      const record = await system.waitFor(
        vmAddressOf(params.id),
        ({ state }) => state !== "suspending",
        { timeoutMs: VM_OPERATION_WAIT_MS, signal },
      );
      const { error } = vmContext(record);
      if (record.state !== "running" || error === null) return vmAnswer(record);
      throw new ProviderError("failed", error.message);
    });
  });
}

function mountRecycle(api: Api): void {
  const description = "Deletes it at its provider, with its files, in the background. Its tasks " +
    "are cancelled. Doing it again changes nothing.";
  const common = {
    tag: "VMs",
    description,
    params: vmParams,
    answers: { 200: { description: "The VM after it", schema: VmSchema } },
    refusals: [404, 412],
  } as const;
  mount(api, {
    ...common,
    method: "post",
    path: "/v1/vms/{id}/recycle",
    summary: "Recycle it",
    body: Recycle,
  }, (call) => recycle(api, call, call.body.method));
  mount(api, {
    ...common,
    method: "delete",
    path: "/v1/vms/{id}",
    summary: "Recycle it, as `POST …/recycle` does",
  }, (call) => recycle(api, call, "manual"));
}

function mountRetry(api: Api): void {
  mount(api, {
    method: "post",
    path: "/v1/vms/{id}/retry",
    tag: "VMs",
    summary: "Make one that has failed anew",
    params: vmParams,
    answers: { 200: { description: "The VM after it", schema: VmSchema } },
    refusals: [404, 409, 412],
  }, (call) => command(api, call, { type: "vm.retry", status: 200 }));
}

async function recycle(
  api: Api,
  call: VmCall,
  method: "manual" | "force",
): Promise<Answer> {
  try {
    return await command(api, call, { type: "vm.recycle", method, status: 200 });
  } catch (error) {
    if (!(error instanceof NotAcceptedError)) throw error;
    // It takes that for as long as it lives: what does not has been recycled.
    return vmAnswer(await api.system.get(error.address));
  }
}

/** Sends a command that decides the answer. */
function command(
  { system }: Api,
  { params, once, expectRevision }: VmCall,
  { status, ...event }: EventInput & { status: number },
): Promise<Answer> {
  const address = vmAddressOf(params.id);
  return once.commit(
    (options) => system.send(address, event, { ...options, ...defined({ expectRevision }) }),
    (record) => vmAnswer(record, status),
  );
}

/** Sends a command whose outcome decides the answer. */
async function ask(
  { system }: Api,
  { params, once, expectRevision }: VmCall,
  type: "vm.wake" | "vm.sleep",
): Promise<undefined> {
  const options = defined({ expectRevision, key: once.keyOf(type) });
  await system.send(vmAddressOf(params.id), { type }, options);
}

/** Names the tasks that stand in its way. */
async function refuseSleep({ system }: Api, { id }: VmParams, error: unknown): Promise<never> {
  if (!(error instanceof NotAcceptedError)) throw error;
  const record = await system.get(error.address);
  const { tasks: holds } = vmContext(record);
  // Elsewhere it is not the tasks that keep it from sleeping.
  if (record.state !== "running") throw error;
  const tasks = Object.keys(holds).filter((task) => holds[task] === "holds");
  if (tasks.length === 0) throw error;
  const who = `${tasks.join(", ")} work${tasks.length === 1 ? "s" : ""} in it`;
  const { state, accepts } = error;
  throw new ProblemError("vm-in-use", `Cannot put vm "${id}" to sleep: ${who}`, {
    members: { state, accepts, tasks },
  });
}
