/** The care of a memory store: cutting old history, and looking for what must not be. */
import type { Address } from "../runtime/address.ts";
import { StoreError } from "../runtime/errors.ts";
import { keyOf, type MemoryData } from "./memory_data.ts";
import type { ActorRow, PruneReport, PruneRequest } from "./store.ts";

/** Archives actors that ended, oldest first. */
export function pruneContent(data: MemoryData, request: PruneRequest): PruneReport {
  const ended = [...data.actors.values()].filter((row) =>
    row.status !== "active" && row.archivedAt === null && row.updatedAt < request.endedBefore
  );
  const chosen = ended.sort((left, right) => left.updatedAt - right.updatedAt)
    .slice(0, request.limit);
  for (const row of chosen) archive(data, row, request.now);
  const addresses = new Set(chosen.map(({ address }) => address));
  return {
    actors: chosen.length,
    journalRows: cutJournal(data, addresses),
    streamRows: cutStreams(data, addresses),
    blobs: cutBlobs(data, addresses),
    idempotency: cutIdempotency(data, request),
  };
}

/** Throws `StoreError("corrupt")` with what is wrong. */
export function checkContent(data: MemoryData): void {
  const problems = [...journalProblems(data), ...orphanProblems(data), ...tallyProblems(data)];
  if (problems.length === 0) return;
  throw new StoreError("corrupt", `Cannot trust the store: ${problems.join("; ")}`);
}

function archive(data: MemoryData, row: ActorRow, now: number): void {
  const { address, revision, version, snapshot } = row;
  const others = (data.bases.get(address) ?? []).filter((base) => base.revision !== revision);
  data.bases.set(address, [...others, { address, revision, version, snapshot }]);
  data.actors.set(address, { ...row, archivedAt: now });
}

function cutJournal(data: MemoryData, addresses: ReadonlySet<Address>): number {
  const gone = data.journal.filter((row) => addresses.has(row.address));
  for (const { address, key } of gone) if (key !== null) data.keys.delete(keyOf(address, key));
  for (const address of addresses) data.histories.delete(address);
  data.journal = data.journal.filter((row) => !addresses.has(row.address));
  data.head = { ...data.head, prunedSeq: Math.max(data.head.prunedSeq, gone.at(-1)?.seq ?? 0) };
  return gone.length;
}

function cutStreams(data: MemoryData, addresses: ReadonlySet<Address>): number {
  let count = 0;
  for (const [key, rows] of data.streams) {
    if (!addresses.has(key.slice(0, key.indexOf(" ")))) continue;
    count += rows.length;
    data.streams.delete(key);
  }
  return count;
}

/** With its history gone, an actor refers to a blob by its snapshot or not at all. */
function cutBlobs(data: MemoryData, addresses: ReadonlySet<Address>): number {
  const before = data.blobs.size;
  for (const [sha, blob] of data.blobs) {
    const owners = [...blob.owners].filter((owner) =>
      !addresses.has(owner) || data.actors.get(owner)?.snapshot.includes(sha)
    );
    if (owners.length === 0) data.blobs.delete(sha);
    else data.blobs.set(sha, { ...blob, owners: new Set(owners) });
  }
  return before - data.blobs.size;
}

function cutIdempotency(data: MemoryData, request: PruneRequest): number {
  const rows = [...data.idempotency.values()].slice(0, request.limit)
    .filter(({ at }) => at < request.idempotencyBefore);
  for (const { key } of rows) data.idempotency.delete(key);
  return rows.length;
}

function journalProblems({ head, journal, actors, histories }: MemoryData): string[] {
  const found = journal.filter(({ seq }) => seq > head.prunedSeq).length;
  const want = head.seq - head.prunedSeq;
  const gap = `${found} journal rows after seq ${head.prunedSeq}, want ${want}`;
  const ahead = [...actors.values()].filter(({ address, revision }) =>
    (histories.get(address)?.at(-1)?.revision ?? 0) > revision
  ).map(({ address, revision }) =>
    `${address} is at revision ${revision}, its journal goes further`
  );
  return [...found === want ? [] : [gap], ...ahead];
}

function orphanProblems({ actors, timers, slots, watches, effects }: MemoryData): string[] {
  const owners = [
    ...timers.values().map(({ id, address }) => ({ row: `${id} of timers`, address })),
    ...slots.values().map(({ key, address }) => ({ row: `${key} of slots`, address })),
    ...watches.values().map(({ key, watcher }) => ({ row: `${key} of watches`, address: watcher })),
    ...effects.values().filter(({ type }) => type === "invoke").map(({ key, address }) => ({
      row: `${key} of effects`,
      address,
    })),
  ];
  return owners.flatMap(({ row, address }) => {
    const status = actors.get(address)?.status ?? "missing";
    return status === "active" ? [] : [`${row} belongs to ${address}, which is ${status}`];
  });
}

function tallyProblems({ actors, tallies }: MemoryData): string[] {
  const counts = new Map<string, number>();
  for (const { kind, state, status } of actors.values()) {
    const key = JSON.stringify([kind, state, status]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...new Set([...counts.keys(), ...tallies.keys()])].flatMap((key) => {
    const difference = (tallies.get(key)?.count ?? 0) - (counts.get(key) ?? 0);
    return difference === 0 ? [] : [`tally of ${key} is off by ${difference}`];
  });
}
