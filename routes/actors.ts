/**
 * `/v1/actors`: any actor of any kind, for debugging: its record, what it waits for, its history,
 * what it was at an earlier revision, and events to it.
 */
import { z } from "@hono/zod-openapi";
import type { Json, JsonObject } from "../actors/runtime/json.ts";
import type { Inspection, ListQuery } from "../actors/runtime/api.ts";
import { AddressParam, addressParams } from "./address_params.ts";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { iso, isoOrNull } from "./lib/times.ts";
import { defined, listOf, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { EntrySchema, etagOf, RecordSchema, showEntry, showRecord, Status } from "./render.ts";
import { parseNameValues } from "./lib/name_values.ts";
import { MAX_LABEL_FILTERS } from "./limits.ts";

const Flag = z.enum(["true", "false"]).transform((text) => text === "true");

const ActorsQuery = z.strictObject({
  kind: z.string().optional(),
  status: Status.optional(),
  state: z.string().optional().openapi({ description: "This state, or any state below it" }),
  parent: AddressParam.optional(),
  index: listOf(MAX_LABEL_FILTERS, "`name=value` of an indexed value; all must match"),
  blocked: Flag.optional(),
  archived: Flag.optional(),
  sort: sortField,
  ...pageFields,
});

const Waits = z.array(z.record(z.string(), z.unknown()));

const InspectionSchema = RecordSchema.extend({
  accepts: z.array(z.string()).openapi({ description: "Events that its state accepts now" }),
  timers: Waits,
  effects: Waits,
  slots: Waits,
  watches: z.array(z.string()),
  children: Waits,
}).openapi("Inspection");

export function mountActors(api: Api): void {
  mountList(api);
  mountOne(api);
  mountPast(api);
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/actors",
    tag: "Actors",
    summary: "List actors of any kind",
    query: ActorsQuery,
    answers: { 200: { description: "A page of actors", schema: pageOf(RecordSchema) } },
  }, async ({ query }) => {
    const { kind, index, ...rest } = query;
    const list = { ...rest, index: index && parseNameValues(index, "index") };
    return pageAnswer(await api.system.list(kind, defined(list) as ListQuery), showRecord);
  });
}

function mountOne(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/actors/{address}",
    tag: "Actors",
    summary: "Show one actor with all that it waits for",
    params: addressParams,
    answers: { 200: { description: "The actor", schema: InspectionSchema } },
    refusals: [404],
  }, async ({ params }) => {
    const inspection = await api.system.inspect(params.address);
    const headers = { etag: etagOf(inspection.record.revision) };
    return answer(showInspection(inspection), { headers });
  });

  mount(api, {
    method: "get",
    path: "/v1/actors/{address}/accepts",
    tag: "Actors",
    summary: "List the events that its state accepts now",
    params: addressParams,
    answers: {
      200: {
        description: "Event types",
        schema: z.strictObject({ accepts: z.array(z.string()) }),
      },
    },
    refusals: [404],
  }, async ({ params }) => answer({ accepts: await api.system.accepts(params.address) }));
}

function mountPast(api: Api): void {
  mount(
    api,
    {
      method: "get",
      path: "/v1/actors/{address}/history",
      tag: "Actors",
      summary: "List the events that it took",
      params: addressParams,
      query: z.strictObject({ sort: sortField, ...pageFields }),
      answers: { 200: { description: "A page of its journal", schema: pageOf(EntrySchema) } },
      refusals: [404],
    },
    async ({ params, query }) =>
      pageAnswer(await api.system.history(params.address, defined(query)), showEntry),
  );

  mount(api, {
    method: "get",
    path: "/v1/actors/{address}/at/{revision}",
    tag: "Actors",
    summary: "Show what it was at a revision",
    description: "Folds its journal again with the definition in force.",
    params: z.strictObject({
      address: AddressParam,
      revision: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
    }),
    answers: { 200: { description: "The actor as it was", schema: RecordSchema } },
    refusals: [404, 409],
  }, async ({ params }) => {
    const record = await api.system.at(params.address, params.revision);
    return answer(showRecord(record), { headers: { etag: etagOf(record.revision) } });
  });
}

function showInspection({ record, timers, effects, slots, ...rest }: Inspection): JsonObject {
  return {
    ...showRecord(record),
    ...rest as unknown as JsonObject,
    timers: timers.map(({ dueAt, ...timer }) => ({ ...timer, dueAt: iso(dueAt) })) as Json,
    effects: effects.map(({ notBefore, ...effect }) => ({ ...effect, notBefore: iso(notBefore) })),
    slots: slots.map(({ requestedAt, grantedAt, ...slot }) => ({
      ...slot,
      requestedAt: iso(requestedAt),
      grantedAt: isoOrNull(grantedAt),
    })),
  };
}
