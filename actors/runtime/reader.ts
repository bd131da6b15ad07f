/**
 * Reading: records, lists, histories, streams. Everything here sees committed state only, from
 * the cache where it is there, else from the store, and changes neither.
 */
import type { ActorQuery, ActorRow, StreamRow } from "../store/store.ts";
import { blockedRecord, type LiveActor, recordOf, reviveActor } from "./actor.ts";
import { type Address, isAddress, kindOf } from "./address.ts";
import type {
  FeedEntry,
  GetOptions,
  HistoryQuery,
  Inspection,
  ListQuery,
  Page,
  System,
} from "./api.ts";
import type { Clock } from "./clock.ts";
import type { EffectRunner } from "./effects.ts";
import { DrainingError, NotFoundError } from "./errors.ts";
import { entryOf, type Feed } from "./feed.ts";
import { difference, differenceOfBases, fold } from "./history.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ActorRecord } from "./kind.ts";
import { PAGE_DEFAULT, PAGE_MAX } from "./limits.ts";
import { resolveBlobs } from "./payload.ts";
import type { RegisteredKind } from "./registry.ts";
import { acceptedEvents, childrenOf } from "./step.ts";
import type { Streams } from "./streams.ts";
import type { World } from "./world.ts";

export type ReaderParts = {
  world: World;
  feed: Feed;
  streams: Streams;
  effects: EffectRunner;
  clock: Clock;
  redact<T>(kind: string, value: T): T;
};

export type Reader = Pick<
  System,
  | "get"
  | "list"
  | "inspect"
  | "accepts"
  | "history"
  | "at"
  | "replay"
  | "waitFor"
  | "deadLetters"
  | "stream"
>;

/** Rows of a stream read at a time. */
const STREAM_PAGE = 100;

export function createReader(parts: ReaderParts): Reader {
  return {
    get: (address, options) => get(parts, address, options),
    list: (kind, query = {}) => list(parts, kind, query),
    inspect: (address) => inspect(parts, address),
    accepts: async (address) => {
      const actor = await live(parts, address);
      return isLive(actor) ? acceptedEvents(actor.snapshot) : [];
    },
    history: (address, query = {}) => history(parts, address, query),
    at: (address, revision) => at(parts, address, revision),
    replay: (address) => replay(parts, address),
    waitFor: (address, done, options = {}) => waitFor(parts, { address, done, ...options }),
    deadLetters: async ({ cursor, limit } = {}) => {
      const size = pageSize(limit);
      const after = cursor === undefined ? undefined : parseCursor(cursor);
      const rows = await parts.world.store.listDeadLetters(after, size);
      const shown = rows.map((row) => {
        const event: unknown = JSON.parse(row.event);
        return { ...row, event: JSON.stringify(parts.redact(kindOf(row.address), event)) };
      });
      // Letters of one seq come together, so a page may be longer than was asked for.
      const last = shown.length < size ? undefined : shown.at(-1);
      return { items: shown, nextCursor: last === undefined ? null : cursorAt(last.seq) };
    },
    stream: (address, channel, options = {}) => stream(parts, { address, channel, ...options }),
  };
}

async function rowOf(parts: ReaderParts, address: Address): Promise<ActorRow> {
  const [row] = isAddress(address) ? await parts.world.store.loadActors([address]) : [];
  if (row === undefined) throw new NotFoundError(`Cannot find ${address}`);
  return row;
}

/** The actor from memory, or from its row; the row itself where it cannot be made live. */
async function live(parts: ReaderParts, address: Address): Promise<LiveActor | ActorRow> {
  const cached = parts.world.cache.get(address);
  return cached ?? revive(parts, await rowOf(parts, address));
}

function revive(parts: ReaderParts, row: ActorRow): LiveActor | ActorRow {
  const kind = parts.world.registry.find(row.kind);
  if (kind === undefined) return row;
  try {
    return reviveActor(row, kind);
  } catch {
    // The definition in force does not know its state: it is shown as it is stored.
    return row;
  }
}

function isLive(actor: LiveActor | ActorRow): actor is LiveActor {
  return typeof actor.kind !== "string";
}

function record(parts: ReaderParts, actor: LiveActor | ActorRow): ActorRecord {
  const whole = wholeRecord(parts, actor);
  return parts.redact(whole.kind, whole);
}

function wholeRecord(parts: ReaderParts, actor: LiveActor | ActorRow): ActorRecord {
  if (isLive(actor)) return recordOf(actor);
  const isKnown = parts.world.registry.find(actor.kind) !== undefined;
  const reason = isKnown
    ? `its state "${actor.state}" does not exist in the definition in force`
    : `kind "${actor.kind}" is not registered`;
  return blockedRecord(actor, reason);
}

