/** The error that says that a promise about schedules was broken. */
export class ScheduleViolation extends Error {
  override name = "ScheduleViolation";
}

/** Throws unless a condition holds. The detail is made only when it is needed. */
export function holdSchedule(condition: boolean, detail: () => string): asserts condition {
  if (!condition) throw new ScheduleViolation(detail());
}
