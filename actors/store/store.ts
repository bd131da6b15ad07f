/**
 * The store port: everything durable, behind one interface. Implementations know tables and
 * transactions and nothing of machines; the runtime knows nothing of SQL. Each implementation
 * passes `tests/suites/store_suite.ts`.
 *
 * Rules for implementations:
 * - `commit` is one transaction: all of it or none. It fails with `StoreError("fenced")` when the
 *   lease is not this process's any more, and `StoreError("conflict")` when an actor's stored
 *   revision is not the write's `baseRevision`.
 * - Times are integers, ms since the epoch. JSON columns are strings that the store does not parse.
 * - Lists are ordered and bounded by `limit`; cursors are the last row's ordering key.
 */
import type { Address } from "../runtime/address.ts";

/** Where an actor stands in its life. */
export type ActorStatus = "active" | "done" | "error" | "stopped";

/** One actor as stored. */
export type ActorRow = {
  address: Address;
  kind: string;
  /** The definition version that wrote `snapshot`, for example `1.9f2c1a7b`. */
  version: string;
  /** Counts the actor's applied events; 1 after its creation. */
  revision: number;
  /** The commit order of its creation: unique, ascending, the order of lists. */
  createdSeq: number;
  createdAt: number;
  updatedAt: number;
  status: ActorStatus;
  /** The state as the kind names it, for example `running.working`. */
  state: string;
  /** Persisted snapshot, JSON. */
  snapshot: string;
  parent: Address | null;
  /** The name by which the parent knows it. */
  childId: string | null;
  /** Why the present definition cannot take it over, else null. */
  blocked: string | null;
  /** Set when `prune` archived it; archived actors are left out of lists. */
  archivedAt: number | null;
};

/** An insert (`baseRevision` 0) or an update from `baseRevision` to `revision`. */
export type ActorWrite = ActorRow & { baseRevision: number };

/** What came of an event: applied, applied without an effect, or recorded only. */
export type Outcome = "taken" | "ignored" | "dropped";

/** One line of the journal: one event of one actor. The journal in `seq` order is the feed. */
export type JournalRow = {
  /** Global, ascending by one, no gaps. */
  seq: number;
  address: Address;
  revision: number;
  at: number;
  /** The event, JSON, without `at`. */
  event: string;
  /** The sender's key, else null. Unique for an address. */
  key: string | null;
  /** What made it: `api`, `timer/ID`, `effect/KEY`, `message/KEY`, `slot/KEY`, `system`. */
  cause: string;
  /** Transitions taken, JSON array of `source -> target` ids. */
  edges: string;
  /** State and status after it. */
  state: string;
  status: ActorStatus;
  /** Events that the machine emitted, JSON array, or null. */
  emitted: string | null;
  outcome: Outcome;
};

/** A durable timer. One live timer for each `(address, id)`. */
export type TimerRow = {
  address: Address;
  id: string;
  dueAt: number;
  /** Who gets the event. */
  target: Address;
  /** The event, JSON. */
  event: string;
  /** What made it: `address/revision/index`. */
  stamp: string;
};

/** Work with the outside that is owed. */
export type EffectRow = {
  /** `address/revision/index`: the same on every attempt. */
  key: string;
  address: Address;
  /** The child's id for an invoke; null for an action or hook. */
  childId: string | null;
  type: "invoke" | "action" | "hook";
  src: string;
  /** JSON. */
  input: string;
  /** Which attempt is or was last made; 1 for the first. */
  attempt: number;
  /** The boot that took this attempt. */
  bootId: string;
  /** Not to be started before this time. */
  notBefore: number;
  createdAt: number;
};

/** A place in one or more pools, asked for or held. */
export type SlotRow = {
  /** `address/revision/index` of the child that asked. */
  key: string;
  address: Address;
  childId: string;
  /** Names of pools, JSON array. */
  pools: string;
  priority: number;
  /** Waiters of one share take turns with other shares. */
  share: string;
  /** Order of asking. */
  seq: number;
  requestedAt: number;
  /** Null while waiting. */
  grantedAt: number | null;
};

