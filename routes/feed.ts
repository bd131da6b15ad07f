/**
 * `/v1/feed`: all commits in order, to any number of readers that come and go. An entry is made
 * into bytes once, however many read it.
 */
import { z } from "@hono/zod-openapi";
import type { FeedEntry, FeedItem, FeedOptions } from "../actors/runtime/api.ts";
import { AddressParam } from "./address_params.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { invalidInput } from "./errors.ts";
import { MAX_FEED_FILTERS } from "./limits.ts";
import { listOf } from "./paging.ts";
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
  type StreamFormat,
  wantedFormat,
} from "./sse.ts";

const FeedQuery = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional()
    .openapi({ description: "Entries with a greater `seq`; by default from now on" }),
  kinds: listOf(MAX_FEED_FILTERS, "Only these kinds; several, or one list with commas"),
  addresses: listOf(MAX_FEED_FILTERS, "Only these actors"),
});

type Query = z.infer<typeof FeedQuery>;

/** Frames of an entry, made at most once in each form. */
type FrameCache = WeakMap<FeedEntry, Map<StreamFormat, Uint8Array>>;

export function mountFeed(api: Api): void {
  const frames: FrameCache = new WeakMap();
  mount(api, {
    method: "get",
    path: "/v1/feed",
    tag: "Feed",
    summary: "Follow all commits",
    description: "Server-sent events (`id` is the `seq`, resumed by `Last-Event-ID`), or NDJSON " +
      "on `Accept: application/x-ndjson`. A `reset` event says that the cursor is older than " +
      "what is kept, and what the oldest is.",
    query: FeedQuery,
    answers: { 200: { description: "Entries", schema: EntrySchema, media: [SSE, NDJSON] } },
    refusals: [429],
  }, (call) => openFeed(api, frames, call));
}

async function openFeed(
  { system, streams, config }: Api,
  frames: FrameCache,
  { c, query }: Call<unknown, Query, unknown>,
): Promise<Response> {
  const format = wantedFormat(c);
  const filter = readFilter(query);
  const after = readCursor(lastEventId(c)) ?? query.after ?? (await system.stats()).lastSeq;
  return streams.open(c.req.method, {
    headers: formatHeaders(format),
    heartbeat: heartbeatOf(format),
    source: async ({ write, signal }) => {
      await write(openingOf(format, String(after)));
      for await (const item of system.feed({ ...filter, after, signal })) {
        await write(frameOf(item, format, frames));
      }
    },
    failed: (error) =>
      config.log("error", "feed broke off", { error, requestId: c.get("requestId") }),
  });
}

function readFilter({ kinds, addresses }: Query): FeedOptions {
  const faults = (addresses ?? []).flatMap((address) => {
    const result = AddressParam.safeParse(address);
    const detail = `want "kind:id", got "${address}"`;
    return result.success ? [] : [{ detail, in: "query" as const, name: "addresses" }];
  });
  if (faults.length > 0) throw invalidInput(faults);
  return {
    ...kinds === undefined ? {} : { kinds: kinds.flatMap((list) => list.split(",")) },
    ...addresses === undefined ? {} : { addresses },
  };
}

function readCursor(id: string | undefined): number | undefined {
  if (id === undefined) return undefined;
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw invalidInput([badCursor("Last-Event-ID")]);
}

function frameOf(item: FeedItem, format: StreamFormat, frames: FrameCache): Uint8Array {
  if (item.type === "reset") {
    return encodeFrame({ event: "reset", data: { oldest: item.oldest } }, format);
  }
  const { entry } = item;
  const made = frames.get(entry) ?? new Map<StreamFormat, Uint8Array>();
  const frame = made.get(format) ??
    encodeFrame(
      { ...format === "sse" ? { id: String(entry.seq) } : {}, data: showEntry(entry) },
      format,
    );
  frames.set(entry, made.set(format, frame));
  return frame;
}
