/**
 * How long a sender waits for the receipt of one lone event: in process, and over HTTP from
 * another process on a connection that stays open. One event is under way at a time.
 */
import { Connection } from "./lib/connection.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { replay } from "./lib/raw.ts";
import { withServer } from "./lib/server.ts";
import { pause, percentile, timed } from "./lib/statistics.ts";
import { withWorld } from "./lib/worlds.ts";

const WARM_UP_EVENTS = 500;
/** Between two events, so that each finds the system at rest. */
const REST_MS = 2;
const EVENT = { type: "counter.add", amount: 1 };

export async function latency(context: BenchContext): Promise<Figure[]> {
  const count = context.quick ? 200 : 2_000;
  context.progress("lone events in process");
  const inside = await inProcess(context, count);
  context.progress("lone events over HTTP");
  const outside = await overHttp(context, count);
  return [
    ...figures(context, { what: "lone event in process", ...inside, targetMs: 0.5 }),
    ...figures(context, { what: "lone event over HTTP", ...outside, targetMs: 1.5 }),
  ];
}

type Durations = { durations: number[]; floors: number[] };

function inProcess(context: BenchContext, count: number): Promise<Durations> {
  return withWorld(context, async ({ system, takeCommits }) => {
    const { address } = await system.spawn("counter", "lone", { title: "Events alone" });
    const send = () => system.send(address, EVENT);
    await lonely(WARM_UP_EVENTS, send);
    takeCommits();
    const durations = await lonely(count, send);
    const floors = await replay(context, takeCommits().map(({ commit }) => commit));
    return { durations, floors };
  });
}

function overHttp(context: BenchContext, count: number): Promise<Durations> {
  return withServer(context, async ({ url, forget, floor }) => {
    const connection = await Connection.open(url);
    const send = () => connection.post("/v1/actors/counter:0/events", JSON.stringify(EVENT));
    await lonely(WARM_UP_EVENTS, send);
    await forget();
    const durations = await lonely(count, send);
    connection.close();
    return { durations, floors: await floor() };
  });
}

/** How long each call takes, with a rest before each, ms. */
async function lonely(count: number, send: () => Promise<unknown>): Promise<number[]> {
  const durations: number[] = [];
  for (let number = 0; number < count; number++) {
    await pause(REST_MS);
    durations.push(await timed(send));
  }
  return durations;
}

function figures(
  { syncMode }: BenchContext,
  { what, durations, floors, targetMs }: Durations & { what: string; targetMs: number },
): Figure[] {
  return [0.5, 0.99].map((part) => ({
    bench: "latency",
    what: `${what}, p${part * 100}`,
    value: percentile(durations, part),
    unit: "ms",
    syncMode,
    floor: percentile(floors, part),
    target: part === 0.5 ? targetMs : null,
  }));
}