async function get(
  parts: ReaderParts,
  address: Address,
  { unredacted = false }: GetOptions = {},
): Promise<ActorRecord> {
  const found = wholeRecord(parts, await live(parts, address));
  const resolved = await resolveBlobs(found, (sha) => parts.world.store.getBlob(sha));
  return unredacted ? resolved : parts.redact(found.kind, resolved);
}

async function list(
  parts: ReaderParts,
  kind: string | undefined,
  query: ListQuery,
): Promise<Page<ActorRecord>> {
  const size = pageSize(query.limit);
  const { status, state, parent, index, blocked, archived, cursor, sort } = query;
  const storeQuery: ActorQuery = {
    ...(kind === undefined ? {} : { kind }),
    ...(status === undefined ? {} : { status }),
    ...(state === undefined ? {} : { state }),
    ...(parent === undefined ? {} : { parent }),
    ...(index === undefined ? {} : { index: [...index] }),
    ...(blocked === undefined ? {} : { blocked }),
    ...(archived === undefined ? {} : { archived }),
    ...(cursor === undefined ? {} : { after: parseCursor(cursor) }),
    ascending: sort === "oldest",
    limit: size + 1,
  };
  const rows = await parts.world.store.listActors(storeQuery);
  const { items, nextCursor } = page(rows, size, (row) => row.createdSeq);
  return { items: items.map((row) => record(parts, revive(parts, row))), nextCursor };
}

async function inspect(parts: ReaderParts, address: Address): Promise<Inspection> {
  const actor = await live(parts, address);
  const { store } = parts.world;
  const kind = isLive(actor) ? actor.kind.name : actor.kind;
  const json = (text: string) => parts.redact(kind, JSON.parse(text) as JsonObject);
  return {
    record: await get(parts, address),
    accepts: isLive(actor) ? acceptedEvents(actor.snapshot) : [],
    timers: (await store.timersOf(address)).map(({ id, dueAt, target, event }) => {
      return { id, dueAt, target, event: json(event) };
    }),
    effects: (await store.effectsOf(address)).map(({ key, src, type, attempt, notBefore }) => {
      return { key, src, type, attempt, notBefore, running: parts.effects.isLive(key) };
    }),
    slots: (await store.slotsOf(address)).map(({ pools, priority, requestedAt, grantedAt }) => {
      const names = (JSON.parse(pools) as { name: string }[]).map((pool) => pool.name);
      return { pools: names, priority, requestedAt, grantedAt };
    }),
    watches: (await store.watchesOf(address)).map((row) => row.target),
    children: isLive(actor)
      ? childrenOf(actor.snapshot).map(({ id, src, key, role }) => {
        return { id, src, address: role === "actor" ? key : null };
      })
      : [],
  };
}

async function history(
  parts: ReaderParts,
  address: Address,
  query: HistoryQuery,
): Promise<Page<FeedEntry>> {
  const { kind } = await rowOf(parts, address);
  const size = pageSize(query.limit);
  const descending = query.sort === "newest";
  const cursor = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const rows = await parts.world.store.journal({
    address,
    descending,
    limit: size + 1,
    ...(cursor === undefined ? {} : descending ? { before: cursor } : { after: cursor }),
  });
  const { items, nextCursor } = page(rows, size, (row) => row.seq);
  return { items: items.map((row) => parts.redact(kind, entryOf(row))), nextCursor };
}

async function foldable(parts: ReaderParts, address: Address) {
  const row = await rowOf(parts, address);
  const kind: RegisteredKind = parts.world.registry.get(row.kind);
  return { row, kind };
}

async function at(parts: ReaderParts, address: Address, revision: number): Promise<ActorRecord> {
  const { row, kind } = await foldable(parts, address);
  const { store } = parts.world;
  const folded = await fold(store, kind, { address, parent: row.parent, revision });
  const { snapshot } = folded;
  const { snapshot: _, blocked: __, ...columns } = row;
  const actor: LiveActor = {
    ...columns,
    kind,
    revision,
    snapshot,
    status: snapshot.status as LiveActor["status"],
    state: kind.stateName(snapshot.value as Json),
    // The last event's time is in the row too, and stays when the history is cut.
    updatedAt: revision === row.revision ? row.updatedAt : folded.at,
    indexed: undefined,
    weight: row.snapshot.length,
  };
  const resolved = await resolveBlobs(recordOf(actor), (sha) => store.getBlob(sha));
  return parts.redact(kind.name, resolved);
}

