/** Lists of any length, read from the server page by page. */
import type { z } from "zod";
import { pageOf } from "./answers.ts";
import { UsageError } from "./args.ts";
import type { Client, Query } from "./client.ts";

/** Largest page that the server gives. */
const PAGE_MAX = 200;
const LIMIT_DEFAULT = 20;

/** Options of subcommands that list. */
export const LIST_OPTIONS = {
  sort: { type: "string", value: "ORDER", help: "newest or oldest first" },
  limit: { type: "integer", short: "n", value: "N", help: `So many at most (${LIMIT_DEFAULT})` },
  all: { type: "boolean", short: "a", help: "All that there are" },
} as const;

/** As many as the options ask for. Throws `UsageError`. */
export async function readPages<T extends z.ZodType>(
  client: Client,
  path: string,
  { item, query, limit, all }: { item: T; query: Query; limit: number | undefined; all: boolean },
): Promise<z.infer<T>[]> {
  if (limit === 0) throw new UsageError(`Cannot use --limit "0": want 1 or more`);
  const max = all ? Infinity : limit ?? LIMIT_DEFAULT;
  const found: z.infer<T>[] = [];
  let cursor: string | undefined;
  while (found.length < max) {
    const page = await client.get(path, {
      schema: pageOf(item),
      query: { ...query, limit: Math.min(PAGE_MAX, max - found.length), cursor },
    });
    found.push(...page.items);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return found;
}
