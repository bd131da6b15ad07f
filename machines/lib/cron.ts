/**
 * Cron: what a pattern means, and the instants at which it is due in a time zone. The library reads
 * the fields; the calendar and the zones are Temporal's. What happens when the clocks change is
 * decided here, since the library would leave `0,30 2 * * *` out on the day without that hour, and
 * run it four times on the day that has it twice:
 *
 * - Where every hour is meant, a pattern is due whenever the zone's clock shows one of its times:
 *   `0,30 * * * *` is due each half hour of real time, through every change.
 * - Otherwise each of its local times is due once. One that comes twice is due the first time. One
 *   that is skipped is due as long after the change as it would have been (RFC 5545, 3.3.5): with
 *   3:00 following 1:59, `30 2 * * *` is due at 3:30. Times that so meet are one slot.
 *
 * Day of month and day of week are alternatives where both are restricted, as in Vixie cron: a field
 * that begins with `*` is not, steps or no.
 */
import { CronPattern } from "croner";

/** Longest pattern that is read. */
export const MAX_CRON_CHARS = 200;

/** No slot is later: the end of the year 9999, after which dates have five digits. */
export const LAST_SLOT_MS = 253_402_300_799_999;

const NANOSECONDS_PER_MS = 1e6;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** After so long the calendar begins again, weekdays too: what has not come by then never does. */
const CALENDAR_MS = 146_097 * DAY_MS;

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ["@hourly", "0 * * * *"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@weekly", "0 0 * * 0"],
  ["@monthly", "0 0 1 * *"],
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
]);

const MONTH_NAMES = /\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b/gi;
const DAY_NAMES = /\b(?:sun|mon|tue|wed|thu|fri|sat)\b/gi;

const FIELDS: readonly { name: string; values: string; names?: RegExp }[] = [
  { name: "minute", values: "0 to 59" },
  { name: "hour", values: "0 to 23" },
  { name: "day of month", values: "1 to 31" },
  { name: "month", values: "1 to 12 or JAN to DEC", names: MONTH_NAMES },
  { name: "day of week", values: "0 to 7 or SUN to SAT", names: DAY_NAMES },
];

/** A pattern as it is walked. */
type Pattern = {
  minutes: readonly number[];
  hours: readonly number[];
  /** Of 1 to 31. */
  monthDays: ReadonlySet<number>;
  /** Of 1 to 12. */
  months: ReadonlySet<number>;
  /** Of 1 to 7; 7 is Sunday. */
  weekdays: ReadonlySet<number>;
  /** One of the two makes a day count; else it takes both. */
  eitherDay: boolean;
};

/** What is wrong with a pattern, as a sentence that says what to write instead; null: nothing. */
export function cronFault(cron: string): string | null {
  if (cron.length > MAX_CRON_CHARS) {
    return `Cannot read cron: it has ${cron.length} characters; write at most ${MAX_CRON_CHARS}`;
  }
  const fields = fieldsOf(cron);
  if (fields.length !== FIELDS.length) {
    const names = FIELDS.map(({ name }) => name).join(", ");
    const descriptors = [...DESCRIPTORS.keys()].join(", ");
    return `Cannot read cron "${cron}": write five fields (${names}) or one of ${descriptors}`;
  }
  for (const [index, { name, values }] of FIELDS.entries()) {
    const field = fields[index] ?? "";
    if (isReadable(field, index)) continue;
    return `Cannot read "${field}" as the ${name} of a cron: write ${values}, as a number, a list ` +
      `(1,3), a range (1-3), a range in steps (1-9/2, */2), or * for all`;
  }
  if (isNever(parse(fields))) {
    return `Cannot use cron "${cron}": no such day ever comes; write a day that its month has`;
  }
  return null;
}

/** What is wrong with the name of a time zone, as such a sentence; null: nothing. */
export function timezoneFault(timezone: string): string | null {
  // Temporal takes offsets too, and some abbreviations: they know of no summer time, or not of the
  // one that is meant.
  const isName = timezone === "UTC" || /^[a-z_]+(?:\/[\w+-]+)+$/i.test(timezone);
  if (isName && isZone(timezone)) return null;
  const shown = timezone.length > MAX_CRON_CHARS ? "timezone" : `timezone "${timezone}"`;
  return `Cannot use ${shown}: write a name from the IANA database, such as Europe/Berlin, or UTC`;
}

/**
 * The instants from `from` on at which a pattern is due, ms since the epoch, ascending, without end
 * but for `LAST_SLOT_MS`. They depend on nothing but the zones' rules that this Deno knows. Pattern
 * and zone have no fault: TypeError or RangeError where they cannot be read at all.
 */
