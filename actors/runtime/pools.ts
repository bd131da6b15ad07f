/**
 * Pools and their slots: who holds a place, who waits, and who is next. Kept in memory, rebuilt
 * from the store at boot and after a failed commit; every change is written by the commit that
 * makes it. A slot names several pools and gets a place in all or in none.
 *
 * Order: effective priority (priority, raised by one level for each `PRIORITY_AGING_MS` of
 * waiting, so that none starves), then the share that holds least, then age. Waiters that differ
 * in nothing but age form a line; only the heads of lines are compared, so a grant costs the
 * number of lines and not the number of waiters.
 */
import type { SlotRow } from "../store/store.ts";
import { MAX_PRIORITY, PRIORITY_AGING_MS } from "./limits.ts";
import type { PoolStatus } from "./api.ts";

type Slot = { row: SlotRow; pools: string[]; line: Line };
type Line = { pools: string[]; priority: number; share: string; waiting: Map<string, Slot> };
type Candidate = { slot: Slot; rank: readonly number[]; starving: boolean };
type Pool = { held: number; waiting: number; requested: number | undefined };

/** A pool as `slot` asks for it. */
export type PoolWish = { name: string; limit?: number };

export class Pools {
  #slots = new Map<string, Slot>();
  /** Places whose actor has let go while the work was still being ended. */
  #vacated = new Map<string, Slot>();
  #lines = new Map<string, Line>();
  #pools = new Map<string, Pool>();
  #shares = new Map<string, number>();
  #set = new Map<string, number | null>();
  #lastSeq = 0;
  #configured: ReadonlyMap<string, number>;

  constructor(configured: { readonly [name: string]: number }) {
    this.#configured = new Map(Object.entries(configured));
  }

