/** Counts what a check finds, under names, each with some actors that it was found at. */
import type { Address } from "./address.ts";

export type Finding = {
  name: string;
  count: number;
  /** Some of the actors. */
  examples: Address[];
};

/** Actors named with one finding. */
const MAX_EXAMPLES = 5;

export class Findings {
  #byName = new Map<string, Finding>();

  add(name: string, address: Address): void {
    const finding = this.#byName.get(name) ?? { name, count: 0, examples: [] };
    this.#byName.set(name, finding);
    finding.count += 1;
    if (finding.examples.length < MAX_EXAMPLES) finding.examples.push(address);
  }

  /** Most frequent first. */
  list(): Finding[] {
    return [...this.#byName.values()].sort((a, b) => b.count - a.count);
  }
}