export function* cronSlots(cron: string, timezone: string, from: number): Generator<number> {
  const pattern = parse(fieldsOf(cron));
  if (isNever(pattern)) throw new RangeError(`Cannot list slots of cron "${cron}": it never comes`);
  const byClock = pattern.hours.length === 24;
  const offsetAt = (at: number) => zoned(at, timezone).offsetNanoseconds / NANOSECONDS_PER_MS;
  /** The slots of [start, end) as a clock with this offset from UTC shows them. */
  function* shown(start: number, end: number, offset: number): Generator<number> {
    for (const wall of walls(pattern, start + offset, end + offset)) yield wall - offset;
  }

  let start = Math.ceil(from);
  if (start > LAST_SLOT_MS) return;
  let changedAt = changeAfter(zoned(start + 1, timezone), "previous");
  while (start <= LAST_SLOT_MS) {
    const next = changeAfter(zoned(start, timezone), "next");
    const end = Math.min(next ?? Infinity, LAST_SLOT_MS + 1);
    const offset = offsetAt(start);
    if (changedAt !== null && !byClock) {
      const before = offsetAt(changedAt - 1);
      const settled = Math.min(end, changedAt + Math.abs(offset - before));
      if (start < settled) {
        // The clocks went forward: for as long as they skipped, the skipped times are due besides
        // those that they show. They went back: all that they show has been before.
        const due = offset > before
          ? [...shown(start, settled, before), ...shown(start, settled, offset)]
          : [];
        yield* [...new Set(due)].sort((a, b) => a - b);
        start = settled;
      }
    }
    yield* shown(start, end, offset);
    changedAt = next;
    start = end;
  }
}

/** The local times of [from, until) that a pattern fits, as ms since the epoch if they were UTC. */
function* walls(pattern: Pattern, from: number, until: number): Generator<number> {
  let { year, month } = zoned(from, "UTC");
  for (;; year += month === 12 ? 1 : 0, month = month % 12 + 1) {
    if (!pattern.months.has(month)) continue;
    const first = new Temporal.PlainDate(year, month, 1);
    const firstMs = first.toZonedDateTime("UTC").epochMilliseconds;
    for (let day = 1; day <= first.daysInMonth; day++) {
      const dayMs = firstMs + (day - 1) * DAY_MS;
      if (dayMs >= until) return;
      if (dayMs + DAY_MS <= from) continue;
      if (!isDay(pattern, day, (first.dayOfWeek + day - 2) % 7 + 1)) continue;
      for (const hour of pattern.hours) {
        for (const minute of pattern.minutes) {
          const wall = dayMs + hour * HOUR_MS + minute * MINUTE_MS;
          if (wall >= until) return;
          if (wall >= from) yield wall;
        }
      }
    }
  }
}

function isNever(pattern: Pattern): boolean {
  return walls(pattern, 0, CALENDAR_MS).next().done === true;
}

function isDay(pattern: Pattern, monthDay: number, weekday: number): boolean {
  const byMonth = pattern.monthDays.has(monthDay);
  const byWeek = pattern.weekdays.has(weekday);
  return pattern.eitherDay ? byMonth || byWeek : byMonth && byWeek;
}

function fieldsOf(cron: string): string[] {
  const trimmed = cron.trim();
  const fields = (DESCRIPTORS.get(trimmed.toLowerCase()) ?? trimmed).split(/\s+/);
  // The library takes this Sunday for a week.
  return fields.map((field) => field.replace(/^sun-sun\b/i, "0-0"));
}

/** Whether one field can be read, the others being `*`. */
function isReadable(field: string, index: number): boolean {
  // What the library takes beyond these (?, L, W, #, +) is not usual cron.
  const names = FIELDS[index]?.names;
  if (!/^[\d*,/-]+$/.test(names === undefined ? field : field.replace(names, "0"))) return false;
  try {
    parse(FIELDS.map((_, other) => other === index ? field : "*"));
    return true;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return false;
    throw error;
  }
}

function parse(fields: readonly string[]): Pattern {
  const read = new CronPattern(fields.join(" "), undefined, { mode: "5-part" });
  const { minute, hour, day, month, dayOfWeek } = read;
  return {
    minutes: marked(minute),
    hours: marked(hour),
    monthDays: new Set(marked(day).map((index) => index + 1)),
    months: new Set(marked(month).map((index) => index + 1)),
    weekdays: new Set(marked(dayOfWeek).map((index) => index === 0 ? 7 : index)),
    eitherDay: !fields[2]?.startsWith("*") && !fields[4]?.startsWith("*"),
  };
}

/** The places of a list that are not 0. */
function marked(list: readonly number[]): number[] {
  return list.flatMap((mark, index) => mark === 0 ? [] : [index]);
}

function zoned(at: number, timezone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone);
}

/** When the zone's offset from UTC changes next or did last, this very instant left out. */
function changeAfter(time: Temporal.ZonedDateTime, direction: "next" | "previous"): number | null {
  return time.getTimeZoneTransition(direction)?.epochMilliseconds ?? null;
}

function isZone(timezone: string): boolean {
  try {
    zoned(0, timezone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
