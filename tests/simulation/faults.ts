/**
 * What goes wrong, and when: crashes at every boundary, a store that is full or does not answer.
 * By chance, or, where a seed is aimed, at one effect in one state and nowhere else.
 */
import type { CommitFate } from "./crashing_store.ts";
import type { CrashPoint, Situation } from "./coverage.ts";
import type { Aim, FaultSettings } from "./plan.ts";
import type { Random } from "./random.ts";

/** One boundary in so many is a crash, while there are any left. */
const CRASH_CHANCE = 0.012;

export class Faults {
  /** Set when nothing goes wrong any more. */
  calm = false;
  /** The disk is full. */
  isFull = false;
  #crashesLeft: number;
  #aims: Aim[];

  constructor(
    readonly random: Random,
    readonly settings: FaultSettings,
    aims: readonly Aim[],
  ) {
    this.#aims = [...aims];
    this.#crashesLeft = settings.crashes ? random.int(0, 6) : 0;
  }

  /** Whether all that was aimed at has been hit. */
  get isSpent(): boolean {
    return this.#aims.length === 0;
  }

  /** What is aimed at next. */
  get aim(): Aim | undefined {
    return this.#aims[0];
  }

  /** Whether the process dies here. */
  dies(point: CrashPoint, situations: readonly Situation[]): boolean {
    if (this.#hits(point, situations)) return true;
    if (this.calm || this.#crashesLeft <= 0) return false;
    const chance = point === "in recovery" ? 3 * CRASH_CHANCE : CRASH_CHANCE;
    if (!this.random.chance(chance)) return false;
    this.#crashesLeft -= 1;
    return true;
  }

  /** What befalls a commit, in this order; `results` are those of effects that end with it. */
  fateOf(
    situations: readonly Situation[],
    results: readonly Situation[],
    isOfEvents: boolean,
  ): CommitFate {
    if (this.dies("before its result", results)) return { type: "dies", when: "before" };
    if (this.dies("before the commit", situations)) return { type: "dies", when: "before" };
    if (this.dies("within the commit", situations)) return { type: "dies", when: "torn" };
    if (this.dies("after the commit", situations)) return { type: "dies", when: "after" };
    if (this.calm || !this.settings.storeFailures) return { type: "stands" };
    if (this.isFull) return { type: "fails", failure: "full" };
    if (this.random.chance(0.004)) return { type: "fails", failure: "other" };
    if (this.random.chance(0.001)) return { type: "fails", failure: "busy" };
    // Without events in it nobody could tell that it stands.
    if (isOfEvents && this.random.chance(0.002)) return { type: "unanswered" };
    return { type: "stands" };
  }

  /** Whether a read fails. */
  failsRead(): boolean {
    return !this.calm && this.settings.storeFailures && this.random.chance(0.0005);
  }

  #hits(point: CrashPoint, situations: readonly Situation[]): boolean {
    const [aim] = this.#aims;
    if (aim === undefined || aim.point !== point || !situations.includes(aim.situation)) {
      return false;
    }
    this.#aims.shift();
    return true;
  }
}
