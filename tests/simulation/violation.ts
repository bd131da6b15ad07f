/** What must always hold, by number, and the error that says that it did not. */

/** The invariants. The first nine are the promises of the runtime; the others serve to keep them. */
export const INVARIANTS = {
  1: "an acknowledged event is in the journal, once",
  2: "folding the journal gives the stored snapshot, byte for byte",
  3: "every timer fires once and not early, every wanted effect ends in exactly one result",
  4: "no pool is over its limit, no ended actor holds a slot, no waiter starves",
  5: "a result of an old incarnation changes nothing",
  6: "events of an actor apply in the order in which they were acknowledged",
  7: "the feed has no gap and no double, for any reader that comes and goes",
  8: "nothing outside ever sees a state that is not committed",
  9: "no active actor is stuck",
  10: "a message that a step sends is delivered in the same commit, once",
  11: "the system comes up, goes on, and stops cleanly",
} as const;

export type InvariantNumber = keyof typeof INVARIANTS;

/** An invariant does not hold. */
export class Violation extends Error {
  override name = "Violation";
  constructor(readonly invariant: InvariantNumber, readonly detail: string) {
    super(`[${invariant}] ${INVARIANTS[invariant]}: ${detail}`);
  }
}

/** Throws unless a condition holds. The detail is made only when it is needed. */
export function hold(
  condition: boolean,
  invariant: InvariantNumber,
  detail: () => string,
): asserts condition {
  if (!condition) throw new Violation(invariant, detail());
}
