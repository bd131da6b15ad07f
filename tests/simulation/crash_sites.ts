/**
 * Which effects are owed in which states at the moment of a commit or of a piece of work: the
 * places of a crash, as the coverage counts them.
 */
import type { Commit } from "../../actors/store/store.ts";
import { type Situation, situationOf } from "./coverage.ts";
import type { Model } from "./model.ts";
import type { Outside, Run } from "./outside.ts";

export class CrashSites {
  constructor(readonly model: Model, readonly outside: Outside) {}

  /** The situation in which a piece of work is done. */
  ofRun({ address, src }: Pick<Run, "address" | "src">): Situation {
    const actor = this.model.actors.get(address);
    return situationOf(actor?.kind.name ?? "", actor?.state ?? "", src);
  }

  /** Every effect that is owed now, in the state of its actor. */
  owed(): Situation[] {
    return [...this.model.expectations.effects.stored.values()].map((row) => this.ofRun(row));
  }

  /** What is owed to the actors of a commit once it stands. */
  after(commit: Commit): Situation[] {
    return commit.actors.flatMap(({ address, kind, state }) => {
      const kept = this.model.effectsOf(address).filter((row) =>
        !commit.effectsDeleted.includes(row.key)
      );
      const made = commit.effects.filter((row) => row.address === address);
      const sources = new Set([...kept, ...made].map((row) => row.src));
      return [...sources].map((src) => situationOf(kind, state, src));
    });
  }

  /** Effects that end with a commit, in the state in which their actor is before it. */
  resultsIn(commit: Commit): Situation[] {
    const ended = commit.effectsDeleted.filter((key) =>
      this.outside.hasSucceeded(key) || commit.journal.some((row) => row.cause === `effect/${key}`)
    );
    return ended.flatMap((key) => {
      const row = this.model.expectations.effects.stored.get(key);
      return row === undefined ? [] : [this.ofRun(row)];
    });
  }
}
