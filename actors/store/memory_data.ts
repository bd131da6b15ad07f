/**
 * What a memory store holds, and how a commit changes it. Rows are never changed in place, so a
 * copy of the content is a copy of the maps. `memory.ts` answers queries from it.
 */
import type { Address } from "../runtime/address.ts";
import { StoreError } from "../runtime/errors.ts";
import type {
  ActorRow,
  BaseRow,
  Commit,
  DeadLetterRow,
  EffectRow,
  IdempotencyRow,
  IndexValue,
  JournalRow,
  PoolRow,
  SlotRow,
  StreamRow,
  TimerRow,
  WatchRow,
} from "./rows.ts";
import type { Tally } from "./store.ts";

/** Keys of two parts are joined by a blank, which addresses do not have. */
export class MemoryData {
  head = { bootId: "", epoch: 0, expiresAt: 0, seq: 0, prunedSeq: 0 };
  actors = new Map<Address, ActorRow>();
  /** Addresses by `createdSeq`. */
  creations = new Map<number, Address>();
  journal: JournalRow[] = [];
  histories = new Map<Address, JournalRow[]>();
  /** By address and key. */
  keys = new Map<string, JournalRow>();
  /** By address and id, in the order in which they were set. */
  timers = new Map<string, TimerRow>();
  effects = new Map<string, EffectRow>();
  slots = new Map<string, SlotRow>();
  /** By key and target. */
  watches = new Map<string, WatchRow>();
  pools = new Map<string, PoolRow>();
  labels = new Map<Address, readonly IndexValue[]>();
  bases = new Map<Address, readonly BaseRow[]>();
  /** Bases up to which nothing of the journal is left, by address: their `seq`. */
  cuts = new Map<Address, number>();
  /** Each owner with the last commit in which it referred to the blob. */
  blobs = new Map<string, { data: string; owners: ReadonlyMap<Address, number> }>();
  deadLetters = new Map<string, DeadLetterRow>();
  idempotency = new Map<string, IdempotencyRow>();
  /** By address and channel. */
  streams = new Map<string, StreamRow[]>();
  /** By kind, state and status. */
  tallies = new Map<string, Tally>();

  /** The same content, to go on from separately. */
  copy(): MemoryData {
    const parts = Object.entries(this).map(([name, part]) => [name, copyOf(part)]);
    return Object.assign(new MemoryData(), Object.fromEntries(parts));
  }
}

/** Throws `StoreError("conflict")` when the commit does not fit what is there. */
export function checkCommit(data: MemoryData, commit: Commit): void {
  const fail = (reason: string) => {
    throw new StoreError("conflict", `Cannot commit seq ${commit.seq}: ${reason}`);
  };
  const written = new Set<Address>();
  for (const { address, baseRevision, createdSeq } of commit.actors) {
    const revision = data.actors.get(address)?.revision ?? 0;
    if (revision !== baseRevision) {
      fail(`${address} is at revision ${revision}, the write is from ${baseRevision}`);
    }
    const owner = data.creations.get(createdSeq);
    if (owner !== (baseRevision === 0 ? undefined : address)) {
      fail(`createdSeq ${createdSeq} of ${address} is that of ${owner}`);
    }
    if (written.has(address)) fail(`${address} is written twice`);
    written.add(address);
  }
  if (commit.seq - commit.journal.length !== data.head.seq) {
    fail(`its journal does not follow the stored one, which ends at ${data.head.seq}`);
  }
  for (const { address, key } of commit.journal) {
    if (key !== null && data.keys.has(keyOf(address, key))) fail(`key "${key}" has been used`);
  }
  for (const { address, channel, seq } of commit.streams) {
    const last = data.streams.get(`${address} ${channel}`)?.at(-1)?.seq ?? 0;
    if (seq <= last) fail(`stream ${channel} of ${address} has a row ${seq}`);
  }
  for (const { address } of [...commit.journal, ...commit.timers]) {
    if (!written.has(address) && !data.actors.has(address)) {
      throw new StoreError("other", `Cannot commit seq ${commit.seq}: ${address} is missing`);
    }
  }
  const brought = new Set(commit.blobs.flatMap((blob) => blob.data === null ? [] : [blob.sha]));
  for (const { sha } of commit.blobs) {
    if (!brought.has(sha) && !data.blobs.has(sha)) {
      throw new StoreError("other", `Cannot commit seq ${commit.seq}: blob ${sha} is missing`);
    }
  }
}

