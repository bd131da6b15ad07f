/** Lists of a memory store: filtered, sorted, and copied on their way out. */
import { type Address, kindOf } from "../runtime/address.ts";
import type { MemoryData } from "./memory_data.ts";
import type { ActorQuery, ActorRow, JournalQuery, JournalRow, TimerRow } from "./store.ts";

export function listActors(data: MemoryData, query: ActorQuery): ActorRow[] {
  const { after, ascending = false, limit } = query;
  const rows = data.actors.values().filter((row) => matches(data, row, query)).filter((row) =>
    after === undefined || (ascending ? row.createdSeq > after : row.createdSeq < after)
  );
  const sign = ascending ? 1 : -1;
  return [...rows].sort((left, right) => sign * (left.createdSeq - right.createdSeq))
    .slice(0, limit);
}

export function listJournal(data: MemoryData, query: JournalQuery): JournalRow[] {
  const { after = 0, before = Infinity, afterRevision = -1, upToRevision = Infinity } = query;
  const addresses = query.addresses && new Set(query.addresses);
  const kinds = query.kinds && new Set(query.kinds);
  const rows = query.address === undefined ? data.journal : data.histories.get(query.address) ?? [];
  const found = rows.filter(({ seq, address, revision }) =>
    seq > after && seq < before && revision > afterRevision && revision <= upToRevision &&
    (addresses?.has(address) ?? true) && (kinds?.has(kindOf(address)) ?? true)
  );
  return (query.descending ? found.reverse() : found).slice(0, query.limit);
}

/** Active actors of a kind. */
export function activeOf(data: MemoryData, kind: string): ActorRow[] {
  return [...data.actors.values().filter((row) => row.kind === kind && row.status === "active")];
}

/** Active actors that own nothing that could wake them. */
export function unattended(data: MemoryData, addresses: readonly Address[]): Address[] {
  const { actors, timers, effects, slots, watches } = data;
  const attended = new Set<Address | null>([
    ...timers.values().flatMap(({ address, target }) => [address, target]),
    ...effects.values().map(({ address }) => address),
    ...slots.values().map(({ address }) => address),
    ...watches.values().map(({ watcher }) => watcher),
    ...actors.values().filter(({ status }) => status === "active").map(({ parent }) => parent),
  ]);
  return [...new Set(addresses)].filter((address) =>
    actors.get(address)?.status === "active" && !attended.has(address)
  );
}

/** By due time; those due together stay in the order in which they were set. */
export function byDueTime(rows: Iterable<TimerRow>): TimerRow[] {
  return [...rows].sort((left, right) => left.dueAt - right.dueAt);
}

export function byKey<Row extends { key: string; target?: string }>(rows: Iterable<Row>): Row[] {
  return [...rows].sort((left, right) =>
    compare(left.key, right.key) || compare(left.target ?? "", right.target ?? "")
  );
}

export function bySeq<Row extends { seq: number }>(rows: Iterable<Row>): Row[] {
  return [...rows].sort((left, right) => left.seq - right.seq);
}

export function ownedBy<Row extends { address: Address }>(
  address: Address,
  rows: ReadonlyMap<string, Row>,
): Iterable<Row> {
  return rows.values().filter((row) => row.address === address);
}

/** Rows that callers may keep and change; none for those that are missing. */
export function copies<Row extends object>(rows: Iterable<Row | undefined>): Row[] {
  return [...rows].flatMap((row) => row === undefined ? [] : [{ ...row }]);
}

export function compare(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

function matches(data: MemoryData, row: ActorRow, query: ActorQuery): boolean {
  const { kind, status, state, parent, index = [], blocked, archived = false } = query;
  return (kind === undefined || row.kind === kind) &&
    (status === undefined || row.status === status) &&
    (state === undefined || state.split("|").some((wanted) => isWithin(row.state, wanted))) &&
    (parent === undefined || row.parent === parent) &&
    (blocked === undefined || (row.blocked !== null) === blocked) &&
    (row.archivedAt !== null) === archived &&
    index.every(({ name, value }) =>
      data.labels.get(row.address)?.some((label) => label.name === name && label.value === value)
    );
}

function isWithin(state: string, wanted: string): boolean {
  return state === wanted || state.startsWith(`${wanted}.`);
}