  /** Forgets everything and takes over what the store holds. */
  load(slots: readonly SlotRow[], limits: readonly { name: string; limit: number }[]): void {
    this.#slots.clear();
    this.#lines.clear();
    this.#pools.clear();
    this.#shares.clear();
    this.#set = new Map(limits.map(({ name, limit }) => [name, limit < 0 ? null : limit]));
    for (const row of slots) {
      this.#vacated.delete(row.key);
      this.request(row);
    }
    for (const slot of this.#vacated.values()) this.#hold(slot, 1);
  }

  /** Puts a slot in its line, or straight among the holders if it is granted already. */
  request(row: SlotRow): void {
    const wishes = JSON.parse(row.pools) as PoolWish[];
    const names = wishes.map((wish) => wish.name);
    for (const { name, limit } of wishes) {
      const pool = this.#pool(name);
      if (limit !== undefined) pool.requested = limit;
    }
    const slot: Slot = { row, pools: names, line: this.#line(row, names) };
    this.#lastSeq = Math.max(this.#lastSeq, row.seq);
    this.#slots.set(row.key, slot);
    if (row.grantedAt !== null) {
      this.#hold(slot, 1);
      return;
    }
    slot.line.waiting.set(row.key, slot);
    for (const name of names) this.#pool(name).waiting += 1;
  }

  /** The number of the next to ask. */
  nextSeq(): number {
    return this.#lastSeq + 1;
  }

  /**
   * The actor has let go of its slot, or of its place in the line. A place that was held is free
   * for others after `free`. Unknown keys are slots that are gone already.
   */
  vacate(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#slots.delete(key);
    if (slot.row.grantedAt !== null) {
      this.#vacated.set(key, slot);
    } else {
      for (const name of slot.pools) this.#pool(name).waiting -= 1;
      slot.line.waiting.delete(key);
    }
    this.#sweep(slot);
    return true;
  }

  /** The work that a vacated place was for has ended: others may have the place. */
  free(key: string): void {
    const slot = this.#vacated.get(key);
    if (slot === undefined) return;
    this.#vacated.delete(key);
    this.#hold(slot, -1);
    this.#sweep(slot);
  }

  /** Grants to the next waiter that fits, or says that none does. */
  grantNext(now: number): SlotRow | undefined {
    const best = this.#best(now);
    if (best === undefined) return undefined;
    best.line.waiting.delete(best.row.key);
    best.row = { ...best.row, grantedAt: now };
    for (const name of best.pools) this.#pool(name).waiting -= 1;
    this.#hold(best, 1);
    return best.row;
  }

  /** The live limit: set by hand, else configured, else as its makers asked; null is none. */
  limitOf(name: string): number | null {
    const set = this.#set.get(name);
    if (set !== undefined) return set;
    return this.#configured.get(name) ?? this.#pools.get(name)?.requested ?? null;
  }

  setLimit(name: string, limit: number | null): void {
    this.#set.set(name, limit);
  }

  status(name: string): PoolStatus {
    const pool = this.#pools.get(name);
    return {
      name,
      limit: this.limitOf(name),
      held: pool?.held ?? 0,
      waiting: pool?.waiting ?? 0,
    };
  }

  all(): PoolStatus[] {
    const names = new Set([...this.#configured.keys(), ...this.#set.keys(), ...this.#pools.keys()]);
    return [...names].sort().map((name) => this.status(name));
  }

  counts(): { held: number; waiting: number } {
    let held = 0;
    for (const { row } of this.#slots.values()) if (row.grantedAt !== null) held += 1;
    return { held, waiting: this.#slots.size - held };
  }

  /** Keys of slots held or asked for, with their actors. */
  slots(): Iterable<SlotRow> {
    return this.#slots.values().map((slot) => slot.row);
  }

  #best(now: number): Slot | undefined {
    // Most commits give nothing back, and then nobody fits: asked before anything is ranked.
    const isRoom = this.#lines.values().some(({ waiting, pools }) =>
      waiting.size > 0 && pools.every((name) => this.#hasRoom(name, 0))
    );
    if (!isRoom) return undefined;
    const candidates = this.#lines.values().flatMap((line) => this.#head(line, now)).toArray();
    candidates.sort((left, right) => compareRanks(left.rank, right.rank));
    const reserved = new Set<string>();
    for (const { slot, starving } of candidates) {
      if (slot.pools.every((name) => this.#hasRoom(name, reserved.has(name) ? 1 : 0))) return slot;
      // A pool that is closed may stay so: nothing is kept free for those who wait for it.
      if (!starving || slot.pools.some((name) => this.limitOf(name) === 0)) continue;
      for (const name of slot.pools) reserved.add(name);
    }
    return undefined;
  }

  #head(line: Line, now: number): Candidate[] {
    const head = line.waiting.values().next();
    if (head.done) return [];
    const { row } = head.value;
    const waited = Math.max(0, now - row.requestedAt);
    const aged = line.priority + Math.floor(waited / PRIORITY_AGING_MS);
    const rank = [-Math.min(MAX_PRIORITY, aged), this.#shares.get(line.share) ?? 0, row.seq];
    return [{ slot: head.value, rank, starving: aged > MAX_PRIORITY }];
  }

  #hasRoom(name: string, reserved: number): boolean {
    const limit = this.limitOf(name);
    return limit === null || this.#pool(name).held + reserved < limit;
  }

  #hold(slot: Slot, delta: 1 | -1): void {
    for (const name of slot.pools) this.#pool(name).held += delta;
    const { share } = slot.row;
    const holds = (this.#shares.get(share) ?? 0) + delta;
    // Slots without a share compete by age alone.
    if (share === "" || holds === 0) this.#shares.delete(share);
    else this.#shares.set(share, holds);
  }

  #pool(name: string): Pool {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = { held: 0, waiting: 0, requested: undefined };
      this.#pools.set(name, pool);
    }
    return pool;
  }

  #line(row: SlotRow, pools: string[]): Line {
    const key = lineName(row, pools);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { pools, priority: row.priority, share: row.share, waiting: new Map() };
      this.#lines.set(key, line);
    }
    return line;
  }

  /** Forgets lines and pools that nobody uses, so that names do not pile up. */
  #sweep({ row, pools }: Slot): void {
    // By name: a slot that was granted long ago may come from a line that has gone since.
    const name = lineName(row, pools);
    if (this.#lines.get(name)?.waiting.size === 0) this.#lines.delete(name);
    for (const name of pools) {
      const pool = this.#pools.get(name);
      if (pool?.held === 0 && pool.waiting === 0) this.#pools.delete(name);
    }
  }
}

/** Waiters of one line differ in nothing but age. */
function lineName({ priority, share }: SlotRow, pools: readonly string[]): string {
  return JSON.stringify([pools, priority, share]);
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
