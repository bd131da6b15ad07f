/**
 * The floor: the rows of recorded commits, written by libSQL itself with nothing around it. One
 * batch a commit, one statement a table, packed as the store packs them but made beforehand. The
 * tables have the rows' columns and a key each, and no further index.
 */
import { type Client, createClient, type InStatement } from "@libsql/client";
import { CACHE_KIB, CHECKPOINT_PAGES } from "../../actors/store/libsql_limits.ts";
import { type Cell, pack } from "../../actors/store/libsql_pack.ts";
import type { Commit } from "../../actors/store/store.ts";
import { type BenchContext, newDatabase } from "./context.ts";
import { timedEach } from "./statistics.ts";
import type { Recorded } from "./worlds.ts";

type Place = Pick<BenchContext, "dir" | "syncMode">;

const FIXED = ["address", "kind", "createdSeq", "createdAt", "parent", "childId"] as const;
const CHANGING = [
  "version",
  "revision",
  "updatedAt",
  "status",
  "state",
  "snapshot",
  "blocked",
  "archivedAt",
] as const;
const JOURNAL = [
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
] as const;
const TIMER = ["address", "id", "dueAt", "target", "event", "stamp"] as const;
const EFFECT = [
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
] as const;
const SLOT = [
  "key",
  "address",
  "childId",
  "pools",
  "priority",
  "share",
  "seq",
  "requestedAt",
  "grantedAt",
] as const;
const LABEL = ["kind", "name", "value", "createdSeq"] as const;
const TALLY = ["kind", "state", "status", "delta"] as const;

const SCHEMA = [
  `create table actors (${names([...FIXED, ...CHANGING])}, primary key (address)) without rowid`,
  `create table journal (${names(JOURNAL)}, primary key (seq)) without rowid`,
  `create table timers (${names(TIMER)}, primary key (address, id)) without rowid`,
  `create table effects (${names(EFFECT)}, primary key (key)) without rowid`,
  `create table slots (${names(SLOT)}, primary key (key)) without rowid`,
  `create table labels (${names(LABEL)}, primary key (createdSeq, name, value)) without rowid`,
  `create table tallies (${names(TALLY)}, primary key (kind, state, status)) without rowid`,
];

/** A raw database with the recorded tables, with the pragmas of the one it is compared with. */
export async function openRaw(place: Place): Promise<Client> {
  const client = createClient({ url: await newDatabase(place), concurrency: 1 });
  await client.execute("pragma journal_mode = wal");
  await client.execute(`pragma synchronous = ${place.syncMode}`);
  await client.execute(`pragma cache_size = -${CACHE_KIB}`);
  await client.execute(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  await client.batch(SCHEMA, "write");
  return client;
}

/** Writes commits, as they were. */
export async function load(client: Client, recorded: readonly Recorded[]): Promise<void> {
  for (const { commit } of recorded) await client.batch(statementsOf(commit), "write");
}

/**
 * How long each of the commits takes from number `from` on, one after the other, ms. Those before
 * it are written too, so that what is changed is there.
 */
export async function replay(
  place: Place,
  recorded: readonly Recorded[],
  from: number,
): Promise<number[]> {
  const client = await openRaw(place);
  try {
    await load(client, recorded.slice(0, from));
    const batches = recorded.slice(from).map(({ commit }) => statementsOf(commit));
    return await timedEach(
      batches.length,
      (number) => client.batch(batches[number] ?? [], "write"),
    );
  } finally {
    client.close();
  }
}

/** The statements of one commit. */
export function statementsOf(commit: Commit): InStatement[] {
  const isNew = ({ baseRevision }: { baseRevision: number }) => baseRevision === 0;
  const created = commit.actors.filter(isNew);
  const changed = commit.actors.filter((actor) => !isNew(actor));
  const labels = commit.index.flatMap(({ kind, createdSeq, values }) =>
    values.map((value) => ({ kind, createdSeq, ...value }))
  );
  return [
    insert("actors", [...FIXED, ...CHANGING], { rows: created }),
    update(changed),
    insert("journal", JOURNAL, { rows: commit.journal }),
    remove("timers", ["address"], commit.timersCleared.map((address) => ({ address }))),
    remove("timers", ["address", "id"], commit.timersDeleted),
    insert("timers", TIMER, {
      rows: commit.timers,
      conflict: "do update set dueAt = excluded.dueAt, stamp = excluded.stamp",
    }),
    remove("effects", ["key"], commit.effectsDeleted.map((key) => ({ key }))),
    insert("effects", EFFECT, { rows: commit.effects, conflict: "do nothing" }),
    remove("slots", ["key"], commit.slotsDeleted.map((key) => ({ key }))),
    insert("slots", SLOT, {
      rows: commit.slots,
      conflict: "do update set grantedAt = excluded.grantedAt",
    }),
    remove("labels", ["createdSeq"], commit.index),
    insert("labels", LABEL, { rows: labels }),
    insert("tallies", TALLY, {
      rows: commit.tallies,
      conflict: "do update set delta = delta + excluded.delta",
    }),
  ].flat();
}

function insert<Field extends string>(
  table: string,
  fields: readonly Field[],
  { rows, conflict }: {
    rows: readonly { readonly [Name in Field]: Cell }[];
    conflict?: string;
  },
): InStatement[] {
  if (rows.length === 0) return [];
  const { sql, args } = pack(rows, fields);
  const tail = conflict === undefined ? "" : ` where true on conflict ${conflict}`;
  return [{ sql: `insert into ${table} (${names(fields)}) ${sql}${tail}`, args }];
}

function update(actors: Commit["actors"]): InStatement[] {
  if (actors.length === 0) return [];
  const { sql, args } = pack(actors, ["address", ...CHANGING]);
  const changes = CHANGING.map((field) => `"${field}" = changes."${field}"`).join(", ");
  return [{
    sql: `with changes (${names(["address", ...CHANGING])}) as (${sql}) ` +
      `update actors set ${changes} from changes where actors.address = changes.address`,
    args,
  }];
}

function remove<Field extends string>(
  table: string,
  fields: readonly Field[],
  rows: readonly { readonly [Name in Field]: Cell }[],
): InStatement[] {
  if (rows.length === 0) return [];
  const { sql, args } = pack(rows, fields);
  return [{ sql: `delete from ${table} where (${names(fields)}) in (${sql})`, args }];
}

function names(fields: readonly string[]): string {
  return fields.map((field) => `"${field}"`).join(", ");
}