/** A pool's limit, where it differs from what the pool's maker asked for. */
export type PoolRow = { name: string; limit: number };

/** `watcher` wants to know when `target` ends. */
export type WatchRow = { key: string; watcher: Address; childId: string; target: Address };

/** An event that could not be applied. */
export type DeadLetterRow = {
  id: string;
  seq: number;
  at: number;
  address: Address;
  event: string;
  cause: string;
  reason: string;
};

/** The answer given to an idempotency key. */
export type IdempotencyRow = {
  key: string;
  /** Hash of what was asked. */
  fingerprint: string;
  /** JSON: status and body. */
  answer: string;
  at: number;
};

/** A piece of a stream of one actor (output, trace). */
export type StreamRow = {
  address: Address;
  /** `output`, `trace`. */
  channel: string;
  /** Ascending for an address and channel, from 1. */
  seq: number;
  at: number;
  data: string;
};

/** A named value to filter lists by. A write replaces all values of that address. */
export type IndexWrite = {
  address: Address;
  kind: string;
  createdSeq: number;
  values: IndexValue[];
};
export type IndexValue = { name: string; value: string };

/** A snapshot from which the journal can be folded. */
export type BaseRow = {
  address: Address;
  revision: number;
  version: string;
  snapshot: string;
};

/** What one commit writes. Arrays that are empty are skipped. */
export type Commit = {
  /** The last `seq` in force after this commit. */
  seq: number;
  at: number;
  actors: ActorWrite[];
  journal: JournalRow[];
  timers: TimerRow[];
  timersDeleted: { address: Address; id: string }[];
  /** Addresses all of whose timers go; applied before `timers`. */
  timersCleared: Address[];
  effects: EffectRow[];
  effectsDeleted: string[];
  slots: SlotRow[];
  slotsDeleted: string[];
  watches: WatchRow[];
  watchesDeleted: { key: string; target: Address }[];
  pools: PoolRow[];
  index: IndexWrite[];
  bases: BaseRow[];
  blobs: { sha: string; data: string; address: Address; at: number }[];
  deadLetters: DeadLetterRow[];
  deadLettersDeleted: string[];
  idempotency: IdempotencyRow[];
  streams: StreamRow[];
  /** Changes in the number of actors, by kind and state. */
  tallies: { kind: string; state: string; status: ActorStatus; delta: number }[];
};

/** Which actors to list, newest first unless `ascending`. */
export type ActorQuery = {
  kind?: string;
  status?: ActorStatus;
  /** Exact state, or all states below it: `running` finds `running.working`. */
  state?: string;
  parent?: Address;
  /** All must match. */
  index?: IndexValue[];
  blocked?: boolean;
  archived?: boolean;
  /** `createdSeq` of the last row of the page before. */
  after?: number;
  ascending?: boolean;
  limit: number;
};

export type JournalQuery = {
  /** Rows with a greater `seq`. */
  after?: number;
  /** Rows with a smaller `seq`; with `descending`. */
  before?: number;
  address?: Address;
  addresses?: Address[];
  kinds?: string[];
  /** Rows with `revision` in (afterRevision, upToRevision]. */
  afterRevision?: number;
  upToRevision?: number;
  descending?: boolean;
  limit: number;
};

/** How a store keeps its promise, for people. */
export type StoreInfo = {
  /** Without secrets. */
  url: string;
  /** `FULL`: a receipt survives power loss; `NORMAL`: it survives a crash of the process. */
  syncMode: "FULL" | "NORMAL" | "MEMORY" | "REMOTE";
  encrypted: boolean;
  schemaVersion: number;
};

export type Lease = { bootId: string; epoch: number; expiresAt: number };

export type Tally = { kind: string; state: string; status: ActorStatus; count: number };

/** What `prune` may remove. */
export type PruneRequest = {
  /** Journal and streams of actors that ended before this are cut behind a base snapshot. */
  endedBefore: number;
  /** Idempotency answers older than this go. */
  idempotencyBefore: number;
  limit: number;
};

export interface Store {
  readonly info: StoreInfo;

