/**
 * When a schedule is due: the rule as a caller gives it, what is wrong with it, and its slots. Pure
 * calculation; what happens at a slot is the schedule's.
 */

/** When a schedule is due. Exactly one of the three. Times are ms since the epoch. */
export type ScheduleRule =
  /** Every so often: at `anchor + n * everySeconds`, n from 1. */
  | { readonly everySeconds: number }
  /** Five fields or a descriptor such as `@daily`, read in an IANA zone. */
  | { readonly cron: string; readonly timezone: string }
  /** Once. */
  | { readonly at: number };

/**
 * What is wrong with a rule as a caller gave it, as sentences that say what to write instead;
 * empty where nothing is. `field` is the property's name.
 */
export function ruleFaults(_rule: ScheduleRule, _now: number): { field: string; detail: string }[] {
  return [];
}

/** The first slot strictly after `after`; null where there is none. An interval counts from `anchor`. */
export function nextSlot(
  _rule: ScheduleRule,
  _after: number,
  _options: { anchor: number },
): number | null {
  return null;
}

/**
 * The newest `limit` slots of [`first`, `upTo`], ascending, given that `first` is one, and how many
 * there are in all. Not `exact`: there are at least `count`, and counting stopped there.
 */
export function dueSlots(
  _rule: ScheduleRule,
  _span: { first: number; upTo: number; limit: number },
): { slots: number[]; count: number; exact: boolean } {
  return { slots: [], count: 0, exact: true };
}

/** The next `count` slots after `after`, fewer where there are no more. */
export function upcomingSlots(
  _rule: ScheduleRule,
  _after: number,
  _options: { anchor: number; count: number },
): number[] {
  return [];
}
