/**
 * The store port: everything durable, behind one interface. Implementations know tables and
 * transactions and nothing of machines; the runtime knows nothing of SQL. Each implementation
 * passes `tests/suites/store_suite.ts`.
 *
 * Rules for implementations:
 * - `commit` is one transaction: all of it or none. It fails with `StoreError("fenced")` when the
 *   lease is not this process's any more, and `StoreError("conflict")` when an actor's stored
 *   revision is not the write's `baseRevision`, when `seq` does not follow the stored one by the
 *   number of journal rows, or when a row exists that must be new.
 * - After `StoreError("busy")` every further call throws it: what is written then may be lost.
 * - Times are integers, ms since the epoch. JSON columns are strings that the store does not parse.
 *   Strings are kept as they are, but lone surrogates become U+FFFD.
 * - Lists are ordered and bounded by `limit`; cursors are the last row's ordering key.
 */
import type { Address } from "../runtime/address.ts";
import type {
  ActorRow,
  ActorStatus,
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

export * from "./rows.ts";

/** Which actors to list, newest first unless `ascending`. */
export type ActorQuery = {
  kind?: string;
  status?: ActorStatus;
  /**
   * Exact state, or all states below it: `running` finds `running.working`. Several are joined
   * by `|`.
   */
  state?: string;
  parent?: Address;
  /** All must match. */
  index?: IndexValue[];
  blocked?: boolean;
  /** True: archived actors only. Otherwise they are left out. */
  archived?: boolean;
  /** `createdSeq` of the last row of the page before. */
  after?: number;
  ascending?: boolean;
  limit: number;
};

/** Which journal rows to read, in `seq` order. */
export type JournalQuery = {
  /** Rows with a greater `seq`. */
  after?: number;
  /** Rows with a smaller `seq`; with `descending`. */
  before?: number;
  address?: Address;
  addresses?: Address[];
  /** Passes over the rows of other kinds one by one: for short stretches only. */
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

/**
 * The right of one process to write, until `expiresAt` (ms since the epoch) unless it is renewed.
 * `epoch` is higher for each holder than for the one before.
 */
export type Lease = { bootId: string; epoch: number; expiresAt: number };

/** How many actors of a kind are in a state. */
export type Tally = { kind: string; state: string; status: ActorStatus; count: number };

/** What `prune` may remove. */
export type PruneRequest = {
  /** Becomes `archivedAt`. */
  now: number;
  /** Actors that ended before this are archived, their journal and streams cut. */
  endedBefore: number;
  /** Actors that go on have their journal cut behind their newest base from before this. */
  basesBefore: number;
  /** Idempotency answers older than this go. */
  idempotencyBefore: number;
  /** Actors archived, bases cut behind, and idempotency answers, that one call takes at most. */
  limit: number;
  /** Journal rows of actors that go on, that one call takes at most. */
  rows: number;
};

/** What `prune` took. */
export type PruneReport = {
  /** Actors archived, and their journal rows. */
  actors: number;
  journalRows: number;
  /** Journal rows of actors that go on. */
  cut: number;
  streamRows: number;
  blobs: number;
  idempotency: number;
  /** Whether a bound was reached: call again. */
  isFull: boolean;
};

/**
 * Everything durable of one system. Any call may throw `StoreError`; what else a call throws is
 * said there. Times are ms since the epoch.
 */
export interface Store {
  /** Where it is, and how safe what is committed there is. */
  readonly info: StoreInfo;

  /**
   * Takes the lease, raising the epoch. Throws `StoreError("fenced")`, naming the holder, while
   * another process holds it.
   */
  acquireLease(bootId: string, now: number, ttlMs: number): Promise<Lease>;
  /** Extends the lease. Throws `StoreError("fenced")` when another took it. */
  renewLease(now: number, ttlMs: number): Promise<void>;
  /** Gives the lease back. Does nothing when none is held. */
  releaseLease(): Promise<void>;

  /** Writes all of a commit or nothing of it. Needs the lease. */
  commit(commit: Commit): Promise<void>;

  /** Last `seq` committed; 0 in a new store. */
  lastSeq(): Promise<number>;
  /**
   * The `seq` from which on the journal is whole; `lastSeq + 1` when nothing of it is. Single
   * rows below it, of actors that were not pruned, are still there.
   */
  oldestSeq(): Promise<number>;

  /** Those of the addresses that exist, in no order. */
  loadActors(addresses: readonly Address[]): Promise<ActorRow[]>;
  /** A page of actors, by `createdSeq`. */
  listActors(query: ActorQuery): Promise<ActorRow[]>;
  /** Active actors of a kind whose version is not `version`, by `createdSeq`. */
  listOutdated(kind: string, version: string, after: number, limit: number): Promise<ActorRow[]>;
  /** Versions stored for a kind's active actors, with counts. */
  versions(kind: string): Promise<{ version: string; count: number }[]>;
  /** All actors, archived ones included, counted by kind, state and status. */
  tallies(): Promise<Tally[]>;
  /**
   * Those of the addresses whose actors are active and own nothing that could wake them: no timer
   * of theirs or for them, no effect, no slot held or asked for, no watch, no active child. In no
   * order.
   */
  unattended(addresses: readonly Address[]): Promise<Address[]>;
  /** An actor's values to filter lists by, ordered by name and value. */
  indexOf(address: Address): Promise<IndexValue[]>;

  /** Journal rows by `(address, key)`, for those that exist. */
  findKeys(keys: readonly { address: Address; key: string }[]): Promise<JournalRow[]>;
  /** A page of the journal, by `seq`. */
  journal(query: JournalQuery): Promise<JournalRow[]>;
  /** The newest base at or before a revision, or none when folding starts at creation. */
  baseOf(address: Address, revision: number): Promise<BaseRow | undefined>;

  /** The due time of the earliest timer, or of the earliest one due later than `after`. */
  nextTimerAt(after?: number): Promise<number | undefined>;
  /** Timers due at or before `now`, by due time, then order of insertion. */
  timersDue(now: number, limit: number): Promise<TimerRow[]>;
  /** An actor's timers, ordered as those that are due. */
  timersOf(address: Address): Promise<TimerRow[]>;
  /** How many timers there are. */
  countTimers(): Promise<number>;

  /** All effects, by key, in pages. */
  listEffects(after: string, limit: number): Promise<EffectRow[]>;
  /** An actor's effects, by key. */
  effectsOf(address: Address): Promise<EffectRow[]>;
  /** All slots, held and asked for, by `seq`, in pages. */
  listSlots(after: number, limit: number): Promise<SlotRow[]>;
  /** An actor's slots, by `seq`. */
  slotsOf(address: Address): Promise<SlotRow[]>;
  /** By key, in pages of `limit` keys; the rows of one key are never parted. */
  listWatches(afterKey: string, limit: number): Promise<WatchRow[]>;
  /** What an actor watches, by key. */
  watchesOf(watcher: Address): Promise<WatchRow[]>;
  /** Limits that were set, by the pool's name. */
  listPools(): Promise<PoolRow[]>;

  /**
   * Newest first, those with a smaller `seq` than `after`. A page has `limit` rows, and more where
   * else rows of one `seq` would be parted.
   */
  listDeadLetters(after: number | undefined, limit: number): Promise<DeadLetterRow[]>;
  /** The dead letter of that id, or none. */
  getDeadLetter(id: string): Promise<DeadLetterRow | undefined>;
  /** How many dead letters there are. */
  countDeadLetters(): Promise<number>;

  /** What was answered to an idempotency key, or none. */
  getIdempotency(key: string): Promise<IdempotencyRow | undefined>;
  /** The data of that SHA-256 (hex), or none. */
  getBlob(sha: string): Promise<string | undefined>;

  /** Rows of a stream with a greater `seq`. */
  readStream(address: Address, channel: string, after: number, limit: number): Promise<StreamRow[]>;
  /** The last `seq` of a stream; 0 before anything is written. */
  lastStreamSeq(address: Address, channel: string): Promise<number>;

  /**
   * Archives ended actors: cuts their journal and streams behind a base snapshot at their last
   * revision. Cuts the journal of those that go on behind a base that is old enough. Then removes
   * what nothing refers to; keys whose rows are cut are forgotten. Needs the lease. Bounded; see
   * `PruneReport`.
   */
  prune(request: PruneRequest): Promise<PruneReport>;
  /** A consistent copy of everything in one new file. Throws `Deno.errors.AlreadyExists` where there is one. */
  backup(path: string): Promise<void>;
  /** Reads everything. Throws `StoreError("corrupt")` with what is wrong. */
  check(): Promise<void>;
  /** Gives the lease back and closes. Idempotent. */
  close(): Promise<void>;
}
