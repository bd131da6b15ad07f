/**
 * What the system offers and takes: the types of its public API. The system itself is in
 * `system.ts`.
 */
import type {
  ActorStatus,
  DeadLetterRow,
  IndexValue,
  Lease,
  Outcome,
  Store,
  StoreInfo,
  StreamRow,
  Tally,
} from "../store/store.ts";
import type { Address } from "./address.ts";
import type { Clock } from "./clock.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ActorRecord, EventInput, KindDefinition } from "./kind.ts";

/** Proof that an event is durable. */
export type Receipt = {
  address: Address;
  seq: number;
  revision: number;
  state: string;
  status: ActorStatus;
  /** True when the key had been used before and this is the first receipt again. */
  duplicate: boolean;
};

/** What a sender may ask for beside its event. */
export type SendOptions = {
  /**
   * Idempotency key, unique for the address: a second send is answered with the first receipt. It
   * is forgotten when retention cuts its event out of the actor's history.
   */
  key?: string;
  /** Refuse unless the actor stands at this revision. */
  expectRevision?: number;
  /** Stored in the same commit as the event; see `system.answerTo`. */
  idempotency?: {
    key: string;
    /** Of the whole request: the same key with another one is refused. */
    fingerprint: string;
    answer: (record: ActorRecord, receipt: Receipt) => Json;
  };
};

/** One line of the feed. */
export type FeedEntry = {
  seq: number;
  at: number;
  address: Address;
  kind: string;
  revision: number;
  event: JsonObject & { type: string };
  key: string | null;
  cause: string;
  edges: string[];
  state: string;
  status: ActorStatus;
  emitted: JsonObject[];
  outcome: Outcome;
};

/** What `feed` yields: an entry, or word that the cursor is older than what is kept. */
export type FeedItem = { type: "entry"; entry: FeedEntry } | { type: "reset"; oldest: number };

/** Which entries to read. What is left out does not filter. */
export type FeedOptions = {
  /** Entries with a greater `seq`; default: from now on. */
  after?: number;
  kinds?: readonly string[];
  addresses?: readonly Address[];
  /** Ends the feed when it aborts. */
  signal?: AbortSignal;
};

/** How to read one actor. */
export type GetOptions = {
  /** With what is otherwise hidden: to make another actor of it, never to show it. */
  unredacted?: boolean;
};

/** Which actors to list: those that match all that is given. */
export type ListQuery = {
  status?: ActorStatus;
  /** A state, or one above it: `running` finds `running.working`. Several are joined by `|`. */
  state?: string;
  parent?: Address;
  index?: readonly IndexValue[];
  blocked?: boolean;
  /** True: archived actors only. Otherwise they are left out. */
  archived?: boolean;
  cursor?: string;
  /** Items of a page: 1 to 200, by default 20. */
  limit?: number;
  /** By creation; by default the newest come first. */
  sort?: "newest" | "oldest";
};

/** A page of a list. The next query takes `nextCursor`; after the last page it is null. */
export type Page<T> = { items: T[]; nextCursor: string | null };

/** Which page of a history to read: 1 to 200 entries, by default the 20 oldest. */
export type HistoryQuery = { cursor?: string; limit?: number; sort?: "newest" | "oldest" };

/** A pool: its limit (null for none), and how many slots are held in it and wait for it. */
export type PoolStatus = { name: string; limit: number | null; held: number; waiting: number };

/** One actor in full, for debugging. */
export type Inspection = {
  record: ActorRecord;
  accepts: string[];
  timers: { id: string; dueAt: number; target: Address; event: JsonObject }[];
  effects: {
    key: string;
    src: string;
    type: string;
    attempt: number;
    notBefore: number;
    running: boolean;
  }[];
  slots: { pools: string[]; priority: number; requestedAt: number; grantedAt: number | null }[];
  watches: Address[];
  children: { id: string; src: string; address: Address | null }[];
};

/** A timer that should have fired: `dueAt` in ms since the epoch; `address` is its owner. */
export type OverdueTimer = { address: Address; timer: string; dueAt: number };

/** An effect that is owed and that nobody carries out. */
export type OrphanedEffect = { address: Address; key: string; src: string; attempt: number };

/** What is looked for: late by more than `lateMs`, at most `limit` of it (1 to 200). */
export type LateQuery = { lateMs: number; limit: number };

/** What start found and did. */
export type RecoveryReport = {
  bootId: string;
  epoch: number;
  lastSeq: number;
  effects: { rerun: number; reattached: number; failed: number };
  timers: { armed: number; overdue: number };
  slots: { held: number; waiting: number };
  watches: number;
  /** Actors taken over from older definitions, and those that could not be. */
  versions: { upgraded: number; blocked: number };
  /** Kinds that have actors here and are not registered. */
  unknownKinds: string[];
  tookMs: number;
};

