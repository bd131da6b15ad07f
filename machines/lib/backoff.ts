/** How long to wait before something is tried again. */

export type BackoffLimits = {
  /** The wait after the first failure, ms, before jitter. */
  baseMs: number;
  /** No wait is longer, ms. */
  maxMs: number;
};

/**
 * The wait after the `failures`th failure in a row, whole ms: `baseMs` doubled for each failure
 * after the first, at most `maxMs`. `spread` in [0, 1) takes up to half of it away, so that what
 * failed together does not come back together, and does not at the longest wait either.
 */
export function backoffMs(failures: number, spread: number, limits: BackoffLimits): number {
  const { baseMs, maxMs } = limits;
  const whole = Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1));
  return Math.round(whole * (1 - spread / 2));
}
