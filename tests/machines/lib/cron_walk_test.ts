/**
 * Random patterns around changes of the clocks, against a walk through every minute with `Intl`,
 * which shares no code with what is tested.
 */
import { assertEquals } from "@std/assert";
import { Cron } from "croner";
import { cronFault, cronSlots } from "../../../machines/lib/cron.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const ZONES = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Africa/Cairo",
  "Africa/Casablanca",
];
/** Walked on either side of a change. */
const AROUND_MS = 40 * HOUR_MS;
/** What the edges of a walk do not know: whether a time was skipped or shown just before. */
const MARGIN_MS = 4 * HOUR_MS;
const PATTERNS_PER_CHANGE = 40;
const SEED = 20_261_121;

type Random = (below: number) => number;

/** Mulberry32. */
function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * below);
  };
}

type Field = { text: string; values: Set<number> };

function rangeOf(from: number, to: number, step = 1): number[] {
  const length = Math.floor((to - from) / step) + 1;
  return Array.from({ length }, (_, index) => from + index * step);
}

function everyOf(min: number, max: number): Field {
  return { text: "*", values: new Set(rangeOf(min, max)) };
}

/** A field and what it stands for: all, steps, or a list of numbers and ranges. */
function randomField(random: Random, min: number, max: number): Field {
  const number = () => min + random(max - min + 1);
  const kind = random(4);
  if (kind === 0) return everyOf(min, max);
  if (kind === 1) {
    const step = 1 + random(max - min);
    return { text: `*/${step}`, values: new Set(rangeOf(min, max, step)) };
  }
  const items = Array.from({ length: 1 + random(3) }, () => {
    const [from = min, to = min] = [number(), number()].sort((a, b) => a - b);
    const step = 1 + random(4);
    if (random(2) === 0) return { text: `${from}`, values: [from] };
    return { text: `${from}-${to}/${step}`, values: rangeOf(from, to, step) };
  });
  return {
    text: items.map(({ text }) => text).join(","),
    values: new Set(items.flatMap(({ values }) => values)),
  };
}

type Pattern = { cron: string; isDue: (wall: Date) => boolean; everyHour: boolean; both: boolean };

function randomPattern(random: Random): Pattern {
  const minute = randomField(random, 0, 59);
  const hour = random(2) === 0 ? everyOf(0, 23) : randomField(random, 0, 23);
  const day = random(2) === 0 ? everyOf(1, 31) : randomField(random, 1, 31);
  const month = random(4) > 0 ? everyOf(1, 12) : randomField(random, 1, 12);
  const weekday = random(2) === 0 ? everyOf(0, 7) : randomField(random, 0, 7);
  const both = day.text.startsWith("*") || weekday.text.startsWith("*");
  const isDay = (wall: Date) => {
    const byMonth = day.values.has(wall.getUTCDate());
    const number = wall.getUTCDay();
    const byWeek = weekday.values.has(number) || number === 0 && weekday.values.has(7);
    return both ? byMonth && byWeek : byMonth || byWeek;
  };
  return {
    cron: [minute, hour, day, month, weekday].map(({ text }) => text).join(" "),
    isDue: (wall) =>
      minute.values.has(wall.getUTCMinutes()) && hour.values.has(wall.getUTCHours()) &&
      month.values.has(wall.getUTCMonth() + 1) && isDay(wall),
    everyHour: hour.values.size === 24,
    both,
  };
}

/** What a zone's clock shows, as if it were UTC. */
function clockOf(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (at) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0] = format.format(at).match(/\d+/g)
      ?.map(Number) ?? [];
    return Date.UTC(year, month - 1, day, hour, minute);
  };
}

/** The days in which a zone's offset changes. */
function changeDays(clock: (at: number) => number): number[] {
  const days = rangeOf(Date.UTC(2026, 0, 1), Date.UTC(2027, 11, 31), DAY_MS);
  return days.filter((day) => clock(day) - day !== clock(day + DAY_MS) - day - DAY_MS);
}

type Minute = { at: number; wall: number };

/** The slots of a walk, by the definition: shown times, or each time once. */
function walkedSlots(minutes: readonly Minute[], { isDue, everyHour }: Pattern): number[] {
  if (everyHour) {
    return minutes.filter(({ wall }) => isDue(new Date(wall))).map(({ at }) => at);
  }
  const slots = new Set<number>();
  let shown = minutes[0] ?? { at: 0, wall: 0 };
  for (const minute of minutes) {
    if (minute.wall <= shown.wall) continue;
    // The times between were skipped: as long after the last one shown as they would have been.
    for (let wall = shown.wall + MINUTE_MS; wall < minute.wall; wall += MINUTE_MS) {
      if (isDue(new Date(wall))) slots.add(shown.at + wall - shown.wall);
    }
    if (isDue(new Date(minute.wall))) slots.add(minute.at);
    shown = minute;
  }
  return [...slots].sort((a, b) => a - b);
}

for (const zone of ZONES) {
  Deno.test(`cronSlots() finds what a walk through the minutes of ${zone} finds`, () => {
    const random = seeded(SEED);
    const clock = clockOf(zone);
    const days = changeDays(clock);
    assertEquals(days.length, 4, "changes in two years");
    let found = 0;
    for (const day of days) {
      const minutes = rangeOf(day - AROUND_MS, day + AROUND_MS, MINUTE_MS)
        .map((at) => ({ at, wall: clock(at) }));
      for (let count = 0; count < PATTERNS_PER_CHANGE; count++) {
        const pattern = randomPattern(random);
        if (cronFault(pattern.cron) !== null) continue;
        // Before the change, in what it skips or repeats, and after it.
        const until = day + AROUND_MS - MARGIN_MS;
        const from = until - random(2 * (AROUND_MS - MARGIN_MS));
        const expected = walkedSlots(minutes, pattern).filter((at) => at >= from && at < until);
        const slots: number[] = [];
        for (const slot of cronSlots(pattern.cron, zone, from)) {
          if (slot >= until) break;
          slots.push(slot);
        }
        assertEquals(slots, expected, `${pattern.cron} from ${from}, seed ${SEED}`);
        found += slots.length;
      }
    }
    assertEquals(found > 1_000, true, `only ${found} slots were compared`);
  });
}

Deno.test("cronSlots() finds what the library finds where no clock changes", () => {
  const random = seeded(SEED);
  for (let count = 0; count < 300; count++) {
    const { cron, both } = randomPattern(random);
    if (cronFault(cron) !== null) continue;
    const from = Date.UTC(2026, 0, 1) + random(100 * 365) * DAY_MS + random(24 * 60) * MINUTE_MS;
    const library = new Cron(cron, { timezone: "UTC", mode: "5-part", domAndDow: both });
    const expected = library.nextRuns(5, new Date(from - 1)).map((run) => run.getTime());
    assertEquals(
      cronSlots(cron, "UTC", from).take(5).toArray(),
      expected,
      `${cron} from ${from}, seed ${SEED}`,
    );
  }
});
