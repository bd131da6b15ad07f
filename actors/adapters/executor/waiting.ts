/** Waiting by a clock and a signal, without leaving a timer or a listener behind. */
import type { Clock } from "../../runtime/clock.ts";

/** Resolves after `ms`. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.wake(clock.now() + ms, resolve));
}

/** Whether `promise` settled within `ms`; rejects as it does. */
export async function settlesWithin(
  clock: Clock,
  ms: number,
  promise: Promise<unknown>,
): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const cancel = clock.wake(clock.now() + ms, () => late.resolve(false));
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    cancel();
  }
}

/** The value of `promise`, or undefined as soon as the signal aborts. Never throws for the signal. */
export async function unlessAborted<T>(
  signal: AbortSignal,
  promise: Promise<T>,
): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const aborted = Promise.withResolvers<undefined>();
  const listener = () => aborted.resolve(undefined);
  signal.addEventListener("abort", listener, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}
