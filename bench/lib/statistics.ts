/** Percentiles, medians and timing. */

/** The value that the fraction `part` of all values do not exceed; NaN of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** How long `work` takes, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** How long each of `count` calls takes, one after the other, ms. */
export async function timedEach(
  count: number,
  work: (number: number) => Promise<unknown>,
): Promise<number[]> {
  const durations: number[] = [];
  for (let number = 0; number < count; number++) {
    durations.push(await timed(() => work(number)));
  }
  return durations;
}

/** Calls `work` for 0 to `count - 1`, never more than `limit` at once. */
export async function inFlight(
  limit: number,
  count: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}

/** Lets input and output that wait be done. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
