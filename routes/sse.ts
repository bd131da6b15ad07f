/**
 * The two forms of a stream: server-sent events, and one JSON object a line for callers that ask
 * for NDJSON. Frames are bytes, so that one may be made once and sent to many.
 */
import type { Context } from "hono";
import type { Json, JsonObject } from "../actors/runtime/json.ts";
import type { InputFault } from "./errors.ts";
import { invalidInput } from "./errors.ts";
import { MAX_HEADER_CHARS, SSE_RETRY_MS } from "./limits.ts";

export const SSE = "text/event-stream";
export const NDJSON = "application/x-ndjson";

export type StreamFormat = "sse" | "ndjson";

export type Frame = {
  /** What `Last-Event-ID` will name. */
  id?: string;
  /** Absent: a plain message. */
  event?: string;
  data: JsonObject;
};

const encoder = new TextEncoder();

/** NDJSON where the caller names it, else server-sent events. */
export function wantedFormat(c: Context): StreamFormat {
  return (c.req.header("accept") ?? "").includes(NDJSON) ? "ndjson" : "sse";
}

/** Headers of a stream: no cache and no proxy may hold it back. */
export function streamHeaders(type: string): { [name: string]: string } {
  return { "content-type": type, "cache-control": "no-store", "x-accel-buffering": "no" };
}

export function formatHeaders(format: StreamFormat): { [name: string]: string } {
  return streamHeaders(format === "sse" ? SSE : NDJSON);
}

/** A frame in either form. A line of NDJSON is `{id, event, data}`, or the data of a plain one. */
export function encodeFrame(frame: Frame, format: StreamFormat): Uint8Array<ArrayBuffer> {
  return format === "sse" ? sseFrame(frame) : ndjsonLine(ndjsonObject(frame));
}

/** One line of NDJSON. */
export function ndjsonLine(value: Json): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${JSON.stringify(value)}\n`);
}

/** A comment, or an empty line: what readers skip, and what shows them that the line is up. */
export function heartbeatOf(format: StreamFormat): Uint8Array<ArrayBuffer> {
  return encoder.encode(format === "sse" ? ": heartbeat\n\n" : "\n");
}

/** The first frame: how long to wait before connecting again, and from where to go on. */
export function openingOf(format: StreamFormat, id: string | null): Uint8Array<ArrayBuffer> {
  if (format === "ndjson") return encoder.encode("");
  const cursor = id === null ? "" : `id: ${id}\n`;
  return encoder.encode(`retry: ${SSE_RETRY_MS}\n${cursor}\n`);
}

/** The id of the last event that the caller saw; it goes before a cursor in the URL. */
export function lastEventId(c: Context): string | undefined {
  const id = c.req.header("last-event-id");
  if (id === undefined || id === "") return undefined;
  if (id.length <= MAX_HEADER_CHARS) return id;
  throw invalidInput([badCursor("Last-Event-ID")]);
}

/** A `Last-Event-ID` that this server never gave. */
export function badCursor(name: string): InputFault {
  return { detail: "not an id of this stream", in: "header", name };
}

// JSON has no raw line breaks, so one `data` line is enough.
function sseFrame({ id, event, data }: Frame): Uint8Array<ArrayBuffer> {
  const head = (id === undefined ? "" : `id: ${id}\n`) +
    (event === undefined ? "" : `event: ${event}\n`);
  return encoder.encode(`${head}data: ${JSON.stringify(data)}\n\n`);
}

function ndjsonObject({ id, event, data }: Frame): JsonObject {
  if (event === undefined) return data;
  return { ...id === undefined ? {} : { id }, event, data };
}
