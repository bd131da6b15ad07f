/** A stream of one actor as an answer: as text, or as NDJSON with each piece's place in it. */
import { z } from "@hono/zod-openapi";
import type { Address } from "../actors/runtime/address.ts";
import type { StreamRow } from "../actors/store/store.ts";
import type { Api, Call } from "./endpoint.ts";
import { iso } from "./lib/times.ts";
import { heartbeatOf, NDJSON, ndjsonLine, streamHeaders, wantedFormat } from "./sse.ts";

const PLAIN = "text/plain";

export const CHANNEL_MEDIA: readonly string[] = [PLAIN, NDJSON];

export const ChannelQuery = z.strictObject({
  follow: z.enum(["true", "false"]).default("false")
    .openapi({ description: "Stays until it has ended" }),
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0)
    .openapi({ description: "Pieces with a greater `seq`, as NDJSON names them" }),
});

const encoder = new TextEncoder();

/** Opens the stream that the caller asks for. */
export function openChannel(
  { system, streams, config }: Api,
  { c, query }: Call<unknown, z.infer<typeof ChannelQuery>, unknown>,
  { address, channel }: { address: Address; channel: string },
): Response {
  const follow = query.follow === "true";
  const asLines = wantedFormat(c) === "ndjson";
  const encode = asLines
    ? (row: StreamRow) => ndjsonLine(showRow(row))
    : (row: StreamRow) => encoder.encode(row.data);
  return streams.open(c.req.method, {
    headers: streamHeaders(asLines ? NDJSON : `${PLAIN}; charset=utf-8`),
    ...asLines ? { heartbeat: heartbeatOf("ndjson") } : {},
    source: async ({ write, signal }) => {
      const options = { after: query.after, follow, signal };
      for await (const row of system.stream(address, channel, options)) await write(encode(row));
    },
    failed: (error) => config.log("error", "stream broke off", { address, channel, error }),
  });
}

/** A piece as events show it. */
export function showRow({ seq, at, data }: StreamRow) {
  return { seq, at: iso(at), data };
}