/** Whether the system can do its work. */
export type Health = {
  status: "starting" | "ready" | "degraded" | "draining" | "stopped" | "failed";
  /** Why it is not ready, in words. */
  reason: string | null;
};

/**
 * Figures for metrics. Tallies, `lastSeq` and `deadLetters` are the database's; totals start at
 * zero with the process.
 */
export type Stats = {
  tallies: Tally[];
  lastSeq: number;
  transitions: number;
  commits: number;
  refused: number;
  duplicates: number;
  obsolete: number;
  deadLetters: number;
  queued: number;
  cached: number;
  effectsRunning: number;
  effectsWaiting: number;
  effectRetries: number;
  timersFired: number;
  feedReaders: number;
  /** Ms since the epoch; null when no timer is set. */
  nextTimerAt: number | null;
  /** Commits, and how long they took together. */
  commitSeconds: { count: number; sum: number };
};

/**
 * What retention took: actors archived, events cut from the histories of those that go on, answers
 * to idempotency keys dropped.
 */
export type Retained = { archived: number; cut: number; idempotency: number };

/** Takes one line for the log, with the fields that belong to it. */
export type Logger = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields?: { readonly [name: string]: unknown },
) => void;

/** Those of the addresses whose actors have been archived. */
export type ArchivedOf = (addresses: readonly Address[]) => Promise<ReadonlySet<Address>>;

/** What a system is made of. Only `store` and `kinds` have no default. */
export type SystemOptions = {
  store: Store;
  kinds: readonly KindDefinition[];
  clock?: Clock;
  /** Uniform in [0, 1). */
  random?: () => number;
  /** Makes a unique id without prefix. */
  ids?: () => string;
  log?: Logger;
  /** Limits of pools by name; those changed live win. */
  pools?: { readonly [name: string]: number };
  maxCachedActors?: number;
  /**
   * How long after its end an actor is archived, and how far back the history of one that goes on
   * is kept, ms; by default for ever. An actor's history is cut behind one of its base snapshots.
   */
  archiveAfterMs?: number;
  /** Events of an actor from one base snapshot to the next; by default 1,000. */
  eventsPerBase?: number;
  /** `self` (default): looks for what is past its time every hour. `called`: only by `retain`. */
  retention?: "self" | "called";
  /** How long to wait for another process's lease before giving up, ms; 0 gives up at once. */
  leaseWaitMs?: number;
  /** Opens the world to look at it: no effects run, no timers fire. */
  paused?: boolean;
  /**
   * Called at start, before anything is granted or run, with the keys of the effects that were in
   * flight: the place to end processes of an earlier server that nobody owns any more.
   */
  sweep?: (liveKeys: ReadonlySet<string>) => Promise<void>;
  /**
   * Called now and then: the place to remove what adapters keep of actors that have been archived.
   */
  tidy?: (archived: ArchivedOf) => Promise<void>;
  /** Called once when the process must end: the store cannot be trusted any more. */
  onFatal?: (error: Error) => void;
};

/**
 * The one door to every actor: events go in, committed state comes out. What writes resolves when
 * it is durable. It throws `DrainingError` unless the system is started and not stopping,
 * `OverloadedError` when too much waits, and `StoreError` when the commit failed.
 */
export interface System {
  /** The store, and the lease while it is held. */
  readonly info: { store: StoreInfo; lease: Lease | null };
  /**
   * Takes the lease, brings back what was in flight, then takes events. Throws
   * `StoreError("fenced")` when another process holds the lease for longer than `leaseWaitMs`.
   */
  start(): Promise<RecoveryReport>;
  /** Takes no more events, waits for running effects up to `drainMs`, closes. Idempotent. */
  stop(options?: { drainMs?: number }): Promise<void>;
  /** Whether it can do its work now, and why not. */
  health(): Health;
  /** What it counts, for metrics. */
  stats(): Promise<Stats>;
  /** Registered kinds, children's kinds included, by name. */
  kinds(): KindDefinition[];

