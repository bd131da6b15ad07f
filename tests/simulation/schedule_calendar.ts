/**
 * When simulated schedules are due, worked out without the code that is under test: patterns are
 * written down as what they mean, and each local time is looked for on the zone's clock.
 */
import type { ScheduleRule } from "../../machines/lib/schedule_rule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What a simulation can come to, ms since the epoch. */
const FROM = Date.UTC(2029, 11, 25);
const UNTIL = Date.UTC(2033, 0, 1);

/** A pattern and what it means. */
type Pattern = {
  cron: string;
  minutes: readonly number[];
  /** Null for each hour. */
  hours: readonly number[] | null;
  isDay?: (local: Date) => boolean;
};

/** How often it comes. */
export type Density = "dense" | "hourly" | "daily" | "rare";

const EVERY_FIVE = Array.from({ length: 12 }, (_, index) => 5 * index);

export const PATTERNS: { readonly [density in Density]: readonly Pattern[] } = {
  dense: [
    { cron: "*/5 * * * *", minutes: EVERY_FIVE, hours: null },
    { cron: "*/20 * * * *", minutes: [0, 20, 40], hours: null },
  ],
  hourly: [
    { cron: "@hourly", minutes: [0], hours: null },
    { cron: "30 1-3 * * *", minutes: [30], hours: [1, 2, 3] },
    { cron: "15 */4 * * *", minutes: [15], hours: [0, 4, 8, 12, 16, 20] },
  ],
  daily: [
    { cron: "30 2 * * *", minutes: [30], hours: [2] },
    {
      cron: "0 1,2,3 * * 0",
      minutes: [0],
      hours: [1, 2, 3],
      isDay: (day) => day.getUTCDay() === 0,
    },
    { cron: "@midnight", minutes: [0], hours: [0] },
    { cron: "15 2 * * SUN,MON", minutes: [15], hours: [2], isDay: (day) => day.getUTCDay() < 2 },
  ],
  rare: [
    { cron: "0 0 31 * *", minutes: [0], hours: [0], isDay: (day) => day.getUTCDate() === 31 },
    { cron: "30 2 * * 0", minutes: [30], hours: [2], isDay: (day) => day.getUTCDay() === 0 },
    { cron: "@monthly", minutes: [0], hours: [0], isDay: (day) => day.getUTCDate() === 1 },
  ],
};

export const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"] as const;

/** Knows all slots of all patterns; what it has worked out it keeps. */
export class Calendar {
  readonly #slots = new Map<string, readonly number[]>();
  readonly #offsets = new Map<string, readonly { from: number; offset: number }[]>();

  /** Slots of a rule in [`from`, `upTo`], ascending, at most `most`. */
  slots(
    rule: ScheduleRule,
    { anchor, from, upTo, most = Infinity }: {
      anchor: number;
      from: number;
      upTo: number;
      most?: number;
    },
  ): number[] {
    if ("at" in rule) return rule.at >= from && rule.at <= upTo ? [rule.at] : [];
    const found: number[] = [];
    if ("everySeconds" in rule) {
      const step = rule.everySeconds * 1_000;
      const skipped = Math.max(0, Math.floor((from - anchor) / step) - 1);
      for (let slot = anchor + (skipped + 1) * step; slot <= upTo; slot += step) {
        if (slot >= from) found.push(slot);
        if (found.length === most) break;
      }
      return found;
    }
    const all = this.#all(rule.cron, rule.timezone);
    for (let index = firstNotBefore(all, from); index < all.length; index++) {
      const slot = all[index] ?? Infinity;
      if (slot > upTo || found.length === most) break;
      found.push(slot);
    }
    return found;
  }

  /** The first slot from `from` on. */
  next(rule: ScheduleRule, anchor: number, from: number): number | null {
    return this.slots(rule, { anchor, from, upTo: Infinity, most: 1 })[0] ?? null;
  }

  #all(cron: string, zone: string): readonly number[] {
    const key = `${zone} ${cron}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const pattern = Object.values(PATTERNS).flat().find((one) => one.cron === cron);
    if (pattern === undefined) throw new Error(`Cannot list slots of "${cron}": it has no meaning`);
    const slots = new Set<number>();
    for (let day = FROM; day < UNTIL; day += DAY) {
      if (pattern.isDay?.(new Date(day)) === false) continue;
      for (const hour of pattern.hours ?? HOURS) {
        for (const minute of pattern.minutes) {
          const local = day + hour * HOUR + minute * MINUTE;
          for (const slot of this.#instants(local, zone, pattern.hours === null)) slots.add(slot);
        }
      }
    }
    const sorted = [...slots].sort((a, b) => a - b);
    this.#slots.set(key, sorted);
    return sorted;
  }

  /** When the zone's clock shows a local time; where it never does, when it would have. */
  #instants(local: number, zone: string, isEach: boolean): number[] {
    const changes = this.#changesOf(zone);
    const [before, after] = [offsetAt(changes, local - DAY), offsetAt(changes, local + DAY)];
    if (before === after) return [local - before];
    const shown = [before, after].map((offset) => ({ at: local - offset, offset }))
      .filter(({ at, offset }) => offsetAt(changes, at) === offset)
      .map(({ at }) => at).sort((a, b) => a - b);
    if (shown.length === 0) return isEach ? [] : [local - before];
    return isEach ? shown : shown.slice(0, 1);
  }

  /** The zone's offsets from UTC, and from when each holds. */
  #changesOf(zone: string): readonly { from: number; offset: number }[] {
    const known = this.#offsets.get(zone);
    if (known !== undefined) return known;
    const read = readerOf(zone);
    const changes = [{ from: -Infinity, offset: read(FROM - 2 * DAY) }];
    for (let day = FROM - 2 * DAY; day < UNTIL + 2 * DAY; day += DAY) {
      if (read(day) === read(day + DAY)) continue;
      for (let at = day; at <= day + DAY; at += 15 * MINUTE) {
        const offset = read(at);
        if (offset !== changes.at(-1)?.offset) changes.push({ from: at, offset });
      }
    }
    this.#offsets.set(zone, changes);
    return changes;
  }
}

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

function offsetAt(changes: readonly { from: number; offset: number }[], at: number): number {
  return changes.findLast(({ from }) => from <= at)?.offset ?? 0;
}

function readerOf(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  return (at) => {
    const shown = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value;
    const [, sign = "+", hours = "0", minutes = "0"] = /([+-])(\d+):(\d+)/.exec(shown ?? "") ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
  };
}

function firstNotBefore(slots: readonly number[], from: number): number {
  let [low, high] = [0, slots.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((slots[middle] ?? Infinity) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
