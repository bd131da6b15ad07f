/** One at a time for each key, in the order of asking; a waiter whose signal aborts leaves. */
import { unlessAborted } from "./waiting.ts";

/** Runs `work` alone among those of the same key. Throws the signal's reason. */
export type Mutex = <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Makes one of whose keys nobody else knows. */
export function createMutex(): Mutex {
  const tails = new Map<string, Promise<void>>();
  return async (key, signal, work) => {
    const before = tails.get(key) ?? Promise.resolve();
    const done = Promise.withResolvers<void>();
    // Whoever comes next waits for those before too, even if this one leaves the queue.
    const tail = before.then(() => done.promise);
    tails.set(key, tail);
    try {
      await unlessAborted(signal, before);
      signal.throwIfAborted();
      return await work();
    } finally {
      done.resolve();
      if (tails.get(key) === tail) tails.delete(key);
    }
  };
}