async function replay(parts: ReaderParts, address: Address) {
  const { row, kind } = await foldable(parts, address);
  const { revision, parent, snapshot, version } = row;
  if (version !== kind.version) {
    const detail = `written by definition ${version}, the one in force is ${kind.version}`;
    return { address, revision, same: null, detail };
  }
  try {
    const folded = await fold(parts.world.store, kind, { address, parent, revision });
    const detail = difference(folded, snapshot) ??
      await differenceOfBases(parts.world.store, kind, { address, parent, revision });
    return { address, revision, same: detail === null, detail };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { address, revision, same: false, detail };
  }
}

async function waitFor(
  parts: ReaderParts,
  options: {
    address: Address;
    done: (record: ActorRecord) => boolean;
    timeoutMs?: number;
    signal?: AbortSignal;
  },
): Promise<ActorRecord> {
  const { address, done, timeoutMs, signal } = options;
  const { clock, feed } = parts;
  let wake = () => {};
  let changed = true;
  const notify = () => {
    changed = true;
    wake();
  };
  const stopListening = feed.listen(address, notify);
  signal?.addEventListener("abort", notify);
  let isLate = false;
  const cancel = timeoutMs === undefined ? () => {} : clock.wake(clock.now() + timeoutMs, () => {
    isLate = true;
    notify();
  });
  try {
    while (true) {
      changed = false;
      const found = await get(parts, address);
      if (done(found)) return found;
      signal?.throwIfAborted();
      if (isLate) {
        const message = `${address} is "${found.state}" after ${timeoutMs} ms`;
        throw new DOMException(message, "TimeoutError");
      }
      if (!changed) await new Promise<void>((resolve) => wake = resolve);
      if (feed.isClosed) throw stopped(address);
    }
  } finally {
    stopListening();
    signal?.removeEventListener("abort", notify);
    cancel();
  }
}

function stopped(address: Address): DrainingError {
  return new DrainingError(`Cannot wait for ${address}: the system has stopped`);
}

async function* stream(
  parts: ReaderParts,
  options: {
    address: Address;
    channel: string;
    after?: number;
    follow?: boolean;
    signal?: AbortSignal;
  },
): AsyncGenerator<StreamRow> {
  const { address, channel, follow, signal } = options;
  let after = options.after ?? 0;
  let wake = () => {};
  let changed = true;
  const notify = () => {
    changed = true;
    wake();
  };
  const stops = [
    parts.streams.listen(address, channel, notify),
    parts.feed.listen(address, notify),
  ];
  signal?.addEventListener("abort", notify);
  try {
    while (!signal?.aborted) {
      changed = false;
      // Asked before reading: what an actor wrote, it wrote before it ended.
      const hasEnded = (await rowOf(parts, address)).status !== "active";
      const rows = await parts.world.store.readStream(address, channel, after, STREAM_PAGE);
      yield* rows;
      after = rows.at(-1)?.seq ?? after;
      if (rows.length === STREAM_PAGE) continue;
      if (hasEnded || !follow) return;
      if (!changed) await new Promise<void>((resolve) => wake = resolve);
      // Once the system has stopped there is nothing to read from any more.
      if (parts.feed.isClosed) return;
    }
  } finally {
    for (const stop of stops) stop();
    signal?.removeEventListener("abort", notify);
  }
}

/** How many items a caller may have. Throws `RangeError`. */
export function pageSize(limit: number | undefined): number {
  const size = limit ?? PAGE_DEFAULT;
  if (!Number.isInteger(size) || size < 1 || size > PAGE_MAX) {
    throw new RangeError(`Cannot list ${limit} items: want 1 to ${PAGE_MAX}`);
  }
  return size;
}

/** Cursors are positions, written so that nobody takes them for offsets. */
function parseCursor(cursor: string): number {
  const match = /^c([0-9a-z]{1,11})$/.exec(cursor);
  const position = match?.[1] === undefined ? NaN : parseInt(match[1], 36);
  if (!Number.isSafeInteger(position)) throw new RangeError(`Cannot read cursor "${cursor}"`);
  return position;
}

function cursorAt(position: number): string {
  return `c${position.toString(36)}`;
}

/** One row more than asked for says that there is another page. */
function page<Row>(rows: Row[], size: number, position: (row: Row) => number) {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  const hasMore = rows.length > size && last !== undefined;
  return { items, nextCursor: hasMore ? cursorAt(position(last)) : null };
}
