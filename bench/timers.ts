/**
 * Lateness of timers: ten thousand, due within the same second, ten in each of its milliseconds.
 * A timer is late by the time from when it was due to when the commit of its firing stood.
 */
import type { Client } from "@libsql/client";
import type { Address } from "../actors/runtime/address.ts";
import {
  type ActorWrite,
  type Commit,
  emptyCommit,
  type JournalRow,
} from "../actors/store/store.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { load, openRaw, statementsOf } from "./lib/raw.ts";
import { inFlight, pause, percentile } from "./lib/statistics.ts";
import { type Recorded, withWorld } from "./lib/worlds.ts";

const SPAWNS_IN_FLIGHT = 256;
/** Time to create them in, before the first is due. */
const LEAD_MS = 5_000;
const SPREAD_MS = 1_000;
/** Timers fired in one raw commit, as in the runtime. */
const RAW_BATCH = 512;

export async function timers(context: BenchContext): Promise<Figure[]> {
  const count = context.quick ? 1_000 : 10_000;
  context.progress(`${count} timers in one second`);
  const { fired, setUp } = await ring(context, count);
  context.progress(`${count} timers in one second, raw`);
  const floors = await ringRaw(context, setUp, fired);
  const lateness = fired.map(({ latenessMs }) => latenessMs);
  return [0.5, 0.99].map((part) => ({
    bench: "timers",
    what: `${count.toLocaleString("en-US")} due in one second, late by, p${part * 100}`,
    value: percentile(lateness, part),
    unit: "ms",
    syncMode: context.syncMode,
    floor: percentile(floors, part),
    target: part === 0.99 ? 60 : null,
  }));
}

/** One timer that fired: how late, and the rows of its firing. */
type Fired = { dueAt: number; latenessMs: number; actor: ActorWrite; journal: JournalRow };

/** Sets the timers and waits until all have fired. `setUp` are the commits that set them. */
function ring(
  context: BenchContext,
  count: number,
): Promise<{ fired: Fired[]; setUp: readonly Recorded[] }> {
  return withWorld(context, async ({ system, recorded }) => {
    const firstDueAt = Date.now() + LEAD_MS;
    const dueTimes = new Map<Address, number>();
    await inFlight(SPAWNS_IN_FLIGHT, count, async (number) => {
      const dueAt = firstDueAt + number % SPREAD_MS;
      const { address } = await system.spawn("bell", system.newId("bell"), { dueAt });
      dueTimes.set(address, dueAt);
    });
    if (Date.now() >= firstDueAt) throw new Error("Cannot measure: the first is due already");
    const setUp = recorded.slice();
    await pause(firstDueAt + SPREAD_MS - Date.now());
    while (true) {
      const fired = recorded.slice(setUp.length).flatMap((one) => firings(one, dueTimes));
      if (fired.length >= count) return { fired, setUp };
      await pause(100);
    }
  });
}

function firings(
  { commit, stoodAt }: Recorded,
  dueTimes: ReadonlyMap<Address, number>,
): Fired[] {
  const actors = new Map(commit.actors.map((actor) => [actor.address, actor]));
  return commit.journal.flatMap((journal) => {
    const actor = actors.get(journal.address);
    const dueAt = dueTimes.get(journal.address);
    const isFiring = journal.cause.startsWith("timer/");
    if (!isFiring || actor === undefined || dueAt === undefined) return [];
    return [{ dueAt, latenessMs: stoodAt - dueAt, actor, journal }];
  });
}

/** The same timers, looked up, written and removed by libSQL alone. Returns how late each was. */
async function ringRaw(
  context: BenchContext,
  setUp: readonly Recorded[],
  fired: readonly Fired[],
): Promise<number[]> {
  const client = await openRaw(context);
  try {
    await client.execute("create index timers_due on timers (dueAt)");
    await load(client, setUp);
    const rows = new Map(fired.map((one) => [one.journal.address, one]));
    // The same second again, some time later.
    const shift = Date.now() + 1_000 - Math.min(...fired.map(({ dueAt }) => dueAt));
    const lateness: number[] = [];
    while (lateness.length < fired.length) {
      const due = (await dueRaw(client, Date.now() - shift)).flatMap((one) => rows.get(one) ?? []);
      if (due.length === 0) await pause(1);
      else await client.batch(statementsOf(fire(due)), "write");
      const now = Date.now() - shift;
      lateness.push(...due.map(({ dueAt }) => now - dueAt));
    }
    return lateness;
  } finally {
    client.close();
  }
}

async function dueRaw(client: Client, now: number): Promise<string[]> {
  const { rows } = await client.execute({
    sql: "select address from timers where dueAt <= ? order by dueAt limit ?",
    args: [now, RAW_BATCH],
  });
  return rows.map((row) => String(row.address));
}

function fire(fired: readonly Fired[]): Commit {
  return {
    ...emptyCommit(0, 0),
    actors: fired.map(({ actor }) => actor),
    journal: fired.map(({ journal }) => journal),
    timersCleared: fired.map(({ journal }) => journal.address),
  };
}
