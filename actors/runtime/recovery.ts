/**
 * Coming back: reads what was in flight (slots, watches, effects, the next
 * timer), takes over actors of older definitions, and says what it found. Actors that nothing is
 * owed to stay on disk.
 */
import type { EffectRow, Lease } from "../store/store.ts";
import { kindOf } from "./address.ts";
import type { Clock } from "./clock.ts";
import { type Committer, readAll, reloadClaims } from "./committer.ts";
import { ACTION_MAX_ATTEMPTS } from "./limits.ts";
import { prefetch } from "./loader.ts";
import type { RecoveryReport } from "./api.ts";
import type { World } from "./world.ts";

/** Actors taken over in one commit. */
const UPGRADE_PAGE = 200;
/** Attempts beyond its own that restarts may cut off before the effect is taken for their cause. */
const MAX_CUT_OFF_ATTEMPTS = 20;

/** An effect to be started once everything is in place. */
export type Pending = { row: EffectRow; how: "rerun" | "reattach" | "fail" };

/** Reads what was in flight and says what to do with it. */
export async function recover(
  world: World,
  parts: { committer: Committer; clock: Clock; lease: Lease; startedAt: number },
): Promise<{ report: RecoveryReport; pending: Pending[] }> {
  const { committer, clock, lease, startedAt } = parts;
  const { store } = world;
  committer.seq = await store.lastSeq();
  await reloadClaims(world);
  const pending = await takeEffects(world, committer, clock.now());
  const count = (how: Pending["how"]) => pending.filter((effect) => effect.how === how).length;
  const now = clock.now();
  const report: RecoveryReport = {
    bootId: world.bootId,
    epoch: lease.epoch,
    lastSeq: committer.seq,
    effects: { rerun: count("rerun"), reattached: count("reattach"), failed: count("fail") },
    timers: {
      armed: await store.countTimers(),
      overdue: (await store.timersDue(now, 1_000)).length,
    },
    slots: world.pools.counts(),
    watches: world.watches.size,
    versions: { upgraded: 0, blocked: 0 },
    unknownKinds: await unknownKinds(world),
    tookMs: 0,
  };
  report.tookMs = Math.round(performance.now() - startedAt);
  return { report, pending };
}

/** What is said of a world that is opened to look at it: nothing was found and nothing done. */
export async function lookReport(
  { store, bootId }: World,
  lastSeq: number,
  startedAt: number,
): Promise<RecoveryReport> {
  return {
    bootId,
    epoch: 0,
    lastSeq,
    effects: { rerun: 0, reattached: 0, failed: 0 },
    timers: { armed: await store.countTimers(), overdue: 0 },
    slots: { held: 0, waiting: 0 },
    watches: 0,
    versions: { upgraded: 0, blocked: 0 },
    unknownKinds: [],
    tookMs: Math.round(performance.now() - startedAt),
  };
}

/**
 * Takes over, page by page, every active actor that an older definition wrote, so that a timer
 * which the new one wants is armed even for an actor that nobody touches.
 */
export async function upgradeAll(
  world: World,
  committer: Committer,
  isStopped: () => boolean,
): Promise<{ upgraded: number; blocked: number }> {
  const counts = { upgraded: 0, blocked: 0 };
  for (const kind of world.registry.all()) {
    let after = 0;
    while (!isStopped()) {
      const rows = await world.store.listOutdated(kind.name, kind.version, after, UPGRADE_PAGE);
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.createdSeq;
      const addresses = rows.map((row) => row.address);
      await committer.write(async (draft) => {
        await prefetch(world, draft, addresses);
        const found = addresses.map((address) => draft.found.get(address)?.type);
        counts.blocked += found.filter((type) => type === "blocked").length;
        counts.upgraded += found.filter((type) => type === "actor").length;
      });
    }
  }
  return counts;
}

/** Marks every effect as this boot's, one attempt further, before any of them runs. */
async function takeEffects(
  world: World,
  committer: Committer,
  now: number,
): Promise<Pending[]> {
  const { store } = world;
  const rows = await readAll((after: string, limit) => store.listEffects(after, limit), {
    start: "",
    next: (row) => row.key,
  });
  const pending = rows.flatMap((row) => decide(world, row, now));
  if (pending.length > 0) {
    await committer.write((draft) => {
      draft.rows.effects.push(...pending.map((effect) => effect.row));
    });
  }
  return pending;
}

function decide(world: World, row: EffectRow, now: number): Pending[] {
  const kind = world.registry.find(kindOf(row.address));
  if (kind === undefined) return [];
  const effect = kind.definition.effects?.[row.src];
  const isWaiting = row.notBefore > now;
  const taken = { ...row, bootId: world.bootId, attempt: row.attempt + (isWaiting ? 0 : 1) };
  const allowed = effect?.maxAttempts ?? ACTION_MAX_ATTEMPTS;
  if (row.attempt > allowed + MAX_CUT_OFF_ATTEMPTS) return [{ row: taken, how: "fail" }];
  // Between two attempts nothing was running, so there is nothing to take up.
  if (isWaiting || row.type !== "invoke") return [{ row: taken, how: "rerun" }];
  switch (effect?.onRestart ?? "rerun") {
    case "rerun":
      return [{ row: taken, how: "rerun" }];
    case "reattach":
      return [{ row: taken, how: "reattach" }];
    case "fail":
      return [{ row: taken, how: "fail" }];
  }
}

async function unknownKinds(world: World): Promise<string[]> {
  const kinds = new Set((await world.store.tallies()).map((tally) => tally.kind));
  return [...kinds].filter((kind) => world.registry.find(kind) === undefined).sort();
}
