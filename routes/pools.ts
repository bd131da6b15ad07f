/** `/v1/pools`: how many places each pool has, and who holds or waits for them. */
import { z } from "@hono/zod-openapi";
import { NotFoundError } from "../actors/runtime/errors.ts";
import type { PoolStatus } from "../actors/runtime/api.ts";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { pageFields, pageOf } from "./paging.ts";

const MAX_POOL_LIMIT = 1_000_000;
const MAX_NAME_CHARS = 255;

const PoolSchema = z.strictObject({
  name: z.string(),
  limit: z.int().nullable().openapi({ description: "Null: no limit" }),
  held: z.int(),
  waiting: z.int(),
}).openapi("Pool");

const Name = z.string().min(1).max(MAX_NAME_CHARS);
const Limit = z.int().min(0).max(MAX_POOL_LIMIT).nullable()
  .openapi({ description: "0 holds everything up; null takes the limit away" });

export function mountPools(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/pools",
    tag: "Pools",
    summary: "List pools by name",
    query: z.strictObject({ ...pageFields, cursor: Name.optional() }),
    answers: { 200: { description: "A page of pools", schema: pageOf(PoolSchema) } },
  }, ({ query }) => Promise.resolve(answer(pageOfPools(api.system.pools(), query))));

  mount(api, {
    method: "patch",
    path: "/v1/pools",
    tag: "Pools",
    summary: "Set a pool's limit, named in the body",
    description: "At once and durably; what is held already is not taken away.",
    body: z.strictObject({ name: Name, limit: Limit }),
    answers: { 200: { description: "The pool", schema: PoolSchema } },
  }, async ({ body }) => answer(await api.system.setPool(body.name, body.limit)));

  mountOne(api);
}

function mountOne(api: Api): void {
  const params = z.strictObject({ name: Name });

  mount(api, {
    method: "get",
    path: "/v1/pools/{name}",
    tag: "Pools",
    summary: "Show one pool",
    params,
    answers: { 200: { description: "The pool", schema: PoolSchema } },
    refusals: [404],
  }, ({ params }) => {
    const pool = api.system.pools().find(({ name }) => name === params.name);
    if (pool === undefined) throw new NotFoundError(`Cannot find pool "${params.name}"`);
    return Promise.resolve(answer(pool));
  });

  mount(api, {
    method: "patch",
    path: "/v1/pools/{name}",
    tag: "Pools",
    summary: "Set a pool's limit",
    params,
    body: z.strictObject({ limit: Limit }),
    answers: { 200: { description: "The pool", schema: PoolSchema } },
  }, async ({ params, body }) => answer(await api.system.setPool(params.name, body.limit)));
}

/** The cursor is the last name of the page before. */
function pageOfPools(
  pools: readonly PoolStatus[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
) {
  const byName = pools.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const rest = cursor === undefined ? byName : byName.filter(({ name }) => name > cursor);
  const items = rest.slice(0, limit);
  return { items, nextCursor: rest.length > limit ? items.at(-1)?.name ?? null : null };
}
