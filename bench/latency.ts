/**
 * How long a sender waits for the receipt of one lone event: in process, and over HTTP from
 * another process on a connection that stays open. One event is under way at a time; after each,
 * the same rows are written raw, so that both see the same moments of the disk.
 */
import type { Client } from "@libsql/client";
import { Connection } from "./lib/connection.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { load, openRaw, statementsOf } from "./lib/raw.ts";
import { withServer } from "./lib/server.ts";
import { pause, percentile, timed } from "./lib/statistics.ts";
import { type Recorded, withWorld } from "./lib/worlds.ts";

const WARM_UP_EVENTS = 500;
/** How long a system that is at rest is left so. */
const REST_MS = 2;
const EVENT = { type: "counter.add", amount: 1 };

export async function latency(context: BenchContext): Promise<Figure[]> {
  const count = WARM_UP_EVENTS + (context.quick ? 200 : 2_000);
  return await withWorld(context, async ({ system, recorded }) => {
    const { address } = await system.spawn("counter", "lone", { title: "Events alone" });
    const send = () => system.send(address, EVENT);
    context.progress("lone events in process");
    const inside = await lonely(context, { count, restMs: 0, recorded, send });
    const rested = await lonely(context, { count, restMs: REST_MS, recorded, send });
    context.progress("lone events over HTTP");
    const outside = await withServer(context, async ({ url }) => {
      const connection = await Connection.open(url);
      const body = JSON.stringify(EVENT);
      const post = () => connection.post("/v1/actors/counter:0/events", body);
      const durations = await lonely(context, { count, restMs: 0, recorded, send: post });
      connection.close();
      return durations;
    });
    return [
      ...figures(context, { what: "lone event in process", ...inside, targetMs: 0.5 }),
      ...figures(context, {
        what: `lone event in process, ${REST_MS} ms of rest before it`,
        ...rested,
        targetMs: null,
      }),
      ...figures(context, { what: "lone event over HTTP", ...outside, targetMs: 1.5 }),
    ];
  });
}

type Durations = { durations: number[]; floors: number[] };

/** How long each call takes, and each of the first commits that were recorded, ms. */
async function lonely(
  context: BenchContext,
  { count, restMs, recorded, send }: {
    count: number;
    restMs: number;
    recorded: readonly Recorded[];
    send: () => Promise<unknown>;
  },
): Promise<Durations> {
  const rest = () => restMs > 0 ? pause(restMs) : Promise.resolve();
  const raw = await openRaw(context);
  // The commit of the actor's creation comes first, then one for each event.
  await load(raw, recorded.slice(0, 1));
  const all: Durations = { durations: [], floors: [] };
  for (let number = 1; number <= count; number++) {
    await rest();
    all.durations.push(await timed(send));
    await rest();
    all.floors.push(await commitRaw(raw, recorded[number]));
  }
  raw.close();
  return {
    durations: all.durations.slice(WARM_UP_EVENTS),
    floors: all.floors.slice(WARM_UP_EVENTS),
  };
}

function commitRaw(raw: Client, one: Recorded | undefined): Promise<number> {
  if (one === undefined) throw new Error("Cannot measure: an event had no commit of its own");
  const statements = statementsOf(one.commit);
  return timed(() => raw.batch(statements, "write"));
}

function figures(
  { syncMode }: BenchContext,
  { what, durations, floors, targetMs }: Durations & { what: string; targetMs: number | null },
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
