/** What holds for a VM whose maker, workspace and server say nothing else. */

/** Without use for this long it is put to sleep. */
export const SLEEP_MS = 10 * 60_000;
/** Without activity for this long it is recycled. */
export const RECYCLE_MS = 7 * 24 * 60 * 60_000;
/** Users are told so long before that. */
export const NOTIFY_BEFORE_MS = 60 * 60_000;

/** Uses are noted no more often than this; see `vm_timing.ts`. */
export const MAX_DEBOUNCE_MS = 30_000;
export const MIN_DEBOUNCE_MS = 1_000;
/** A condition that is reported again with the same status is dropped for so long. */
export const SAME_CONDITION_MS = 15 * 60_000;

/** Calls of the provider in a row that may fail before a making is given up. */
export const MAX_ATTEMPTS = 3;
/** The same of waking: about four minutes, for what is in a VM is lost when it is made anew. */
export const MAX_WAKE_ATTEMPTS = 10;
/** Deletions that may fail before the VM counts as recycled with its clean-up owed. */
export const MAX_DELETE_ATTEMPTS = 5;
/** Wait after the first failed call; doubled for each further one. */
export const RETRY_BASE_MS = 1_000;
/** Longest wait between two calls of one operation. */
export const RETRY_MAX_MS = 60_000;
/** Longest wait between two tries of a clean-up that is owed. */
export const OWED_RETRY_MAX_MS = 60 * 60_000;

/** VMs that may be made at the same time. */
export const MAX_PROVISIONING = 4;