  /**
   * Takes the lease, raising the epoch. Throws `StoreError("fenced")`, naming the holder, while
   * another process holds it.
   */
  acquireLease(bootId: string, now: number, ttlMs: number): Promise<Lease>;
  /** Extends the lease. Throws `StoreError("fenced")` when another took it. */
  renewLease(now: number, ttlMs: number): Promise<void>;
  releaseLease(): Promise<void>;

  commit(commit: Commit): Promise<void>;

  /** Last `seq` committed; 0 in a new store. */
  lastSeq(): Promise<number>;
  /** Smallest `seq` still in the journal, or `lastSeq + 1` when it is empty. */
  oldestSeq(): Promise<number>;

  loadActors(addresses: readonly Address[]): Promise<ActorRow[]>;
  listActors(query: ActorQuery): Promise<ActorRow[]>;
  /** Active actors of a kind whose version is not `version`, by `createdSeq`. */
  listOutdated(kind: string, version: string, after: number, limit: number): Promise<ActorRow[]>;
  /** Versions stored for a kind's active actors, with counts. */
  versions(kind: string): Promise<{ version: string; count: number }[]>;
  tallies(): Promise<Tally[]>;
  indexOf(address: Address): Promise<IndexValue[]>;

  /** Journal rows by `(address, key)`, for those that exist. */
  findKeys(keys: readonly { address: Address; key: string }[]): Promise<JournalRow[]>;
  journal(query: JournalQuery): Promise<JournalRow[]>;
  /** The newest base at or before a revision, or none when folding starts at creation. */
  baseOf(address: Address, revision: number): Promise<BaseRow | undefined>;

  /** The due time of the earliest timer, or of the earliest one due later than `after`. */
  nextTimerAt(after?: number): Promise<number | undefined>;
  /** Timers due at or before `now`, by due time, then order of insertion. */
  timersDue(now: number, limit: number): Promise<TimerRow[]>;
  timersOf(address: Address): Promise<TimerRow[]>;
  countTimers(): Promise<number>;

  /** All effects, by key, in pages. */
  listEffects(after: string, limit: number): Promise<EffectRow[]>;
  effectsOf(address: Address): Promise<EffectRow[]>;
  listSlots(after: number, limit: number): Promise<SlotRow[]>;
  slotsOf(address: Address): Promise<SlotRow[]>;
  listWatches(afterKey: string, limit: number): Promise<WatchRow[]>;
  watchesOf(watcher: Address): Promise<WatchRow[]>;
  listPools(): Promise<PoolRow[]>;

  listDeadLetters(after: number | undefined, limit: number): Promise<DeadLetterRow[]>;
  getDeadLetter(id: string): Promise<DeadLetterRow | undefined>;
  countDeadLetters(): Promise<number>;

  getIdempotency(key: string): Promise<IdempotencyRow | undefined>;
  getBlob(sha: string): Promise<string | undefined>;

  /** Rows of a stream with a greater `seq`. */
  readStream(address: Address, channel: string, after: number, limit: number): Promise<StreamRow[]>;
  lastStreamSeq(address: Address, channel: string): Promise<number>;

  /** Cuts history and removes what nothing refers to; returns what went. Not for ended leases. */
  prune(
    request: PruneRequest,
  ): Promise<
    { journalRows: number; streamRows: number; actors: number; blobs: number; idempotency: number }
  >;
  /** A consistent copy of everything in one new file. */
  backup(path: string): Promise<void>;
  /** Throws `StoreError("corrupt")` with what is wrong. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** A commit with nothing in it. */
export function emptyCommit(seq: number, at: number): Commit {
  return {
    seq,
    at,
    actors: [],
    journal: [],
    timers: [],
    timersDeleted: [],
    timersCleared: [],
    effects: [],
    effectsDeleted: [],
    slots: [],
    slotsDeleted: [],
    watches: [],
    watchesDeleted: [],
    pools: [],
    index: [],
    bases: [],
    blobs: [],
    deadLetters: [],
    deadLettersDeleted: [],
    idempotency: [],
    streams: [],
    tallies: [],
  };
}
