/** Every bound of the libSQL store, named with its unit. */

/**
 * How long a statement waits for another process's lock. Nobody else writes, so this is for those
 * who look: a reader that recovers or checkpoints the log for a moment.
 */
export const BUSY_TIMEOUT_MS = 250;
/** Page cache of the one connection. */
export const CACHE_KIB = 32 * 1024;
/**
 * Pages in the log before a commit moves them into the database. Small means that hot pages are
 * written and synced again and again, large that one unlucky commit waits long.
 */
export const CHECKPOINT_PAGES = 4_000;
/** The log is cut to this after a checkpoint. */
export const LOG_BYTES = 64 * 1024 * 1024;
/**
 * JSON that one argument of a statement holds; more rows make more statements. A libSQL server
 * takes up to 5 MiB as it comes.
 */
export const MAX_ARGUMENT_CHARS = 1024 * 1024;
/** Problems that `check` names before it stops. */
export const MAX_PROBLEMS = 20;
