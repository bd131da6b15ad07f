/**
 * Durable transitions a second: many lives of six transitions, a timer set and cancelled in each,
 * with a bounded number of them in flight. Each life waits for the receipt of one event before it
 * sends the next.
 */
import type { System } from "../actors/runtime/api.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { replay } from "./lib/raw.ts";
import { inFlight, median, sum, timed } from "./lib/statistics.ts";
import { withWorld } from "./lib/worlds.ts";
import { LIFE_EVENTS, lifeInput } from "./machines.ts";

const ROUNDS = 3;
const WARM_UP_LIVES = 1_000;
const TRANSITIONS_PER_LIFE = LIFE_EVENTS.length + 1;

export async function transitions(context: BenchContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const limit of context.concurrency) {
    const rounds: { rate: number; floor: number }[] = [];
    for (let round = 1; round <= (context.quick ? 1 : ROUNDS); round++) {
      context.progress(`${limit} lives in flight, round ${round}`);
      rounds.push(await measure(context, limit));
    }
    figures.push({
      bench: "transitions",
      what: `six transitions a life, ${limit} in flight`,
      value: median(rounds.map(({ rate }) => rate)),
      unit: "transitions/s",
      syncMode: context.syncMode,
      floor: median(rounds.map(({ floor }) => floor)),
      target: 20_000,
      leastRatio: 0.25,
    });
  }
  return figures;
}

/** One round on a new database, and the same commits raw. */
async function measure(
  context: BenchContext,
  limit: number,
): Promise<{ rate: number; floor: number }> {
  const count = context.tasks * TRANSITIONS_PER_LIFE;
  return await withWorld(context, async ({ system, recorded }) => {
    await inFlight(limit, WARM_UP_LIVES, (number) => live(system, number));
    const from = recorded.length;
    const ms = await timed(() => inFlight(limit, context.tasks, (number) => live(system, number)));
    const floorMs = sum(await replay(context, recorded, from));
    return { rate: count / ms * 1_000, floor: count / floorMs * 1_000 };
  });
}

async function live(system: System, number: number): Promise<void> {
  const { address } = await system.spawn("life", system.newId("life"), lifeInput(number));
  for (const event of LIFE_EVENTS) await system.send(address, event);
}
