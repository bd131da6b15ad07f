/**
 * Two views of one table: what the journal says must be in it, and what the commits have put in
 * it. They must agree after every commit; only what was touched is compared.
 */
import { hold, type InvariantNumber } from "./violation.ts";

export class Table<Row> {
  /** What the journal says, by key: the facts of a row as text. */
  readonly expected = new Map<string, string>();
  /** What commits have written. */
  readonly stored = new Map<string, Row>();
  #touched = new Set<string>();

  constructor(
    readonly name: string,
    readonly invariant: InvariantNumber,
    readonly factsOf: (row: Row) => string,
  ) {}

  /** The journal says that this row is there. */
  expect(key: string, facts: string): void {
    this.expected.set(key, facts);
    this.#touched.add(key);
  }

  /** The journal says that no such row is there; whether there was one. */
  expectNone(key: string): boolean {
    this.#touched.add(key);
    return this.expected.delete(key);
  }

  put(key: string, row: Row): void {
    this.stored.set(key, row);
    this.#touched.add(key);
  }

  remove(key: string): void {
    this.stored.delete(key);
    this.#touched.add(key);
  }

  /** Compares what was touched since the last time. */
  compare(): void {
    for (const key of this.#touched) this.#compareOne(key);
    this.#touched.clear();
  }

  #compareOne(key: string): void {
    const row = this.stored.get(key);
    const expected = this.expected.get(key);
    const found = row === undefined ? undefined : this.factsOf(row);
    if (expected === found) return;
    hold(found !== undefined, this.invariant, () => `${this.name} ${key} is gone: ${expected}`);
    hold(expected !== undefined, this.invariant, () => {
      return `${this.name} ${key} is there though nothing wants it: ${found}`;
    });
    hold(false, this.invariant, () => `${this.name} ${key} is ${found}, should be ${expected}`);
  }
}
