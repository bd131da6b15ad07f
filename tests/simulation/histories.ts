/**
 * What is kept of the past: the bases that actors get, each held against the model at its commit,
 * and what retention cuts of the journal, held against what it may cut.
 */
import type { Address } from "../../actors/runtime/address.ts";
import { persist } from "../../actors/runtime/step.ts";
import type { BaseRow, Commit, JournalRow, PruneRequest } from "../../actors/store/store.ts";
import { canonical } from "./canonical.ts";
import type { Model } from "./model.ts";
import { hold } from "./violation.ts";

/** Up to where an actor's journal is gone, and the first revision that can be folded. */
export type Cut = { seq: number; revision: number };

export class Histories {
  /** Rows that are gone, by their `seq`. */
  readonly gone = new Set<number>();
  #bases = new Map<Address, BaseRow[]>();
  #cuts = new Map<Address, Cut>();

  constructor(readonly model: Model, readonly eventsPerBase: number) {}

  /** What of the journal is to be there still. */
  get kept(): JournalRow[] {
    return this.model.journal.filter(({ seq }) => !this.gone.has(seq));
  }

  /** None where an actor's history is whole. */
  cutOf(address: Address): Cut | undefined {
    return this.#cuts.get(address);
  }

  /** Takes over the bases of a commit that the model has taken. Throws a `Violation`. */
  take({ bases, actors }: Commit): void {
    for (const base of bases) {
      this.#check(base);
      this.#bases.set(base.address, [...this.#bases.get(base.address) ?? [], base]);
    }
    const count = (revision = 0) => Math.floor(revision / this.eventsPerBase);
    for (const { address, revision, status } of actors) {
      const last = this.#bases.get(address)?.at(-1);
      hold(status !== "active" || count(last?.revision) === count(revision), 2, () => {
        return `${address} is at ${revision}, its last base is at ${last?.revision ?? 0}`;
      });
    }
  }

  /** Retention has left these rows. Gives those that it has cut. Throws a `Violation`. */
  cut(left: readonly JournalRow[], { basesBefore, now }: PruneRequest, isArchived: IsArchived) {
    const seqs = new Set(left.map(({ seq }) => seq));
    const cut = this.kept.filter(({ seq }) => !seqs.has(seq));
    for (const { seq } of cut) this.gone.add(seq);
    for (const address of new Set(cut.map((row) => row.address))) {
      const base = isArchived(address, now)
        ? { seq: this.model.seq, revision: this.model.actors.get(address)?.revision ?? 0 }
        : this.#bases.get(address)?.findLast(({ at }) => at < basesBefore);
      const gone = cut.filter((row) => row.address === address).map(({ seq }) => seq);
      hold(base !== undefined, 2, () => `${address} lost ${gone}, and no base is old enough`);
      this.#cuts.set(address, { seq: base.seq, revision: base.revision });
    }
    for (const { seq, address } of this.model.journal) {
      const isDue = seq <= (this.#cuts.get(address)?.seq ?? 0);
      hold(isDue === this.gone.has(seq), 2, () => {
        const { seq: end } = this.#cuts.get(address) ?? { seq: 0 };
        return `${seq} of ${address} is ${isDue ? "still there" : "gone"}, it is cut up to ${end}`;
      });
    }
    return cut;
  }

  /** A base is what the journal up to its place has made of its actor. */
  #check({ address, revision, at, seq, snapshot }: BaseRow): void {
    const rows = this.model.journal.filter((row) => row.address === address);
    const last = rows.findLast((row) => row.seq <= seq && row.outcome === "taken");
    const isInPlace = last?.revision === revision && last.at === at;
    hold(isInPlace, 2, () => `a base of ${address} is at ${seq} for revision ${revision}`);
    const shadow = this.model.actors.get(address);
    // A takeover's base may be followed by events in the same commit.
    if (shadow?.revision !== revision) return;
    const folded = canonical(JSON.parse(JSON.stringify(persist(shadow.snapshot))));
    const stored = canonical(JSON.parse(snapshot));
    hold(folded === stored, 2, () => `a base of ${address} is ${stored}, should be ${folded}`);
  }
}

/** Whether an actor was archived at that time. */
type IsArchived = (address: Address, at: number) => boolean;
