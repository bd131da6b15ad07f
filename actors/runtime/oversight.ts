/**
 * Looking for what does not go on: actors that nothing will wake, timers that should have fired,
 * effects that nobody carries out. Everything here reads, and nothing is decided: whoever asks
 * knows what is late and what may wait.
 */
import type { EffectRow, Store } from "../store/store.ts";
import type { LateQuery, OrphanedEffect, System } from "./api.ts";
import type { Clock } from "./clock.ts";
import { pageSize } from "./reader.ts";

export type OversightParts = {
  store: Store;
  clock: Clock;
  /** Whether an effect runs here, or waits for its next attempt. */
  isLive(key: string): boolean;
};

export type Oversight = Pick<System, "unattended" | "overdue" | "orphanedEffects">;

/** Effects read at a time. */
const EFFECTS_PAGE = 200;

export function createOversight(parts: OversightParts): Oversight {
  const { store, clock } = parts;
  return {
    unattended: async (addresses) => await store.unattended(addresses),
    overdue: async ({ lateMs, limit }) => {
      const rows = await store.timersDue(clock.now() - lateMs - 1, pageSize(limit));
      return rows.map(({ address, id, dueAt }) => ({ address, timer: id, dueAt }));
    },
    orphanedEffects: (query) => orphanedEffects(parts, query),
  };
}

async function orphanedEffects(
  parts: OversightParts,
  { lateMs, limit }: LateQuery,
): Promise<OrphanedEffect[]> {
  const size = pageSize(limit);
  const before = parts.clock.now() - lateMs;
  const found: OrphanedEffect[] = [];
  for (let after = "";;) {
    // An effect's first attempt is to begin when it is made, each further one at its own time.
    const rows = await parts.store.listEffects(after, EFFECTS_PAGE);
    for (const row of rows) {
      if (Math.max(row.createdAt, row.notBefore) >= before || !await isOrphaned(parts, row)) {
        continue;
      }
      const { address, key, src, attempt } = row;
      found.push({ address, key, src, attempt });
      if (found.length === size) return found;
    }
    if (rows.length < EFFECTS_PAGE) return found;
    after = rows.at(-1)?.key ?? after;
  }
}

/**
 * An effect is live from just after the commit of its row until just after that of its removal.
 * Whoever is seen not to live may be at either end, so it is looked at once more.
 */
async function isOrphaned({ store, isLive }: OversightParts, { address, key }: EffectRow) {
  if (isLive(key)) return false;
  const rows = await store.effectsOf(address);
  return !isLive(key) && rows.some((row) => row.key === key);
}
