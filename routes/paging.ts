/** Lists: `limit`, `cursor` and `sort` in, `{items, nextCursor}` out. */
import { z } from "@hono/zod-openapi";
import { PAGE_DEFAULT, PAGE_MAX } from "../actors/runtime/limits.ts";
import type { Json } from "../actors/runtime/json.ts";
import type { Page } from "../actors/runtime/api.ts";
import { type Answer, answer } from "./answer.ts";

/** `limit` and `cursor` of any list. */
export const pageFields = {
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
  cursor: z.string().regex(/^c[0-9a-z]{1,10}$/, "not a cursor that this server gave").optional()
    .openapi({ description: "The `nextCursor` of the page before, with the same filters" }),
};

/** `sort` of lists that are in order of time. */
export const sortField = z.enum(["newest", "oldest"]).default("newest");

/** A parameter that may be given several times. */
export function listOf(max: number, description: string) {
  return z.union([z.string(), z.array(z.string())])
    .transform((value) => [value].flat())
    .pipe(z.array(z.string().min(1)).max(max))
    .optional()
    .openapi({
      type: "array",
      items: { type: "string" },
      maxItems: max,
      description,
      param: { explode: true },
    });
}

/** The schema of a page. */
export function pageOf(item: z.ZodType) {
  return z.strictObject({
    items: z.array(item),
    nextCursor: z.string().nullable().openapi({ description: "Null on the last page" }),
  });
}

/** A page as an answer. */
export function pageAnswer<T>({ items, nextCursor }: Page<T>, show: (item: T) => Json): Answer {
  return answer({ items: items.map(show), nextCursor });
}

/** Leaves out what is undefined, for options whose fields may be absent but not undefined. */
export function defined<T extends object>(
  object: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
