/**
 * Every bound of the runtime, in one place, named with its unit. A bound that is reached is an
 * error with a name, never a silent cut. Values that a user may want to change are configuration
 * with these as defaults; the others protect the process from itself.
 */

/** Largest persisted snapshot of one actor. Larger values belong in blobs. */
export const MAX_SNAPSHOT_BYTES = 64 * 1024;
/** Largest JSON of one event, after long strings have moved to blobs. */
export const MAX_EVENT_BYTES = 64 * 1024;
/** A string in an input, event or result longer than this moves to a blob. */
export const BLOB_THRESHOLD_BYTES = 8 * 1024;
/** Largest single blob. */
export const MAX_BLOB_BYTES = 16 * 1024 * 1024;

/**
 * Events of one actor from one base snapshot to the next: what folding has to go through at most,
 * and about how far retention can cut the history of an actor that goes on.
 */
export const EVENTS_PER_BASE = 1_000;

/** Microsteps that one event may cause inside a machine (`always`, `raise`). */
export const MAX_MICROSTEPS = 1_000;
/** How many messages in a row one event may cause from actor to actor. */
export const MAX_MESSAGE_DEPTH = 64;
/** Steps that messages and grants may add to one commit. */
export const MAX_FOLLOW_UPS_PER_COMMIT = 10_000;
/** Events from mailboxes and timers that share one commit. */
export const MAX_EVENTS_PER_COMMIT = 512;
/** Events that may wait in all mailboxes together; beyond it senders are told to back off. */
export const MAX_QUEUED_EVENTS = 50_000;

/** Live snapshots kept in memory. */
export const MAX_CACHED_ACTORS = 10_000;
/** Their persisted size together. */
export const MAX_CACHED_BYTES = 64 * 1024 * 1024;
/** Feed entries kept in memory for readers at the tip. */
export const MAX_FEED_TAIL = 4_096;
/** The size of their events together. */
export const MAX_FEED_TAIL_BYTES = 16 * 1024 * 1024;
/** Entries read from the database for one feed reader at a time. */
export const FEED_PAGE = 500;
/** Undelivered entries that a slow reader may pile up before it is sent back to the database. */
export const MAX_FEED_BACKLOG = 1_000;

/** Effects running at once; further ones wait in the database. */
export const MAX_RUNNING_EFFECTS = 2_000;
/** Default time limit of one attempt of an effect. */
export const EFFECT_TIMEOUT_MS = 10 * 60_000;
/** Default number of attempts of a fire-and-forget action. */
export const ACTION_MAX_ATTEMPTS = 10;
/** Longest wait between two attempts. */
export const MAX_BACKOFF_MS = 5 * 60_000;

/** Pools that one slot request may name. */
export const MAX_POOLS_PER_SLOT = 8;
/** A waiter gains one priority level for each such span of waiting, so that none starves. */
export const PRIORITY_AGING_MS = 30 * 60_000;
/** Highest priority. */
export const MAX_PRIORITY = 4;

/** Default page of a list. */
export const PAGE_DEFAULT = 20;
/** Largest page of a list. */
export const PAGE_MAX = 200;

/** How long the answer to an idempotency key is kept. */
export const IDEMPOTENCY_TTL_MS = 24 * 60 * 60_000;
/** Longest idempotency key or event key. */
export const MAX_KEY_CHARS = 255;
/** Longest address. */
export const MAX_ADDRESS_CHARS = 255;

/** How long a lease on a shared database lasts without renewal. */
export const LEASE_MS = 15_000;
/** Longest delay of a timer: XState's delays are numbers, the database's are 53-bit. */
export const MAX_DELAY_MS = 10 * 365 * 24 * 60 * 60_000;

/** Output buffered in memory before it is written to the stream table. */
export const STREAM_FLUSH_BYTES = 256 * 1024;
/** How long output may stay in memory before it is written. */
export const STREAM_FLUSH_MS = 100;
/** Largest chunk of output stored as one row. */
export const MAX_STREAM_CHUNK_BYTES = 64 * 1024;
