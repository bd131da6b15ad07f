/** A promise about goals was broken. */
export class GoalViolation extends Error {
  override name = "GoalViolation";
}

/** Throws unless a condition holds. The detail is made only when it is needed. */
export function hold(condition: boolean, detail: () => string): asserts condition {
  if (!condition) throw new GoalViolation(detail());
}
