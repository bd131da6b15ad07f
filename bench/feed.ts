/**
 * The feed's fan-out: a hundred readers over SSE, each in its own connection, while events come as
 * fast as they go, and while they come at a steady pace. An entry delivered is one entry at one
 * reader.
 */
import { startChild } from "./lib/child.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Delivery } from "./lib/feed_child.ts";
import type { Figure } from "./lib/figures.ts";
import { COUNTERS, post, type Server, withServer } from "./lib/server.ts";
import { pause, sum } from "./lib/statistics.ts";

const READERS = 100;
const BURST_EVENTS = 2_000;
/** At this pace the readers are sent 10,000 entries a second. */
const PACED_EVENTS_PER_SECOND = 100;
const PACED_SECONDS = 5;

export function feed(context: BenchContext): Promise<Figure[]> {
  const common = { bench: "feed", syncMode: context.syncMode, target: null };
  return withServer(context, async (server) => {
    const readers = startChild("./feed_child.ts", [server.url, `${READERS}`]);
    try {
      await readers.ask("ready");
      const expect = (events: number) => readers.ask<Delivery>(`expect ${events}`);
      context.progress(`${READERS} readers, events as fast as they go`);
      await burst(server, expect);
      const { perSecond, floor } = await burst(server, expect);
      context.progress(`${READERS} readers, ${PACED_EVENTS_PER_SECOND} events a second`);
      const delivery = await paced(server, expect, context.quick ? 1 : PACED_SECONDS);
      const lateness = `commit to reader at ${PACED_EVENTS_PER_SECOND} events/s`;
      return [
        {
          ...common,
          what: `events that reach all ${READERS} SSE readers`,
          value: perSecond,
          unit: "events/s",
          floor,
        },
        {
          ...common,
          what: `entries delivered to ${READERS} SSE readers`,
          value: perSecond * READERS,
          unit: "entries/s",
          floor: null,
        },
        {
          ...common,
          what: `${lateness}, p50`,
          value: delivery.latenessP50,
          unit: "ms",
          floor: null,
        },
        {
          ...common,
          what: `${lateness}, p99`,
          value: delivery.latenessP99,
          unit: "ms",
          floor: null,
        },
      ];
    } finally {
      await readers.stop();
    }
  });
}

type Expect = (events: number) => Promise<Delivery>;

/** Sends many events at once and waits until every reader has them all. */
async function burst(
  server: Server,
  expect: Expect,
): Promise<{ perSecond: number; floor: number }> {
  await server.mark();
  const delivered = expect(BURST_EVENTS);
  const startedAt = Date.now();
  const lines = Array.from({ length: BURST_EVENTS }, (_, number) => {
    return JSON.stringify({ address: addressOf(number), event: EVENT });
  });
  await post(`${server.url}/v1/events`, lines.join("\n"), "application/x-ndjson");
  const { endedAt } = await delivered;
  const floorMs = sum(await server.floor());
  return {
    perSecond: BURST_EVENTS / (endedAt - startedAt) * 1_000,
    floor: BURST_EVENTS / floorMs * 1_000,
  };
}

async function paced(server: Server, expect: Expect, seconds: number): Promise<Delivery> {
  await server.mark();
  const count = PACED_EVENTS_PER_SECOND * seconds;
  const delivered = expect(count);
  const startedAt = performance.now();
  const sent: Promise<string>[] = [];
  for (let number = 0; number < count; number++) {
    const dueAt = startedAt + number * 1_000 / PACED_EVENTS_PER_SECOND;
    await pause(Math.max(0, dueAt - performance.now()));
    const url = `${server.url}/v1/actors/${addressOf(number)}/events`;
    sent.push(post(url, JSON.stringify(EVENT)));
  }
  await Promise.all(sent);
  return await delivered;
}

const EVENT = { type: "counter.add", amount: 1 };

function addressOf(number: number): string {
  return `counter:${number % COUNTERS}`;
}
