/** Watches pools from outside: what commits grant, against the limits in force. */
import type { PoolStatus } from "../../actors/runtime/system.ts";
import type { Commit, SlotRow } from "../../actors/store/store.ts";
import { hold } from "./violation.ts";

type Wish = { name: string; limit?: number };

export class PoolWatch {
  #set = new Map<string, number>();
  #granted = new Set<string>();

  /** A commit stands; `slots` are those stored after it. */
  check(
    commit: Commit,
    slots: ReadonlyMap<string, SlotRow>,
    configured: { readonly [name: string]: number },
  ): void {
    for (const { name, limit } of commit.pools) this.#set.set(name, limit);
    const isNew = (row: SlotRow) => row.grantedAt !== null && !this.#granted.has(row.key);
    for (const row of commit.slots.filter(isNew)) {
      this.#granted.add(row.key);
      for (const wish of wishesOf(row)) {
        const limit = this.#limitOf(wish, configured);
        const held = heldIn(slots, wish.name);
        hold(limit === null || held <= limit, 4, () => {
          return `"${wish.name}" holds ${held} after ${row.key} was granted, its limit is ${limit}`;
        });
      }
    }
  }

  #limitOf(wish: Wish, configured: { readonly [name: string]: number }): number | null {
    const set = this.#set.get(wish.name);
    // The store knows numbers only: below zero stands for no limit.
    if (set !== undefined) return set < 0 ? null : set;
    return configured[wish.name] ?? wish.limit ?? null;
  }
}

/** After so long places are kept free for those who wait for several, ms. */
const RESERVED_AFTER_MS = 2 * 3_600_000;

/** Nobody waits for a place that is free, when nothing is under way. */
export function checkWaiters(
  slots: ReadonlyMap<string, SlotRow>,
  pools: readonly PoolStatus[],
  now: number,
): void {
  const full = new Set(
    pools.filter(({ limit, held }) => limit !== null && held >= limit).map(({ name }) => name),
  );
  const waiting = [...slots.values()].filter((row) => row.grantedAt === null);
  if (waiting.some((row) => now - row.requestedAt > RESERVED_AFTER_MS)) return;
  for (const row of waiting) {
    const isHeldUp = wishesOf(row).some(({ name }) => full.has(name));
    hold(isHeldUp, 4, () => `${row.key} waits for ${row.pools}, and there is room`);
  }
}

/** Who is counted in a pool. */
export function heldIn(slots: ReadonlyMap<string, SlotRow>, name: string): number {
  const isHeld = (row: SlotRow) =>
    row.grantedAt !== null && wishesOf(row).some((wish) => wish.name === name);
  return [...slots.values()].filter(isHeld).length;
}

function wishesOf(row: SlotRow): Wish[] {
  return JSON.parse(row.pools) as Wish[];
}
