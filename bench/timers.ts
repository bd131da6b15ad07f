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
import { openRaw, statementsOf } from "./lib/raw.ts";
import { inFlight, pause, percentile } from "./lib/statistics.ts";
import { withWorld, type World } from "./lib/worlds.ts";

const SPAWNS_IN_FLIGHT = 256;
/** Time to create them in, before the first is due. */
const LEAD_MS = 5_000;
const SPREAD_MS = 1_000;
/** Timers fired in one raw commit, as in the runtime. */
const RAW_BATCH = 512;

export async function timers(context: BenchContext): Promise<Figure[]> {
  const count = context.quick ? 1_000 : 10_000;
  context.progress(`${count} timers in one second`);
  const fired = await ring(context, count);
  context.progress(`${count} timers in one second, raw`);
  const floors = await ringRaw(context, fired);
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

function ring(context: BenchContext, count: number): Promise<Fired[]> {
  return withWorld(context, async ({ system, takeCommits }) => {
    const firstDueAt = Date.now() + LEAD_MS;
    const dueTimes = new Map<Address, number>();
    await inFlight(SPAWNS_IN_FLIGHT, count, async (number) => {
      const dueAt = firstDueAt + number % SPREAD_MS;
      const { address } = await system.spawn("bell", system.newId("bell"), { dueAt });
      dueTimes.set(address, dueAt);
    });
    if (Date.now() >= firstDueAt) throw new Error("Cannot measure: the first is due already");
    takeCommits();
    await pause(firstDueAt + SPREAD_MS - Date.now());
    const fired: Fired[] = [];
    while (fired.length < count) {
      await pause(100);
      fired.push(...takeCommits().flatMap((stood) => firings(stood, dueTimes)));
    }
    return fired;
  });
}

function firings(
  { commit, stoodAt }: ReturnType<World["takeCommits"]>[number],
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
async function ringRaw(context: BenchContext, fired: readonly Fired[]): Promise<number[]> {
  const client = await openRaw(context);
  try {
    const shift = Date.now() + 1_000 - Math.min(...fired.map(({ dueAt }) => dueAt));
    await client.execute("CREATE INDEX timers_due ON timers (dueAt)");
    await client.batch(statementsOf(armed(fired, shift)), "write");
    const rows = new Map(fired.map((one) => [one.journal.address, one]));
    const lateness: number[] = [];
    while (lateness.length < fired.length) {
      const due = await takeDue(client);
      if (due.length === 0) await pause(1);
      else await client.batch(statementsOf(fire(due.flatMap((id) => rows.get(id) ?? []))), "write");
      const now = Date.now();
      lateness.push(...due.map((address) => now - shift - (rows.get(address)?.dueAt ?? NaN)));
    }
    return lateness;
  } finally {
    client.close();
  }
}

function armed(fired: readonly Fired[], shift: number): Commit {
  const timers = fired.map(({ dueAt, journal: { address, event } }) => {
    return { address, id: "wait", dueAt: dueAt + shift, target: address, event, stamp: address };
  });
  return { ...emptyCommit(0, 0), timers };
}

async function takeDue(client: Client): Promise<string[]> {
  const { rows } = await client.execute({
    sql: "SELECT address FROM timers WHERE dueAt <= ? ORDER BY dueAt LIMIT ?",
    args: [Date.now(), RAW_BATCH],
  });
  return rows.map((row) => String(row.address));
}

function fire(fired: readonly Fired[]): Commit {
  return {
    ...emptyCommit(0, 0),
    actors: fired.map(({ actor }) => actor),
    journal: fired.map(({ journal }) => journal),
    timersDeleted: fired.map(({ journal: { address } }) => ({ address, id: "wait" })),
  };
}
