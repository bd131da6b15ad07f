/** A server that is gone for a while: how to tell, how often to look again, and for how long. */
import { RefusedError, UnreachableError } from "./client.ts";

/** How often to try to reach a server that has gone. */
export const RETRY_MS = 500;
/** How long a server may be gone. */
export const GIVE_UP_MS = 2 * 60_000;

/** Whether it is worth looking again: the server is not there, or not ready yet. */
export function isAway(error: unknown): error is Error {
  return error instanceof UnreachableError ||
    error instanceof RefusedError && error.problem.status === 503;
}

/** Waits, or until the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
