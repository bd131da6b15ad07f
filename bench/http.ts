/**
 * Events a second over HTTP, from another process: one event a request with many requests in
 * flight, and a thousand a request as NDJSON.
 */
import { Connection } from "./lib/connection.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { COUNTERS, post, type Server, withServer } from "./lib/server.ts";
import { inFlight, sum, timed } from "./lib/statistics.ts";

const REQUESTS_IN_FLIGHT = 64;
const BATCH_EVENTS = 1_000;
const BATCHES_IN_FLIGHT = 2;
const WARM_UP_REQUESTS = 2_000;
const WARM_UP_BATCHES = 10;

export async function http(context: BenchContext): Promise<Figure[]> {
  const count = context.tasks;
  const batches = Math.ceil(count * 5 / BATCH_EVENTS);
  return await withServer(context, async (server) => {
    context.progress("single events over HTTP");
    await singles(server, WARM_UP_REQUESTS);
    const single = await measure(server, () => singles(server, count));
    context.progress("batches over HTTP");
    await many(server, WARM_UP_BATCHES);
    const batched = await measure(server, () => many(server, batches));
    return [
      figure(context, {
        what: `one event a request, ${REQUESTS_IN_FLIGHT} in flight`,
        count,
        ...single,
      }),
      figure(context, {
        what: `${BATCH_EVENTS} events a request as NDJSON, ${BATCHES_IN_FLIGHT} in flight`,
        count: batches * BATCH_EVENTS,
        ...batched,
      }),
    ];
  });
}

async function measure(server: Server, work: () => Promise<void>) {
  await server.mark();
  const ms = await timed(work);
  return { ms, floorMs: sum(await server.floor()) };
}

async function singles({ url }: Server, count: number): Promise<void> {
  const body = JSON.stringify({ type: "counter.add", amount: 1 });
  let next = 0;
  const sender = async () => {
    const connection = await Connection.open(url);
    while (next < count) {
      await connection.post(`/v1/actors/counter:${next++ % COUNTERS}/events`, body);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, sender));
}

function many({ url }: Server, batches: number): Promise<void> {
  const lines = Array.from({ length: BATCH_EVENTS }, (_, number) => {
    const event = { type: "counter.add", amount: 1 };
    return JSON.stringify({ address: `counter:${number % COUNTERS}`, event });
  });
  const body = lines.join("\n");
  return inFlight(BATCHES_IN_FLIGHT, batches, async () => {
    const answer = await post(`${url}/v1/events`, body, "application/x-ndjson");
    const receipts = answer.split('"seq"').length - 1;
    if (receipts !== BATCH_EVENTS) {
      throw new Error(`Cannot measure: ${receipts} of ${BATCH_EVENTS} events were taken`);
    }
  });
}

function figure(
  { syncMode }: BenchContext,
  { what, count, ms, floorMs }: { what: string; count: number; ms: number; floorMs: number },
): Figure {
  return {
    bench: "http",
    what,
    value: count / ms * 1_000,
    unit: "events/s",
    syncMode,
    floor: count / floorMs * 1_000,
    target: null,
  };
}
