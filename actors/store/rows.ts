/**
 * The rows that a store keeps, and the commit that writes them. They know nothing of machines:
 * snapshots, events and inputs are JSON texts here. What stores do with them is in `store.ts`.
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

/** A name and one of its values; a name may have several. */
export type IndexValue = { name: string; value: string };

/**
 * A snapshot from which the journal can be folded: what the actor's rows up to `seq` have made of
 * it, and none later.
 */
export type BaseRow = {
  address: Address;
  revision: number;
  version: string;
  snapshot: string;
  /** When the actor came to this revision. */
  at: number;
  seq: number;
};

/** A value too large for a context, by its hash. */
export type BlobWrite = {
  /** SHA-256 of `data`, hex. References in snapshots and events hold it as text. */
  sha: string;
  /** Null when it is stored already and one more actor comes to refer to it. */
  data: string | null;
  /**
   * Whose snapshot or event refers to it. Written with every event that does, since `prune` takes
   * a blob away when no actor is left that refers to it, or did in the journal that is kept.
   */
  address: Address;
  at: number;
};

/**
 * What one commit writes. Arrays that are empty are skipped. Each actor is written once at most;
 * rows with a key that is stored replace it, but for actors, journal, blobs and streams. Deletions
 * apply before insertions. Journal rows and timers are of actors that are stored, or written in the
 * same commit.
 */
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
  blobs: BlobWrite[];
  deadLetters: DeadLetterRow[];
  deadLettersDeleted: string[];
  idempotency: IdempotencyRow[];
  streams: StreamRow[];
  /** Changes in the number of actors, by kind and state. */
  tallies: { kind: string; state: string; status: ActorStatus; delta: number }[];
};

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
