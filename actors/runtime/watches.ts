/**
 * Who waits for whose end. Kept in memory by target, rebuilt from the store at boot and after a
 * failed commit.
 */
import type { WatchRow } from "../store/store.ts";
import type { Address } from "./address.ts";

export class Watches {
  #byTarget = new Map<Address, Map<string, WatchRow>>();
  #byKey = new Map<string, Set<Address>>();

  load(rows: readonly WatchRow[]): void {
    this.#byTarget.clear();
    this.#byKey.clear();
    for (const row of rows) this.add(row);
  }

  add(row: WatchRow): void {
    const rows = this.#byTarget.get(row.target) ?? new Map<string, WatchRow>();
    this.#byTarget.set(row.target, rows.set(row.key, row));
    const targets = this.#byKey.get(row.key) ?? new Set<Address>();
    this.#byKey.set(row.key, targets.add(row.target));
  }

  /** Removes and returns the watches on an actor that has ended. */
  takeTarget(target: Address): WatchRow[] {
    const rows = [...this.#byTarget.get(target)?.values() ?? []];
    for (const row of rows) this.#remove(row.key, target);
    return rows;
  }

  /** Removes and returns what a watch whose state was left still waited for. */
  takeKey(key: string): WatchRow[] {
    const targets = [...this.#byKey.get(key) ?? []];
    const rows = targets.flatMap((target) => this.#byTarget.get(target)?.get(key) ?? []);
    for (const target of targets) this.#remove(key, target);
    return rows;
  }

  get size(): number {
    return this.#byKey.size;
  }

  #remove(key: string, target: Address): void {
    const rows = this.#byTarget.get(target);
    rows?.delete(key);
    if (rows?.size === 0) this.#byTarget.delete(target);
    const targets = this.#byKey.get(key);
    targets?.delete(target);
    if (targets?.size === 0) this.#byKey.delete(key);
  }
}
