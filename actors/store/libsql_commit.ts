/**
 * A commit as statements: one for each table that it touches, in one transaction. The order is
 * deletions before insertions, and the check right behind what it checks.
 */
import { StoreError } from "../runtime/errors.ts";
import type { Connection } from "./libsql_connection.ts";
import { loadActors } from "./libsql_list.ts";
import type { Statement } from "./libsql_pack.ts";
import {
  ACTORS,
  BASES,
  BLOB_OWNERS,
  BLOBS,
  DEAD_LETTERS,
  EFFECTS,
  IDEMPOTENCY,
  JOURNAL,
  LABELS,
  POOLS,
  SLOTS,
  STREAMS,
  TALLIES,
  TIMERS,
  WATCHES,
} from "./libsql_tables.ts";
import { insert, insertOwned, remove, removeOwned, updateActors } from "./libsql_write.ts";
import type { BlobWrite, Commit, IndexWrite, Tally } from "./store.ts";

/** Who writes, and how many commits it knows of. */
export type Fence = { bootId: string; epoch: number; commits: number };

/** The statements of a commit. */
export function commitStatements(commit: Commit, fence: Fence): Statement[] {
  const created = commit.actors.filter((write) => write.baseRevision === 0);
  const changed = commit.actors.filter((write) => write.baseRevision !== 0);
  const updates = updateActors(changed);
  const last = updates.at(-1);
  const numbers = new Map(commit.actors.map(({ address, createdSeq }) => [address, createdSeq]));
  return [
    ...insert("insert", ACTORS, created),
    ...updates.flatMap((update) => {
      const { rows, ...statement } = update;
      return update === last ? [statement] : [statement, confirm(rows)];
    }),
    advance(fence, {
      seq: commit.seq,
      before: commit.seq - commit.journal.length,
      updates: last?.rows ?? 0,
    }),
    ...insertOwned("insert", JOURNAL, { rows: commit.journal, numbers }),
    ...removeOwned("timers", [], {
      rows: commit.timersCleared.map((address) => ({ address })),
      numbers,
    }),
    ...removeOwned("timers", ["id"], { rows: commit.timersDeleted, numbers }),
    ...insertOwned("insert or replace", TIMERS, { rows: commit.timers, numbers }),
    ...remove("effects", ["key"], commit.effectsDeleted.map((key) => ({ key }))),
    ...insert("insert or replace", EFFECTS, commit.effects),
    ...remove("slots", ["key"], commit.slotsDeleted.map((key) => ({ key }))),
    ...insert("insert or replace", SLOTS, commit.slots),
    ...remove("watches", ["key", "target"], commit.watchesDeleted),
    ...insert("insert or replace", WATCHES, commit.watches),
    ...insert("insert or replace", POOLS, commit.pools),
    ...relabel(commit.index),
    ...insert("insert or replace", BASES, commit.bases),
    ...keepBlobs(commit.blobs, commit.seq),
    ...remove("dead_letters", ["id"], commit.deadLettersDeleted.map((id) => ({ id }))),
    ...insert("insert or replace", DEAD_LETTERS, commit.deadLetters),
    ...insert("insert or replace", IDEMPOTENCY, commit.idempotency),
    ...insert("insert", STREAMS, commit.streams),
    ...count(commit.tallies),
  ];
}

/**
 * Moves the head on, and fails the transaction unless everything is as this process believes: a
 * value that is not becomes null, which its column refuses. `changes()` is what the statement
 * before this one changed, so it must directly follow the update of actors.
 */
export function advance(
  { bootId, epoch, commits }: Fence,
  { seq, before, updates }: { seq: number; before: number; updates: number },
): Statement {
  const updated = updates === 0 ? "0" : "case when changes() = ?6 then ?6 end";
  return {
    sql: `update head set
      boot_id = case when boot_id = ?1 and epoch = ?2 then boot_id end,
      commits = case when commits = ?3 then commits + 1 end,
      seq = case when seq = ?4 then ?5 end,
      updates = ${updated}`,
    args: [bootId, epoch, commits, before, seq, ...(updates === 0 ? [] : [updates])],
  };
}

/** Fails the transaction unless the statement before this one changed that many rows. */
function confirm(rows: number): Statement {
  return { sql: "update head set updates = case when changes() = ?1 then ?1 end", args: [rows] };
}

/** A conflict's error with the actor that caused it, where one did. */
export async function explain(
  connection: Connection,
  commit: Commit,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof StoreError) || error.failure !== "conflict") return error;
  if (connection.isSuspect) return error;
  const rows = await connection.select(loadActors(commit.actors.map(({ address }) => address)));
  const stored = new Map(rows.map(({ address, revision }) => [address, revision]));
  for (const { address, baseRevision } of commit.actors) {
    const revision = stored.get(address) ?? 0;
    if (revision === baseRevision) continue;
    const reason = `${address} is at revision ${revision}, the write is from ${baseRevision}`;
    return new StoreError("conflict", `Cannot commit seq ${commit.seq}: ${reason}`, {
      cause: error,
    });
  }
  return error;
}

function relabel(writes: readonly IndexWrite[]): Statement[] {
  const owners = writes.map(({ createdSeq }) => ({ createdSeq }));
  const labels = writes.flatMap(({ kind, createdSeq, values }) =>
    values.map(({ name, value }) => ({ kind, name, value, createdSeq }))
  );
  return [
    ...remove("labels", ["createdSeq"], owners),
    ...insert("insert or ignore", LABELS, labels),
  ];
}

/** Who refers to a blob is written down with the last commit that did. */
function keepBlobs(blobs: readonly BlobWrite[], seq: number): Statement[] {
  const data = blobs.filter((blob) => blob.data !== null);
  const owners = blobs.map(({ address, sha }) => ({ address, sha, seq }));
  return [
    ...insert("insert or ignore", BLOBS, data),
    // `where true` parts the select from the clause, which else reads as a join's condition.
    ...insert("insert", BLOB_OWNERS, owners).map(({ sql, args }) => ({
      sql: `${sql} where true on conflict do update set seq = excluded.seq`,
      args,
    })),
  ];
}

/** Rows at zero stay where they are and are not shown: there are few, and most come back. */
function count(deltas: Commit["tallies"]): Statement[] {
  const sums = new Map<string, Tally>();
  for (const { kind, state, status, delta } of deltas) {
    const key = JSON.stringify([kind, state, status]);
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { kind, state, status, count: delta });
    else sum.count += delta;
  }
  const rows = [...sums.values()].filter((sum) => sum.count !== 0);
  return insert("insert", TALLIES, rows).map(({ sql, args }) => ({
    sql: `${sql} where true on conflict do update set count = count + excluded.count`,
    args,
  }));
}
