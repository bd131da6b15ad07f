/**
 * The tables as the port's rows: which fields each stores, under which column names. What a commit
 * writes and what a query reads back both come from these lists. `migrations.ts` makes the tables;
 * they are `STRICT`, so what is read has the types that were written.
 */
import type {
  ActorRow,
  BaseRow,
  DeadLetterRow,
  EffectRow,
  IdempotencyRow,
  IndexValue,
  JournalRow,
  PoolRow,
  SlotRow,
  StreamRow,
  Tally,
  TimerRow,
  WatchRow,
} from "./store.ts";

/** A table with some of its rows' fields. */
export type Fields<Field extends string> = {
  readonly name: string;
  readonly fields: readonly Field[];
  /** The fields' columns, joined. */
  readonly columns: string;
  /**
   * What to select so that a row comes back as one JSON text, in the port's own names. Three times
   * as fast as a result with a column each, and strings may hold NUL.
   */
  readonly row: string;
};

export const ACTORS = table<keyof ActorRow>("actors", [
  "createdSeq",
  "address",
  "kind",
  "version",
  "revision",
  "createdAt",
  "updatedAt",
  "status",
  "state",
  "snapshot",
  "parent",
  "childId",
  "blocked",
  "archivedAt",
]);

export const JOURNAL = table<keyof JournalRow>("journal", [
  "seq",
  "address",
  "revision",
  "at",
  "event",
  "key",
  "cause",
  "edges",
  "state",
  "status",
  "emitted",
  "outcome",
]);

export const TIMERS = table<keyof TimerRow>("timers", [
  "address",
  "id",
  "dueAt",
  "target",
  "event",
  "stamp",
]);

export const EFFECTS = table<keyof EffectRow>("effects", [
  "key",
  "address",
  "childId",
  "type",
  "src",
  "input",
  "attempt",
  "bootId",
  "notBefore",
  "createdAt",
]);

export const SLOTS = table<keyof SlotRow>("slots", [
  "key",
  "address",
  "childId",
  "pools",
  "priority",
  "share",
  "seq",
  "requestedAt",
  "grantedAt",
]);

export const WATCHES = table<keyof WatchRow>("watches", ["key", "watcher", "childId", "target"]);

export const POOLS = table<keyof PoolRow>("pools", ["name", "limit"]);

export const BASES = table<keyof BaseRow>("bases", [
  "address",
  "revision",
  "version",
  "snapshot",
  "at",
  "seq",
]);

export const DEAD_LETTERS = table<keyof DeadLetterRow>("dead_letters", [
  "id",
  "seq",
  "at",
  "address",
  "event",
  "cause",
  "reason",
]);

export const IDEMPOTENCY = table<keyof IdempotencyRow>("idempotency", [
  "key",
  "fingerprint",
  "answer",
  "at",
]);

export const STREAMS = table<keyof StreamRow>("streams", [
  "address",
  "channel",
  "seq",
  "at",
  "data",
]);

export const TALLIES = table<keyof Tally>("tallies", ["kind", "state", "status", "count"]);

export const LABELS = table<keyof IndexValue | "kind" | "createdSeq">("labels", [
  "kind",
  "name",
  "value",
  "createdSeq",
]);

export const BLOBS = table<"sha" | "data" | "at">("blobs", ["sha", "data", "at"]);

export const BLOB_OWNERS = table<"address" | "sha" | "seq">("blob_owners", [
  "address",
  "sha",
  "seq",
]);

/** The column of a field, quoted: `createdSeq` is `"created_seq"`. */
export function column(field: string): string {
  return `"${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}"`;
}

function table<Field extends string>(name: string, fields: readonly Field[]): Fields<Field> {
  const pairs = fields.map((field) => `'${field}', ${name}.${column(field)}`);
  return {
    name,
    fields,
    columns: fields.map(column).join(", "),
    row: `json_object(${pairs.join(", ")}) as row`,
  };
}
