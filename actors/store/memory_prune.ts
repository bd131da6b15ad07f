/** Cutting old history of a memory store, as `libsql_prune.ts` does it in a database. */
import type { Address } from "../runtime/address.ts";
import { keyOf, type MemoryData } from "./memory_data.ts";
import type { ActorRow, BaseRow, JournalRow, PruneReport, PruneRequest } from "./store.ts";

/** Cuts what the request allows. */
export function pruneContent(data: MemoryData, request: PruneRequest): PruneReport {
  const { limit, rows, now } = request;
  const ended = listEnded(data, request);
  const due = listDue(data, request);
  for (const row of ended) archive(data, row, now);
  const addresses = new Set(ended.map(({ address }) => address));
  const journalRows = cutJournal(
    data,
    data.journal.filter(({ address }) => addresses.has(address)),
  );
  const streamRows = cutStreams(data, addresses);
  const blobs = cutBlobs(data, (address) => addresses.has(address) ? Infinity : undefined);
  const newest = newestOf(due);
  const past = data.journal.filter(({ address, seq }) => seq <= (newest.get(address)?.seq ?? 0));
  const cut = cutJournal(data, past.slice(0, rows));
  // What is past and left for the next call is as good as gone.
  raiseHorizon(data, past);
  for (const base of newest.values()) cutBases(data, base);
  const cutBlobsToo = cutBlobs(data, (address) => newest.get(address)?.seq);
  const idempotency = cutIdempotency(data, request);
  return {
    actors: ended.length,
    journalRows,
    cut,
    streamRows,
    blobs: blobs + cutBlobsToo,
    idempotency,
    isFull: Math.max(ended.length, due.length, idempotency) >= limit || cut >= rows,
  };
}

/** Actors that are to be archived, oldest first. */
function listEnded(data: MemoryData, { endedBefore, limit }: PruneRequest): ActorRow[] {
  const ended = [...data.actors.values()].filter((row) =>
    row.status !== "active" && row.archivedAt === null && row.updatedAt < endedBefore
  );
  return ended.sort((left, right) => left.updatedAt - right.updatedAt).slice(0, limit);
}

/** Bases behind which a journal is to be cut, oldest first. */
function listDue({ bases, cuts }: MemoryData, { basesBefore, limit }: PruneRequest): BaseRow[] {
  const due = [...bases.values()].flat().filter(({ address, seq, at }) =>
    at < basesBefore && seq > (cuts.get(address) ?? -1)
  );
  return due.sort((left, right) => left.at - right.at).slice(0, limit);
}

function newestOf(due: readonly BaseRow[]): Map<Address, BaseRow> {
  const newest = new Map<Address, BaseRow>();
  for (const base of due) {
    if (base.seq > (newest.get(base.address)?.seq ?? -1)) newest.set(base.address, base);
  }
  return newest;
}

function archive(data: MemoryData, row: ActorRow, now: number): void {
  const { address, revision, version, snapshot, updatedAt: at } = row;
  const { seq } = data.head;
  data.bases.set(address, [{ address, revision, version, snapshot, at, seq }]);
  data.cuts.set(address, seq);
  data.actors.set(address, { ...row, archivedAt: now });
}

/** Bases from before go; this one is done with once nothing of the journal is left up to it. */
function cutBases(data: MemoryData, { address, seq }: BaseRow): void {
  const kept = (data.bases.get(address) ?? []).filter((base) => base.seq >= seq);
  data.bases.set(address, kept);
  const first = data.histories.get(address)?.[0];
  if (first === undefined || first.seq > seq) {
    data.cuts.set(address, Math.max(seq, data.cuts.get(address) ?? 0));
  }
}

function cutJournal(data: MemoryData, rows: readonly JournalRow[]): number {
  const gone = new Set(rows.map(({ seq }) => seq));
  const isKept = ({ seq }: JournalRow) => !gone.has(seq);
  for (const { address, key } of rows) if (key !== null) data.keys.delete(keyOf(address, key));
  for (const address of new Set(rows.map((row) => row.address))) {
    const kept = (data.histories.get(address) ?? []).filter(isKept);
    if (kept.length === 0) data.histories.delete(address);
    else data.histories.set(address, kept);
  }
  data.journal = data.journal.filter(isKept);
  raiseHorizon(data, rows);
  return rows.length;
}

function raiseHorizon(data: MemoryData, rows: readonly JournalRow[]): void {
  data.head = { ...data.head, prunedSeq: Math.max(data.head.prunedSeq, rows.at(-1)?.seq ?? 0) };
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

/** `cutOf`: up to which `seq` an actor's history is gone, `Infinity` for all of it. */
function cutBlobs(data: MemoryData, cutOf: (address: Address) => number | undefined): number {
  const before = data.blobs.size;
  for (const [sha, blob] of data.blobs) {
    const owners = [...blob.owners].filter(([address, seq]) => {
      const cut = cutOf(address);
      return cut === undefined || seq > cut || refers(data, { address, sha, cut });
    });
    if (owners.length === 0) data.blobs.delete(sha);
    else data.blobs.set(sha, { ...blob, owners: new Map(owners) });
  }
  return before - data.blobs.size;
}

/** Whether what is left of an actor refers to a blob. */
function refers(
  { actors, bases, effects, timers, deadLetters }: MemoryData,
  { address, sha, cut }: { address: Address; sha: string; cut: number },
): boolean {
  const isOwn = (row: { address: Address }) => row.address === address;
  if (actors.get(address)?.snapshot.includes(sha)) return true;
  if (cut === Infinity) return false;
  return (bases.get(address) ?? []).some(({ snapshot }) => snapshot.includes(sha)) ||
    effects.values().some((row) => isOwn(row) && row.input.includes(sha)) ||
    timers.values().some((row) => isOwn(row) && row.event.includes(sha)) ||
    deadLetters.values().some((row) => isOwn(row) && row.event.includes(sha));
}

function cutIdempotency(data: MemoryData, request: PruneRequest): number {
  const rows = [...data.idempotency.values()].slice(0, request.limit)
    .filter(({ at }) => at < request.idempotencyBefore);
  for (const { key } of rows) data.idempotency.delete(key);
  return rows.length;
}
