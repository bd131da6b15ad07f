/**
 * When a schedule is due: the rule as a caller gives it, what is wrong with it, and its slots. Pure
 * calculation; what happens at a slot is the schedule's. How cron is read is in `cron.ts`.
 */
import { cronFault, cronSlots, LAST_SLOT_MS, timezoneFault } from "./cron.ts";

/** When a schedule is due. Exactly one of the three. Times are ms since the epoch. */
export type ScheduleRule =
  /** Every so often: at `anchor + n * everySeconds`, n from 1. */
  | { readonly everySeconds: number }
  /** Five fields or a descriptor such as `@daily`, read in an IANA zone. */
  | { readonly cron: string; readonly timezone: string }
  /** Once. */
  | { readonly at: number };

/** Shortest interval. */
export const MIN_INTERVAL_SECONDS = 60;
/** Longest interval: that of the longest timer. */
export const MAX_INTERVAL_SECONDS = 10 * 365 * 24 * 60 * 60;
/** How late an `at` may come, for the clocks and the way of a request. */
export const AT_GRACE_MS = 60_000;
/** Slots of a cron that are counted, and the most that are listed. */
export const MAX_COUNTED_SLOTS = 10_000;

const MINUTE_MS = 60_000;

/**
 * What is wrong with a rule as a caller gave it, as sentences that say what to write instead;
 * empty where nothing is. `field` is the property's name.
 */
export function ruleFaults(rule: ScheduleRule, now: number): { field: string; detail: string }[] {
  const given = ["everySeconds", "cron", "at"].filter((field) => field in rule);
  if (given.length !== 1) {
    const detail = `Cannot use a schedule with ${given.join(" and ") || "nothing"}: ` +
      `give exactly one of everySeconds, cron (with timezone) and at`;
    return [{ field: given[1] ?? "everySeconds", detail }];
  }
  const faults = "everySeconds" in rule
    ? [{ field: "everySeconds", detail: intervalFault(rule.everySeconds) }]
    : "at" in rule
    ? [{ field: "at", detail: atFault(rule.at, now) }]
    : [
      { field: "cron", detail: cronFault(rule.cron) },
      { field: "timezone", detail: timezoneFault(rule.timezone) },
    ];
  return faults.flatMap(({ field, detail }) => detail === null ? [] : [{ field, detail }]);
}

/**
 * The first slot strictly after `after`; null where there is none. `anchor`: from when an interval
 * counts. Throws TypeError or RangeError for a cron or a zone that has a fault.
 */
export function nextSlot(
  rule: ScheduleRule,
  after: number,
  { anchor }: { anchor: number },
): number | null {
  if ("at" in rule) return rule.at > after ? rule.at : null;
  if ("cron" in rule) return slotsFrom(rule, Math.floor(after) + 1).next().value ?? null;
  const stepMs = rule.everySeconds * 1_000;
  const slot = anchor + Math.max(1, Math.floor((after - anchor) / stepMs) + 1) * stepMs;
  return slot <= LAST_SLOT_MS ? slot : null;
}

/**
 * The newest `limit` slots of [`first`, `upTo`], ascending, given that `first` is one, and how many
 * there are in all. Where that is not `exact`, there are more than `count`: a cron's slots are
 * counted up to `MAX_COUNTED_SLOTS`. However long the span, the cost is a few ms. Throws as
 * `nextSlot` does.
 */
export function dueSlots(
  rule: ScheduleRule,
  { first, upTo, limit }: { first: number; upTo: number; limit: number },
): { slots: number[]; count: number; exact: boolean } {
  const listed = Math.max(0, Math.min(limit, MAX_COUNTED_SLOTS));
  if (first > upTo) return { slots: [], count: 0, exact: true };
  if ("at" in rule) return { slots: [first].slice(0, listed), count: 1, exact: true };
  if ("everySeconds" in rule) {
    const stepMs = rule.everySeconds * 1_000;
    const count = Math.floor((upTo - first) / stepMs) + 1;
    const length = Math.min(listed, count);
    const slots = Array.from({ length }, (_, n) => first + (count - length + n) * stepMs);
    return { slots, count, exact: true };
  }
  // One more tells whether there are more.
  const all = [first, ...take(slotsFrom(rule, first + 1), { upTo, most: MAX_COUNTED_SLOTS })];
  if (all.length <= MAX_COUNTED_SLOTS) {
    return { slots: newest(all, listed), count: all.length, exact: true };
  }
  return { slots: newestOf(rule, upTo, listed), count: MAX_COUNTED_SLOTS, exact: false };
}

/** The next `count` slots after `after`, fewer where there are no more. Throws as `nextSlot` does. */
export function upcomingSlots(
  rule: ScheduleRule,
  after: number,
  { anchor, count }: { anchor: number; count: number },
): number[] {
  if ("cron" in rule) {
    return take(slotsFrom(rule, Math.floor(after) + 1), { upTo: LAST_SLOT_MS, most: count });
  }
  const slots: number[] = [];
  for (let last = after; slots.length < count;) {
    const slot = nextSlot(rule, last, { anchor });
    if (slot === null) break;
    slots.push(slot);
    last = slot;
  }
  return slots;
}

/**
 * The newest `limit` slots of a cron up to `upTo`, of which there are more. They are looked for in
 * the last so many minutes, doubled while those hold too few and halved between while they hold
 * far too many, so that a pattern which is dense for one month a year costs no more than others.
 */
function newestOf(rule: CronRule, upTo: number, limit: number): number[] {
  if (limit === 0) return [];
  const most = 4 * limit;
  let tooShort = 0;
  let tooLong = Infinity;
  let span = limit * MINUTE_MS;
  for (;;) {
    const slots = take(slotsFrom(rule, upTo - span), { upTo, most: most + 1 });
    if (slots.length >= limit && slots.length <= most) return newest(slots, limit);
    if (slots.length < limit) tooShort = span;
    else tooLong = span;
    span = tooLong === Infinity ? 2 * span : (tooShort + tooLong) / 2;
  }
}

type CronRule = Extract<ScheduleRule, { cron: string }>;

function slotsFrom({ cron, timezone }: CronRule, from: number): Generator<number, undefined> {
  return cronSlots(cron, timezone, from);
}

/** The first `most` slots that are not after `upTo`. */
function take(
  slots: Generator<number>,
  { upTo, most }: { upTo: number; most: number },
): number[] {
  const taken: number[] = [];
  if (most <= 0) return taken;
  for (const slot of slots) {
    if (slot > upTo) break;
    taken.push(slot);
    if (taken.length === most) break;
  }
  return taken;
}

function newest(slots: readonly number[], limit: number): number[] {
  return slots.slice(Math.max(0, slots.length - limit));
}

function intervalFault(seconds: number): string | null {
  const isAllowed = Number.isInteger(seconds) && seconds >= MIN_INTERVAL_SECONDS &&
    seconds <= MAX_INTERVAL_SECONDS;
  return isAllowed
    ? null
    : `Cannot run every ${seconds} seconds: write a whole number from ${MIN_INTERVAL_SECONDS} ` +
      `(a minute) to ${MAX_INTERVAL_SECONDS} (ten years)`;
}

function atFault(at: number, now: number): string | null {
  if (!Number.isInteger(at) || at < 0 || at > LAST_SLOT_MS) {
    return `Cannot run at ${at}: write a time between the years 1970 and 9999`;
  }
  if (at >= now - AT_GRACE_MS) return null;
  const shown = Temporal.Instant.fromEpochMilliseconds(at).toString();
  return `Cannot run at ${shown}: that is past; write a time to come`;
}
