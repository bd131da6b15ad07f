/** `/v1/alerts`: what the watchdog found, and who has seen it. */
import { z } from "@hono/zod-openapi";
import { ALERT_KIND, alertView } from "../actors/alert.ts";
import { type Address, addressOf, isAddress } from "../actors/runtime/address.ts";
import type { ListQuery } from "../actors/runtime/api.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { ALERT_KINDS } from "../machines/alert.ts";
import { AddressParam } from "./address_params.ts";
import { type Answer, answer } from "./answer.ts";
import { callerHeaders, CallerName, callerOf } from "./caller.ts";
import { type Api, mount } from "./endpoint.ts";
import { iso, withIsoTimes } from "./lib/times.ts";
import { MAX_REASON_CHARS } from "./limits.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { etagOf, Time } from "./render.ts";

const STATES = ["raised", "receded", "cleared"] as const;

const Kind = z.enum(ALERT_KINDS).openapi({
  description: "`overdue`: did not go on when it should; `stuck`: works past its limit; " +
    "`orphaned`: nobody carries it out any more; `silent`: shows no sign of life; " +
    "`unattended`: nothing wakes it, and it waits for nobody",
});

const AlertSchema = z.looseObject({
  id: z.string().openapi({ example: "alert_mkq2m8003f2a9c" }),
  kind: Kind,
  state: z.enum(STATES).openapi({
    description: "`raised`: it holds; `receded`: it does not, since less than half an hour after " +
      "it was told; `cleared`: it is over",
  }),
  revision: z.int(),
  actor: z.string().openapi({ description: "The address of the actor that it is about" }),
  actorUrl: z.string().openapi({ example: "/v1/actors/task%3Atask_V1StGXR8" }),
  reason: z.string().openapi({ description: "A sentence with the evidence" }),
  since: Time.openapi({ description: "When it was raised" }),
  told: z.int().openapi({ description: "How often people were told" }),
  toldAt: Time,
  acknowledged: z.strictObject({
    at: Time,
    by: z.string().nullable(),
    note: z.string().nullable(),
  }).nullable().openapi({ description: "Who has seen it: then nobody is told again" }),
  recededAt: Time.nullable(),
  updatedAt: Time,
}).openapi("Alert");

/** An alert's id in a path, whatever its form: one that cannot exist is not found. */
const params = z.strictObject({ id: z.string() });

export const Acknowledge = z.strictObject({
  by: CallerName.optional().openapi({ description: "By default the caller, where it says who" }),
  note: z.string().max(MAX_REASON_CHARS).optional(),
});

const tag = "Alerts";

export function mountAlerts(api: Api): void {
  mountList(api);
  mountGet(api);
  mountAcknowledge(api);
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/alerts",
    tag,
    summary: "List alerts",
    query: z.strictObject({
      status: z.enum(STATES).optional(),
      kind: Kind.optional(),
      actor: AddressParam.optional(),
      sort: sortField,
      ...pageFields,
    }),
    answers: { 200: { description: "A page of alerts", schema: pageOf(AlertSchema) } },
  }, async ({ query: { status, kind, actor, ...page } }) => {
    const index = Object.entries(defined({ kind, actor }))
      .map(([name, value]) => ({ name, value }));
    const list = { index, ...defined({ state: status }), ...defined(page) } as ListQuery;
    return pageAnswer(await api.system.list(ALERT_KIND, list), showAlert);
  });
}

function mountGet(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/alerts/{id}",
    tag,
    summary: "Show an alert",
    params,
    answers: { 200: { description: "The alert", schema: AlertSchema } },
    refusals: [404],
  }, async ({ params }) => alertAnswer(await api.system.get(alertAddressOf(params.id))));
}

function mountAcknowledge(api: Api): void {
  mount(api, {
    method: "post",
    path: "/v1/alerts/{id}/acknowledge",
    tag,
    summary: "Say that somebody has seen an alert",
    description: "Nobody is told of it again for as long as it holds. It changes nothing else; " +
      "an alert goes when the watchdog finds that what it says holds no longer.",
    headers: callerHeaders,
    params,
    body: Acknowledge,
    answers: { 200: { description: "The alert after it", schema: AlertSchema } },
    refusals: [404, 409, 412],
  }, async ({ c, params, body, once, expectRevision }) => {
    const address = alertAddressOf(params.id);
    const by = body.by ?? callerOf(c).name ?? undefined;
    const event = { type: "alert.acknowledge", ...defined({ ...body, by }) };
    return await once.commit(
      (options) => api.system.send(address, event, { ...options, ...defined({ expectRevision }) }),
      (record) => alertAnswer(record),
    );
  });
}

/** Throws `NotFoundError` where nothing can have that id. */
function alertAddressOf(id: string): Address {
  if (isAddress(`${ALERT_KIND}:${id}`)) return addressOf(ALERT_KIND, id);
  throw new NotFoundError(`Cannot find alert "${id}": none can have that id`);
}

function alertAnswer(record: ActorRecord): Answer {
  return answer(showAlert(record), { headers: { etag: etagOf(record.revision) } });
}

/** What all actors have comes first. */
function showAlert(record: ActorRecord): JsonObject {
  const { id, state, revision, blocked, updatedAt } = record;
  const common = { id, state, revision, updatedAt: iso(updatedAt) };
  // What a definition cannot take over, it cannot read either.
  if (blocked !== null) return { ...common, blocked };
  const { since, acknowledged, ...view } = alertView(record);
  return {
    ...withIsoTimes(view as JsonObject),
    ...common,
    actorUrl: `/v1/actors/${encodeURIComponent(record.context["actor"] as string)}`,
    since: iso(since as number),
    acknowledged: shownAcknowledgement(acknowledged as { at: number } | null),
  };
}

function shownAcknowledgement(acknowledged: { at: number } | null) {
  return acknowledged === null ? null : { ...acknowledged, at: iso(acknowledged.at) };
}
