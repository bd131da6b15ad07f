/** What holds for a task that does not say otherwise. Every value can be set for each task. */

/** A hand-out that no executor has confirmed after this goes back to the queue. */
export const DISPATCH_TIMEOUT_MS = 45_000;
/** Working without a sign of life for this long is `stuck`: an alert, never the end. */
export const STUCK_AFTER_MS = 30 * 60_000;
/** Work of one attempt in all. */
export const TIMEOUT_MS = 150 * 60_000;
/** Between SIGTERM and SIGKILL; a cancelled task must be gone within 5 s in all. */
export const KILL_GRACE_MS = 3_000;
/** How often an executor may report that it is alive. */
export const ACTIVITY_EVERY_MS = 10_000;

/** Attempts without real progress in between. */
export const MAX_ATTEMPTS = 2;
/** Hand-outs to an executor in all, whatever the reason. */
export const MAX_ATTEMPTS_TOTAL = 10;
/** Wait after the first failed attempt; doubled for each further one. */
export const RETRY_BASE_MS = 1_000;
/** Longest wait between two attempts. */
export const RETRY_MAX_MS = 5 * 60_000;
/**
 * Codes of failures that another attempt may cure. What the command or the agent itself reports
 * is not among them.
 */
export const RETRY_ON: readonly string[] = [
  "runtime_offline",
  "orphaned",
  "timeout",
  "network",
  "rate_limited",
];

/** `none`; 4 is `urgent`. */
export const PRIORITY = 0;
/** Longest title that is made of a prompt or a command. */
export const MAX_MADE_TITLE_CHARS = 80;
