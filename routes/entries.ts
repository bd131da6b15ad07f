/** The journal of one actor, to whoever follows it. */
import type { FeedEntry } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { Api } from "./endpoint.ts";

/** An actor's journal up to the entry that ends it; a number is the oldest `seq` that is kept. */
export async function* entriesUntilEnd(
  { system }: Api,
  { address, status }: ActorRecord,
  { after, signal }: { after: number; signal: AbortSignal },
): AsyncGenerator<FeedEntry | number> {
  if (status !== "active") return yield* pastEntries(system, address, after);
  for await (const item of system.feed({ after, addresses: [address], signal })) {
    if (item.type === "reset") {
      yield item.oldest;
      continue;
    }
    yield item.entry;
    if (item.entry.status !== "active") return;
  }
}

async function* pastEntries(system: Api["system"], address: string, after: number) {
  let cursor: string | undefined;
  do {
    const page = await system.history(address, {
      sort: "oldest",
      ...cursor === undefined ? {} : { cursor },
    });
    for (const entry of page.items) if (entry.seq > after) yield entry;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}