/** Carries out a commit that fits. */
export function applyCommit(data: MemoryData, commit: Commit): void {
  applyActors(data, commit);
  applyDebts(data, commit);
  for (const row of commit.pools) data.pools.set(row.name, stored(row));
  for (const row of commit.bases) {
    const others = data.bases.get(row.address) ?? [];
    const kept = others.filter(({ revision }) => revision !== row.revision);
    data.bases.set(row.address, [...kept, stored(row)]);
  }
  for (const { sha, data: text, address } of commit.blobs) {
    const blob = data.blobs.get(sha) ?? { data: text?.toWellFormed() ?? "", owners: new Map() };
    data.blobs.set(sha, { ...blob, owners: new Map([...blob.owners, [address, commit.seq]]) });
  }
  for (const id of commit.deadLettersDeleted) data.deadLetters.delete(id);
  for (const row of commit.deadLetters) data.deadLetters.set(row.id, stored(row));
  for (const row of commit.idempotency) {
    // Deleted first, so that the oldest answers come first.
    data.idempotency.delete(row.key);
    data.idempotency.set(row.key, stored(row));
  }
  for (const row of commit.streams) {
    append(data.streams, `${row.address} ${row.channel}`, stored(row));
  }
  for (const { kind, state, status, delta } of commit.tallies) {
    const key = JSON.stringify([kind, state, status]);
    const count = (data.tallies.get(key)?.count ?? 0) + delta;
    data.tallies.set(key, { kind, state, status, count });
  }
}

function applyActors(data: MemoryData, commit: Commit): void {
  data.head = { ...data.head, seq: commit.seq };
  for (const { baseRevision, ...row } of commit.actors) {
    const before = data.actors.get(row.address);
    // What an event cannot change stays as it was created.
    const { kind, createdAt, parent, childId } = before ?? row;
    data.actors.set(row.address, stored({ ...row, kind, createdAt, parent, childId }));
    if (baseRevision === 0) data.creations.set(row.createdSeq, row.address);
  }
  for (const row of commit.journal.map(stored)) {
    data.journal.push(row);
    append(data.histories, row.address, row);
    if (row.key !== null) data.keys.set(keyOf(row.address, row.key), row);
  }
  for (const { address, values } of commit.index) {
    const labels = new Map(values.map((value) => [JSON.stringify(value), stored(value)]));
    data.labels.set(address, [...labels.values()]);
  }
}

/** Timers, effects, slots and watches. */
function applyDebts(data: MemoryData, commit: Commit): void {
  const cleared = new Set(commit.timersCleared);
  if (cleared.size > 0) {
    for (const [key, row] of data.timers) if (cleared.has(row.address)) data.timers.delete(key);
  }
  for (const { address, id } of commit.timersDeleted) data.timers.delete(`${address} ${id}`);
  for (const row of commit.timers) {
    const key = `${row.address} ${row.id}`;
    // Deleted first, so that it comes after those that were set before.
    data.timers.delete(key);
    data.timers.set(key, stored(row));
  }
  for (const key of commit.effectsDeleted) data.effects.delete(key);
  for (const row of commit.effects) data.effects.set(row.key, stored(row));
  for (const key of commit.slotsDeleted) data.slots.delete(key);
  for (const row of commit.slots) data.slots.set(row.key, stored(row));
  for (const { key, target } of commit.watchesDeleted) data.watches.delete(`${key} ${target}`);
  for (const row of commit.watches) data.watches.set(`${row.key} ${row.target}`, stored(row));
}

/** A copy of a row as a database would keep it: lone surrogates are no text. */
function stored<Row extends object>(row: Row): Row {
  const pairs = Object.entries(row).map(([field, value]) => [
    field,
    typeof value === "string" ? value.toWellFormed() : value,
  ]);
  return Object.fromEntries(pairs) as Row;
}

/** How `MemoryData.keys` names the key of an event. */
export function keyOf(address: Address, key: string): string {
  return `${address} ${key.toWellFormed()}`;
}

function append<Row>(lists: Map<string, Row[]>, key: string, row: Row): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [row]);
  else list.push(row);
}

function copyOf(part: unknown): unknown {
  if (part instanceof Map) {
    return new Map(part.entries().map(([key, value]) => [key, listOf(value)]));
  }
  return Array.isArray(part) ? [...part] : { ...part as object };
}

/** Lists grow in place, everything else in a map is replaced whole. */
function listOf(value: unknown): unknown {
  return Array.isArray(value) ? [...value] : value;
}
