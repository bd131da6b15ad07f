/** Calls that run at once up to a number; more wait for their turn up to another. */

export type BoundedCalls = {
  /** Runs it now or later. False where too many wait already: then it is never run. */
  add(call: () => Promise<void>): boolean;
};

/** The calls report their own failures. */
export function boundedCalls(
  { running: most, waiting: mostWaiting }: { running: number; waiting: number },
): BoundedCalls {
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  const run = async (call: () => Promise<void>) => {
    running++;
    try {
      await call();
    } finally {
      running--;
      const next = waiting.shift();
      if (next !== undefined) void run(next);
    }
  };
  return {
    add(call) {
      if (running < most) void run(call);
      else if (waiting.length < mostWaiting) waiting.push(call);
      else return false;
      return true;
    },
  };
}
