/** Counts requests for `/metrics`. Labels come from closed sets: no caller can add one. */

/** Upper bounds of the latency histogram, seconds. */
export const LATENCY_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

const METHODS = ["GET", "HEAD", "POST", "PATCH", "OPTIONS", "PUT", "DELETE"];

export type RequestCount = { method: string; route: string; status: number; count: number };

export type HttpMetrics = {
  /** Counts one answered request. `route` is the template, never the path. */
  count(request: { method: string; route: string; status: number; ms: number }): void;
  requests(): RequestCount[];
  /** Requests at or below each bucket's bound, with the total. */
  latency(): { buckets: number[]; count: number; sumSeconds: number };
};

export function createHttpMetrics(): HttpMetrics {
  const counts = new Map<string, RequestCount>();
  const buckets = LATENCY_BUCKETS_S.map(() => 0);
  let count = 0;
  let sumSeconds = 0;
  return {
    count: ({ method, route, status, ms }) => {
      const known = METHODS.includes(method) ? method : "other";
      const key = `${known} ${route} ${status}`;
      const row = counts.get(key) ?? { method: known, route, status, count: 0 };
      counts.set(key, { ...row, count: row.count + 1 });
      count++;
      sumSeconds += ms / 1000;
      LATENCY_BUCKETS_S.forEach((bound, i) => {
        if (ms / 1000 <= bound) buckets[i] = (buckets[i] ?? 0) + 1;
      });
    },
    requests: () => [...counts.values()],
    latency: () => ({ buckets: [...buckets], count, sumSeconds }),
  };
}
