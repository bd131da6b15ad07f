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

export type SendOptions = {
  /** Idempotency key, unique for the address: a second send is answered with the first receipt. */
  key?: string;
  /** Refuse unless the actor stands at this revision. */
  expectRevision?: number;
  /** Stored in the same commit as the event; see `system.answerTo`. */
  idempotency?: {
    key: string;
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

export type FeedOptions = {
  /** Entries with a greater `seq`; default: from now on. */
  after?: number;
  kinds?: readonly string[];
  addresses?: readonly Address[];
  signal?: AbortSignal;
};

export type GetOptions = {
  /** With what is otherwise hidden: to make another actor of it, never to show it. */
  unredacted?: boolean;
};

export type ListQuery = {
  status?: ActorStatus;
  state?: string;
  parent?: Address;
  index?: readonly IndexValue[];
  blocked?: boolean;
  archived?: boolean;
  cursor?: string;
  limit?: number;
  sort?: "newest" | "oldest";
};

export type Page<T> = { items: T[]; nextCursor: string | null };

export type HistoryQuery = { cursor?: string; limit?: number; sort?: "newest" | "oldest" };

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
  nextTimerAt: number | null;
  commitSeconds: { count: number; sum: number };
};

export type Logger = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields?: { readonly [name: string]: unknown },
) => void;

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
  /** How long after its end an actor is archived, ms; by default never. */
  archiveAfterMs?: number;
  /** How long to wait for another process's lease before giving up, ms; 0 gives up at once. */
  leaseWaitMs?: number;
  /** Opens the world to look at it: no effects run, no timers fire. */
  paused?: boolean;
  /**
   * Called at start, before anything is granted or run, with the keys of the effects that were in
   * flight: the place to end processes of an earlier server that nobody owns any more.
   */
  sweep?: (liveKeys: ReadonlySet<string>) => Promise<void>;
  /** Called once when the process must end: the store cannot be trusted any more. */
  onFatal?: (error: Error) => void;
};

export interface System {
  readonly info: { store: StoreInfo; lease: Lease | null };
  start(): Promise<RecoveryReport>;
  /** Takes no more events, waits for running effects up to `drainMs`, closes. Idempotent. */
  stop(options?: { drainMs?: number }): Promise<void>;
  health(): Health;
  stats(): Promise<Stats>;
  /** Registered kinds, children's kinds included, by name. */
  kinds(): KindDefinition[];

  spawn(kind: string, id: string, input: unknown, options?: SendOptions): Promise<Receipt>;
  send(address: Address, event: EventInput, options?: SendOptions): Promise<Receipt>;
  /** A new unique id, for callers that name actors. */
  newId(prefix: string): string;

  /** Throws `NotFoundError`. Blob references in context and output are resolved. */
  get(address: Address, options?: GetOptions): Promise<ActorRecord>;
  list(kind: string | undefined, query?: ListQuery): Promise<Page<ActorRecord>>;
  /** What the kind's `view` makes of a record. */
  view(record: ActorRecord): JsonObject;
  inspect(address: Address): Promise<Inspection>;
  accepts(address: Address): Promise<string[]>;
  history(address: Address, query?: HistoryQuery): Promise<Page<FeedEntry>>;
  /** The actor as it was at a revision, by folding its journal again. */
  at(address: Address, revision: number): Promise<ActorRecord>;
  /** Folds an actor's whole journal and compares with what is stored, byte for byte. */
  replay(
    address: Address,
  ): Promise<{ address: Address; revision: number; same: boolean; detail: string | null }>;
  feed(options?: FeedOptions): AsyncIterable<FeedItem>;
  /** The actor's stream from `after` on; with `follow`, until the actor ends. */
  stream(
    address: Address,
    channel: string,
    options?: { after?: number; follow?: boolean; signal?: AbortSignal },
  ): AsyncIterable<StreamRow>;
  /** Throws `TimeoutError` (DOMException) after `timeoutMs`. */
  waitFor(
    address: Address,
    done: (record: ActorRecord) => boolean,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<ActorRecord>;

  pools(): PoolStatus[];
  /** Sets a pool's limit, durably; `null` takes the limit away. */
  setPool(name: string, limit: number | null): Promise<PoolStatus>;

  deadLetters(query?: { cursor?: string; limit?: number }): Promise<Page<DeadLetterRow>>;
  /** Sends a dead letter again; it is removed when the event applies. */
  retryDeadLetter(id: string): Promise<Receipt>;
  dropDeadLetter(id: string): Promise<void>;

  /** The answer stored for an idempotency key, or none. Throws `KeyReusedError` on another fingerprint. */
  answerTo(key: string, fingerprint: string): Promise<Json | undefined>;
  /** Stores an answer that no event made. */
  keepAnswer(key: string, fingerprint: string, answer: Json): Promise<void>;
}
