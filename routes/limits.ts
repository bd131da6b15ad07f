/**
 * Every bound of the HTTP edge, named with its unit. Those that a user may want to change are
 * configuration with these as defaults.
 */

/** Largest request body. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Longest URL, path and query together. */
export const MAX_URL_CHARS = 8 * 1024;
/** How deep JSON in a body may be nested. */
export const MAX_JSON_DEPTH = 64;
/** Longest idempotency key, cursor or request id. */
export const MAX_HEADER_CHARS = 255;
/** Faults listed in one problem; the rest is only counted. */
export const MAX_LISTED_ERRORS = 50;

/** Connections that stay open for long: feeds, task streams, followed output, long polls. */
export const MAX_STREAMS = 1_000;
/** What a client that was refused a stream should wait, seconds. */
export const STREAM_RETRY_AFTER_S = 5;
/** A quiet stream shows that it lives this often. */
export const HEARTBEAT_MS = 15_000;
/** What a browser waits before it connects again. */
export const SSE_RETRY_MS = 2_000;
/** Bytes that may wait for a slow reader before its source is held up. */
export const STREAM_BUFFER_BYTES = 64 * 1024;
/** Kinds or addresses that one feed may be narrowed to. */
export const MAX_FEED_FILTERS = 100;

/** Longest wait of a long poll. */
export const MAX_WAIT_MS = 60_000;

/** Events in one `POST /v1/events`. */
export const MAX_BATCH_EVENTS = 10_000;
/** Events of one batch that are on their way to the actors at once. */
export const BATCH_WINDOW = 512;
/** Tasks that one bulk action may touch. */
export const MAX_BULK_TASKS = 1_000;
/** Label filters in one list query. */
export const MAX_LABEL_FILTERS = 10;

/** What a client should wait when the server cannot take a request at present, seconds. */
export const UNAVAILABLE_RETRY_AFTER_S = 5;
