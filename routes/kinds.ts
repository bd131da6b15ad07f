/** `/v1/kinds`: which kinds there are, how many actors of each, and their statecharts. */
import { z } from "@hono/zod-openapi";
import { describeKind } from "../actors/runtime/definition.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";
import type { KindDefinition } from "../actors/runtime/kind.ts";
import type { Tally } from "../actors/store/store.ts";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { pageOf } from "./paging.ts";
import { Status } from "./render.ts";

const TallySchema = z.strictObject({ state: z.string(), status: Status, count: z.int() });

const KindSchema = z.strictObject({
  name: z.string(),
  version: z.int(),
  actors: z.int().openapi({ description: "How many there are, ended ones included" }),
  states: z.array(TallySchema),
}).openapi("Kind");

const DefinitionSchema = z.looseObject({
  name: z.string(),
  version: z.int(),
  fingerprint: z.string(),
  states: z.array(z.record(z.string(), z.unknown())),
  events: z.array(z.string()),
}).openapi("KindDefinition");

export function mountKinds(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/kinds",
    tag: "Kinds",
    summary: "List the kinds of actors",
    answers: { 200: { description: "All kinds, by name", schema: pageOf(KindSchema) } },
  }, async () => {
    const { tallies } = await api.system.stats();
    const items = api.system.kinds().map((kind) => showKind(kind, tallies));
    return answer({ items, nextCursor: null });
  });

  mount(api, {
    method: "get",
    path: "/v1/kinds/{kind}/definition",
    tag: "Kinds",
    summary: "Show a kind's statechart",
    params: z.strictObject({ kind: z.string() }),
    answers: { 200: { description: "States, transitions, hooks", schema: DefinitionSchema } },
    refusals: [404],
  }, ({ params }) => {
    const kind = api.system.kinds().find(({ name }) => name === params.kind);
    if (kind === undefined) throw new NotFoundError(`Cannot find kind "${params.kind}"`);
    return Promise.resolve(answer(describeKind(kind)));
  });
}

function showKind({ name, version }: KindDefinition, tallies: readonly Tally[]) {
  const own = tallies.filter((tally) => tally.kind === name);
  return {
    name,
    version,
    actors: own.reduce((sum, { count }) => sum + count, 0),
    states: own.map(({ state, status, count }) => ({ state, status, count })),
  };
}
