/** A VM as the API shows it, and the filters of a list of them. */
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { ListQuery } from "../actors/runtime/api.ts";
import { vmView } from "../actors/vm_view.ts";
import { AddressParam } from "./address_params.ts";
import { type Answer, answer } from "./answer.ts";
import { iso, withIsoTimes } from "./lib/times.ts";
import { MAX_LABEL_FILTERS, MAX_NAME_CHARS } from "./limits.ts";
import { listOf } from "./paging.ts";
import { commonFields, etagOf, Status, Time } from "./render.ts";
import { VmId } from "./vm_body.ts";

const Duration = z.int().nullable();
const Moment = Time.nullable();

export const VmSchema = z.looseObject({
  id: VmId,
  state: z.enum([
    "pending",
    "provisioning",
    "running",
    "suspending",
    "sleeping",
    "waking",
    "failed",
    "recycling",
    "recycled",
  ]),
  link: z.enum(["online", "offline"]).nullable()
    .openapi({ description: "Whether its provider has seen it in the last three minutes" }),
  revision: z.int(),
  status: Status,
  provider: z.string(),
  title: z.string(),
  network: z.enum(["none", "full"]),
  envNames: z.array(z.string()).openapi({ description: "Values are not shown" }),
  idle: z.strictObject({ sleepMs: Duration, recycleMs: Duration, notifyBeforeMs: Duration }),
  sleepAt: Moment,
  recycleAt: Moment,
  expireAt: Moment,
  conditions: z.array(z.looseObject({ type: z.string(), status: z.string(), at: Time })),
  tasks: z.record(z.string(), z.enum(["holds", "rests"]))
    .openapi({ description: "Tasks that work in it, by address; one that holds it keeps it up" }),
  workDir: z.string().nullable(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  method: z.string().nullable().openapi({ description: "Why it was recycled" }),
  cleanup: z.enum(["done", "owed"]).nullable(),
  createdAt: Time,
  updatedAt: Time,
}).openapi("Vm");

/** A VM's id in a path, whatever its form: one that cannot exist is not found. */
export const vmParams = z.strictObject({
  id: z.string().openapi({ example: "vm_V1StGXR8" }),
});

export type VmParams = z.infer<typeof vmParams>;

/** What a list of VMs may be narrowed by. */
export const vmFilters = {
  state: z.string().min(1).max(MAX_NAME_CHARS).optional(),
  label: listOf(MAX_LABEL_FILTERS, "`name=value`, or `name` for any value"),
  provider: z.string().min(1).optional(),
  workspace: z.string().min(1).optional(),
  owner: AddressParam.optional()
    .openapi({ description: "Address of the task that it was made for" }),
};

type Filter = {
  state?: string | undefined;
  label?: readonly string[] | undefined;
  provider?: string | undefined;
  workspace?: string | undefined;
  owner?: string | undefined;
};

/** A filter as the system takes it. */
export function vmListQuery({ state, label = [], ...rest }: Filter): ListQuery {
  const index = label.map((value) => ({ name: "label", value }));
  for (const name of ["provider", "workspace", "owner"] as const) {
    const value = rest[name];
    if (value !== undefined) index.push({ name, value });
  }
  return { ...state === undefined ? {} : { state }, index };
}

/** What all actors have comes first, and wins. */
export function showVm(record: ActorRecord): JsonObject {
  const common = commonFields(record);
  // What a definition cannot take over, it cannot read either.
  if (record.blocked !== null) return common;
  const view = withTimes(vmView(record));
  return { ...common, ...view, ...common };
}

/** A VM with its revision as ETag; a new one with its place. */
export function vmAnswer(record: ActorRecord, status = 200): Answer {
  const etag = { etag: etagOf(record.revision) };
  const headers = status === 201 ? { ...etag, location: `/v1/vms/${record.id}` } : etag;
  return answer(showVm(record), { status, headers });
}

function withTimes(view: JsonObject): JsonObject {
  const { silentSince, conditions, ...rest } = withIsoTimes(view);
  return {
    ...rest,
    conditions: (conditions as readonly (JsonObject & { at: number })[])
      .map((condition) => ({ ...condition, at: iso(condition.at) })),
    silentSince: typeof silentSince === "number" ? iso(silentSince) : null,
  };
}
