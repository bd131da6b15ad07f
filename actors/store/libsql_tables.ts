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
  JournalRow,
  PoolRow,
  SlotRow,
  StreamRow,
  Tally,
  TimerRow,
  WatchRow,
} from "./store.ts";

/** A table and the fields of its rows, in the order of its columns. */
export type Table<Row> = { name: string; fields: readonly (keyof Row & string)[] };

export const ACTORS: Table<ActorRow> = {
  name: "actors",
  fields: [
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
  ],
};

export const JOURNAL: Table<JournalRow> = {
  name: "journal",
  fields: [
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
  ],
};

export const TIMERS: Table<TimerRow> = {
  name: "timers",
  fields: ["address", "id", "dueAt", "target", "event", "stamp"],
};

export const EFFECTS: Table<EffectRow> = {
  name: "effects",
  fields: [
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
  ],
};

export const SLOTS: Table<SlotRow> = {
  name: "slots",
  fields: [
    "key",
    "address",
    "childId",
    "pools",
    "priority",
    "share",
    "seq",
    "requestedAt",
    "grantedAt",
  ],
};

export const WATCHES: Table<WatchRow> = {
  name: "watches",
  fields: ["key", "watcher", "childId", "target"],
};

export const POOLS: Table<PoolRow> = { name: "pools", fields: ["name", "limit"] };

export const BASES: Table<BaseRow> = {
  name: "bases",
  fields: ["address", "revision", "version", "snapshot"],
};

export const DEAD_LETTERS: Table<DeadLetterRow> = {
  name: "dead_letters",
  fields: ["id", "seq", "at", "address", "event", "cause", "reason"],
};

export const IDEMPOTENCY: Table<IdempotencyRow> = {
  name: "idempotency",
  fields: ["key", "fingerprint", "answer", "at"],
};

export const STREAMS: Table<StreamRow> = {
  name: "streams",
  fields: ["address", "channel", "seq", "at", "data"],
};

export const TALLIES: Table<Tally> = {
  name: "tallies",
  fields: ["kind", "state", "status", "count"],
};

/** The column of a field, quoted: `createdSeq` is `"created_seq"`. */
export function column(field: string): string {
  return `"${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}"`;
}

/** The columns of fields, for an insert. */
export function columns(fields: readonly string[]): string {
  return fields.map(column).join(", ");
}

/**
 * What to select so that a row comes back as one JSON text, in the port's own names. Three times
 * as fast as a result with a column each, and strings may hold NUL.
 */
export function asRow<Row>({ name, fields }: Table<Row>): string {
  const pairs = fields.map((field) => `'${field}', ${name}.${column(field)}`);
  return `json_object(${pairs.join(", ")}) as row`;
}
