/** What is seen of a VM: the ports that it listens on, what it uses, its log and its events. */
import { z } from "@hono/zod-openapi";
import { ProviderError, type VmHandle } from "../actors/adapters/vm/provider.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import { VM_LOG } from "../actors/vm_effects.ts";
import { vmContext } from "../actors/vm_view.ts";
import { answer } from "./answer.ts";
import { CHANNEL_MEDIA, ChannelQuery, openChannel } from "./channel.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { entriesUntilEnd } from "./entries.ts";
import { invalidInput } from "./errors.ts";
import { pageOf } from "./paging.ts";
import { EntrySchema, showEntry } from "./render.ts";
import {
  badCursor,
  encodeFrame,
  formatHeaders,
  heartbeatOf,
  lastEventId,
  NDJSON,
  openingOf,
  SSE,
  wantedFormat,
} from "./sse.ts";
import { vmAddressOf } from "./vm_address.ts";
import { type VmParams, vmParams } from "./vm_view.ts";
import { whileWanted } from "./waiting.ts";

const PortSchema = z.strictObject({
  port: z.int(),
  address: z.string(),
  process: z.string().nullable(),
}).openapi("VmPort");

const Figure = z.number().nullable();

const StatsSchema = z.strictObject({
  memoryBytes: Figure,
  memoryLimitBytes: Figure,
  cpuMs: Figure,
  processes: Figure,
  processLimit: Figure,
  diskBytes: Figure,
}).openapi("VmStats", { description: "Null where the provider cannot tell" });

const EventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional()
    .openapi({ description: "Entries with a greater `seq`; by default from its beginning" }),
});

export function mountVmReports(api: Api, vms: VmAccess): void {
  mountPorts(api, vms);
  mountStats(api, vms);
  mountLog(api);
  mountEvents(api);
}

function mountPorts(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/ports",
    tag: "VMs",
    summary: "List the ports on which something in it listens; wakes it",
    params: vmParams,
    answers: { 200: { description: "Its ports", schema: pageOf(PortSchema) } },
    refusals: [404, 409, 429, 502, 504],
  }, ({ c, params }) =>
    whileWanted(api, c, async (signal) => {
      const { provider, handle } = await vms.open(vmIdOf(params), signal);
      const items = await provider.ports(handle, { key: api.system.newId("ports"), signal });
      return answer({ items, nextCursor: null });
    }));
}

function mountStats(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/stats",
    tag: "VMs",
    summary: "Show what it uses now; it is not woken and counts as no use",
    params: vmParams,
    answers: { 200: { description: "What it uses", schema: StatsSchema } },
    refusals: [404, 409, 429, 502],
  }, ({ c, params }) =>
    whileWanted(api, c, async (signal) => {
      const record = await api.system.get(vmAddressOf(params.id));
      const provider = vms.providers.get(vmContext(record).settings.provider);
      const key = api.system.newId("stats");
      return answer(await provider.stats(handleOf(record), { key, signal }));
    }));
}

function mountLog(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/log",
    tag: "VMs",
    summary: "Read what its provider has said of its making",
    params: vmParams,
    query: ChannelQuery,
    answers: { 200: { description: "Its log", schema: z.string(), media: CHANNEL_MEDIA } },
    refusals: [404, 429],
  }, async (call) => {
    const { address } = await api.system.get(vmAddressOf(call.params.id));
    return openChannel(api, call, { address, channel: VM_LOG });
  });
}

function mountEvents(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/events",
    tag: "VMs",
    summary: "Follow a VM from its beginning to its end",
    description: "Its entries of the feed as server-sent events, or NDJSON on " +
      "`Accept: application/x-ndjson`. Resumed by `Last-Event-ID`. A `reset` event says what the " +
      "oldest entry is that is kept.",
    params: vmParams,
    query: EventsQuery,
    answers: { 200: { description: "Entries", schema: EntrySchema, media: [SSE, NDJSON] } },
    refusals: [404, 429],
  }, (call) => openEvents(api, call));
}

async function openEvents(
  api: Api,
  { c, params, query }: Call<VmParams, z.infer<typeof EventsQuery>, unknown>,
): Promise<Response> {
  const record = await api.system.get(vmAddressOf(params.id));
  const after = readCursor(lastEventId(c)) ?? query.after ?? record.createdSeq - 1;
  const format = wantedFormat(c);
  return api.streams.open(c.req.method, {
    headers: formatHeaders(format),
    heartbeat: heartbeatOf(format),
    source: async ({ write, signal }) => {
      await write(openingOf(format, String(after)));
      for await (const entry of entriesUntilEnd(api, record, { after, signal })) {
        const frame = typeof entry === "number"
          ? { event: "reset", data: { oldest: entry } }
          : { ...format === "sse" ? { id: String(entry.seq) } : {}, data: showEntry(entry) };
        await write(encodeFrame(frame, format));
      }
    },
    failed: (error) =>
      api.config.log("error", "events of a vm broke off", { vm: record.id, error }),
  });
}

/** Throws `NotFoundError` where nothing can have that id. */
function vmIdOf({ id }: VmParams): string {
  vmAddressOf(id);
  return id;
}

/** Throws `ProviderError` where there is nothing at the provider to ask for. */
function handleOf(record: ActorRecord): VmHandle {
  const { handle } = vmContext(record);
  // It was made by a provider, and stored as it came.
  if (handle !== null && record.status === "active") return handle as VmHandle;
  const message = `Cannot read stats of vm "${record.id}": state is "${record.state}"`;
  throw new ProviderError("not_running", message);
}

function readCursor(id: string | undefined): number | undefined {
  if (id === undefined) return undefined;
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw invalidInput([badCursor("Last-Event-ID")]);
}
