/**
 * `/v1/vms`: making, listing and showing VMs. What is done to them afterwards is in
 * `vm_actions.ts`, what is done in them in `vm_exec.ts`, what is seen of them in `vm_reports.ts`.
 */
import { z } from "@hono/zod-openapi";
import type { ListQuery } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import { type Api, mount } from "./endpoint.ts";
import { MAX_WAIT_MS } from "./limits.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { mountVmActions } from "./vm_actions.ts";
import { VM_KIND, vmAddressOf } from "./vm_address.ts";
import { NewVm } from "./vm_body.ts";
import { mountVmExec } from "./vm_exec.ts";
import { mountVmProviders } from "./vm_providers.ts";
import { mountVmReports } from "./vm_reports.ts";
import { vmInputOf } from "./vm_spec.ts";
import { showVm, vmAnswer, vmFilters, vmListQuery, vmParams, VmSchema } from "./vm_view.ts";
import { whileWanted } from "./waiting.ts";

/** States that a VM does not leave by itself, or not soon. */
const SETTLED: readonly string[] = ["running", "sleeping", "failed", "recycled"];

export function mountVms(api: Api, vms: VmAccess): void {
  mountCreate(api);
  mountList(api);
  mountGet(api);
  mountVmActions(api, vms);
  mountVmExec(api, vms);
  mountVmReports(api, vms);
  mountVmProviders(api);
}

function mountCreate(api: Api): void {
  const { system, config } = api;
  mount(api, {
    method: "post",
    path: "/v1/vms",
    tag: "VMs",
    summary: "Make a VM",
    description: "What it does not say is taken from its workspace, then from the server. It is " +
      "made in the background; `GET /v1/vms/{id}?waitMs=…` waits for it.",
    body: NewVm,
    answers: { 201: { description: "The new VM", schema: VmSchema } },
    refusals: [409],
  }, async ({ body, once }) => {
    const id = body.id ?? system.newId(VM_KIND);
    const input = await vmInputOf(api, body, { id, createdAt: config.clock.now() });
    return await once.commit(
      (options) => system.spawn(VM_KIND, id, input, options),
      (record) => vmAnswer(record, 201),
    );
  });
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/vms",
    tag: "VMs",
    summary: "List VMs",
    query: z.strictObject({ ...vmFilters, sort: sortField, ...pageFields }),
    answers: { 200: { description: "A page of VMs", schema: pageOf(VmSchema) } },
  }, async ({ query }) => {
    const { limit, cursor, sort, ...filter } = query;
    const list = { ...vmListQuery(filter), ...defined({ limit, cursor, sort }) } as ListQuery;
    return pageAnswer(await api.system.list(VM_KIND, list), showVm);
  });
}

function mountGet(api: Api): void {
  const { system } = api;
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}",
    tag: "VMs",
    summary: "Show a VM, at once or when it has come to rest",
    params: vmParams,
    query: z.strictObject({
      waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).optional()
        .openapi({ description: `Waits so long at most until it is ${SETTLED.join(" or ")}` }),
    }),
    answers: { 200: { description: "The VM", schema: VmSchema } },
    refusals: [404, 429],
  }, async ({ c, params, query }) => {
    const record = await system.get(vmAddressOf(params.id));
    const { waitMs = 0 } = query;
    if (waitMs === 0 || isSettled(record)) return vmAnswer(record);
    return await whileWanted(
      api,
      c,
      async (signal) => vmAnswer(await settled(api, record, { waitMs, signal })),
    );
  });
}

function isSettled({ state }: ActorRecord): boolean {
  return SETTLED.includes(state);
}

/** The VM when it has come to rest, or as it is when the time is over. */
async function settled(
  { system }: Api,
  { address }: ActorRecord,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<ActorRecord> {
  try {
    return await system.waitFor(address, isSettled, { timeoutMs: waitMs, signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return await system.get(address);
    }
    throw error;
  }
}