  /**
   * Creates the actor `kind:id`. Its machine's input gets `at`, ms since the epoch. Throws
   * `AlreadyExistsError`, `NotFoundError` where there is no such kind, `TypeError` where the two
   * make no address, `TooLargeError`, and `EventFailedError` when the machine threw.
   */
  spawn(kind: string, id: string, input: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Sends an event to an actor. Throws `NotAcceptedError` when its state does not accept it,
   * `RevisionConflictError` when it is not at `expectRevision`, `NotFoundError`, `BlockedError`,
   * `TooLargeError`, `AlreadyAnsweredError` when `idempotency.key` has its answer, and
   * `EventFailedError` when the machine threw. What is refused changes nothing.
   */
  send(address: Address, event: EventInput, options?: SendOptions): Promise<Receipt>;
  /** A new unique id, for callers that name actors. */
  newId(prefix: string): string;

  /** Throws `NotFoundError`. Blob references in context and output are resolved. */
  get(address: Address, options?: GetOptions): Promise<ActorRecord>;
  /** Actors of a kind, or of all. Throws `RangeError` on a bad cursor or limit. */
  list(kind: string | undefined, query?: ListQuery): Promise<Page<ActorRecord>>;
  /** What the kind's `view` makes of a record. */
  view(record: ActorRecord): JsonObject;
  /** An actor with everything that belongs to it. Throws `NotFoundError`. */
  inspect(address: Address): Promise<Inspection>;
  /** Types of the events that its state accepts now. Throws `NotFoundError`. */
  accepts(address: Address): Promise<string[]>;
  /** The events of an actor. Throws `NotFoundError`, and `RangeError` as `list` does. */
  history(address: Address, query?: HistoryQuery): Promise<Page<FeedEntry>>;
  /**
   * The actor as it was at a revision, by folding its journal again. Throws `NotFoundError` where
   * the journal does not reach, or begins in a state that the definition in force does not know.
   */
  at(address: Address, revision: number): Promise<ActorRecord>;
  /**
   * Folds all that is kept of an actor's journal, from base snapshot to base snapshot, and compares
   * each of them and what it is now with what is stored, byte for byte. `same` is null where another
   * definition than the one in force wrote it: then there is nothing to compare with.
   */
  replay(
    address: Address,
  ): Promise<{ address: Address; revision: number; same: boolean | null; detail: string | null }>;
  /** All commits in order, until its signal aborts or the system stops. */
  feed(options?: FeedOptions): AsyncIterable<FeedItem>;
  /** The actor's stream from `after` on; with `follow`, until the actor ends. */
  stream(
    address: Address,
    channel: string,
    options?: { after?: number; follow?: boolean; signal?: AbortSignal },
  ): AsyncIterable<StreamRow>;
  /**
   * Waits until `done` says so of the committed record. Throws `TimeoutError` (DOMException) after
   * `timeoutMs`, the signal's reason when it aborts, and `NotFoundError`.
   */
  waitFor(
    address: Address,
    done: (record: ActorRecord) => boolean,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<ActorRecord>;

  /**
   * Those of the addresses whose actors are active and own nothing that could wake them: no timer
   * of theirs or for them, no effect, no slot held or asked for, no watch, no active child. Only an
   * event from outside moves them on. In no order; give a page of addresses at a time.
   */
  unattended(addresses: readonly Address[]): Promise<Address[]>;
  /** Timers that were due more than `lateMs` ago, the oldest first. Throws `RangeError`. */
  overdue(query: LateQuery): Promise<OverdueTimer[]>;
  /**
   * Effects whose attempt was to begin more than `lateMs` ago and that nobody in this process runs
   * or waits with, by key: nothing carries them out in the definition in force, or their result
   * could not be applied. Reads all effects that are owed. Throws `RangeError`.
   */
  orphanedEffects(query: LateQuery): Promise<OrphanedEffect[]>;

  /**
   * Archives and removes all that is past its time, in short rounds between commits, then calls
   * `tidy`. Calls that overlap share one look. Throws the signal's reason when it aborts; what was
   * taken until then stays taken.
   */
  retain(options?: { signal?: AbortSignal }): Promise<Retained>;

  /** All pools that are known, by name. */
  pools(): PoolStatus[];
  /** Sets a pool's limit, durably; `null` takes the limit away. */
  setPool(name: string, limit: number | null): Promise<PoolStatus>;

  /** Events that could not be applied, newest first. */
  deadLetters(query?: { cursor?: string; limit?: number }): Promise<Page<DeadLetterRow>>;
  /**
   * Sends a dead letter again; it is removed when the event applies. Throws `NotFoundError` where
   * there is none of that id, and what `send` throws.
   */
  retryDeadLetter(id: string): Promise<Receipt>;
  /** Removes a dead letter. Throws `NotFoundError`. */
  dropDeadLetter(id: string): Promise<void>;

  /**
   * The answer stored for an idempotency key, or none. Throws `KeyReusedError` on another
   * fingerprint.
   */
  answerTo(key: string, fingerprint: string): Promise<Json | undefined>;
  /** Stores an answer that no event made. */
  keepAnswer(key: string, fingerprint: string, answer: Json): Promise<void>;
}
