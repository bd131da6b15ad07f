/** One at a time for each key; different keys do not wait for each other. */

export type KeyedMutex = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Makes a mutex whose keys are forgotten when nobody holds them. */
export function keyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<void>>();
  return async (key, work) => {
    const before = tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    tails.set(key, promise);
    await before;
    try {
      return await work();
    } finally {
      if (tails.get(key) === promise) tails.delete(key);
      resolve();
    }
  };
}
