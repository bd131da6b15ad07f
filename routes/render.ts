/**
 * Records, entries and receipts as the API shows them: times as text, and an ETag from the
 * revision. What a kind's own view adds is its resource's matter.
 */
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { FeedEntry, Receipt } from "../actors/runtime/api.ts";
import { iso, isoOrNull } from "./lib/times.ts";

export const Status = z.enum(["active", "done", "error", "stopped"]).openapi("Status");

const JsonAny = z.unknown().openapi({ description: "Any JSON" });
const JsonMap = z.record(z.string(), z.unknown());
export const Time = z.iso.datetime().openapi({ example: "2026-01-31T12:00:00.000Z" });

export const ReceiptSchema = z.strictObject({
  address: z.string(),
  seq: z.int(),
  revision: z.int(),
  state: z.string(),
  status: Status,
  duplicate: z.boolean().openapi({ description: "The key had been used: the first receipt again" }),
}).openapi("Receipt");

export const RecordSchema = z.looseObject({
  address: z.string().openapi({ example: "task:task_V1StGXR8" }),
  kind: z.string(),
  id: z.string(),
  version: z.string(),
  revision: z.int(),
  status: Status,
  state: z.string(),
  value: JsonAny,
  context: JsonMap.openapi({ description: "As stored; times in it are ms since the epoch" }),
  tags: z.array(z.string()),
  output: JsonAny.optional(),
  error: z.strictObject({ name: z.string(), message: z.string() }).optional(),
  parent: z.string().nullable(),
  blocked: z.string().nullable(),
  createdAt: Time,
  updatedAt: Time,
  archivedAt: Time.nullable(),
}).openapi("Actor");

export const EntrySchema = z.strictObject({
  seq: z.int(),
  at: Time,
  address: z.string(),
  kind: z.string(),
  revision: z.int(),
  event: JsonMap,
  key: z.string().nullable(),
  cause: z.string(),
  edges: z.array(z.string()),
  state: z.string(),
  status: Status,
  emitted: z.array(JsonMap),
  outcome: z.enum(["taken", "ignored", "dropped"]),
}).openapi("FeedEntry");

/** An actor in full. */
export function showRecord(record: ActorRecord): JsonObject {
  const { createdAt, updatedAt, archivedAt, createdSeq: _, ...fields } = record;
  return {
    ...fields as unknown as JsonObject,
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
    archivedAt: isoOrNull(archivedAt),
  };
}

/** What the views of all kinds have in common, beside what each shows of its own. */
export function commonFields(record: ActorRecord): JsonObject {
  const { id, state, revision, status, blocked, createdAt, updatedAt } = record;
  return {
    id,
    state,
    revision,
    status,
    ...blocked === null ? {} : { blocked },
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
  };
}

export function showEntry(entry: FeedEntry): JsonObject {
  return { ...entry as unknown as JsonObject, at: iso(entry.at) };
}

export function showReceipt(receipt: Receipt): JsonObject {
  const { address, seq, revision, state, status, duplicate } = receipt;
  return { address, seq, revision, state, status, duplicate };
}

/** The tag by which `If-Match` and `If-None-Match` name a revision. */
export function etagOf(revision: number): string {
  return `"${revision}"`;
}
