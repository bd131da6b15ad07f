import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { cronFault, cronSlots, LAST_SLOT_MS, timezoneFault } from "../../../machines/lib/cron.ts";
import { CALENDAR_CASES } from "./calendar_cases.ts";
import { type CronCase, EVERY_HOUR_CASES, FIXED_TIME_CASES } from "./cron_cases.ts";

const DAY_MS = 24 * 60 * 60_000;
/** Seldom on a whole minute. */
const STRIDE_MS = 7 * 60_000 + 321;

function firstSlots(cron: string, timezone: string, from: number, count: number): string[] {
  return cronSlots(cron, timezone, from).take(count).map((slot) => new Date(slot).toISOString())
    .toArray();
}

const instants = (slots: readonly string[]) => slots.map((slot) => new Date(slot).toISOString());

function testCases(subject: string, cases: readonly CronCase[]): void {
  for (const { what, cron, timezone, after, slots } of cases) {
    Deno.test(`cronSlots() of ${subject}: ${what}`, () => {
      assertEquals(cronFault(cron), null);
      assertEquals(timezoneFault(timezone), null);
      const from = Date.parse(after) + 1;
      assertEquals(firstSlots(cron, timezone, from, slots.length), instants(slots));
    });
  }
}

testCases("fixed times", FIXED_TIME_CASES);
testCases("every hour", EVERY_HOUR_CASES);
testCases("the calendar", CALENDAR_CASES);

Deno.test("cronSlots() is the same from wherever it starts", () => {
  for (const { cron, timezone, after, slots } of [...FIXED_TIME_CASES, ...EVERY_HOUR_CASES]) {
    const times = slots.map((slot) => Date.parse(slot));
    let from = Date.parse(after) + 1;
    for (const [index, time] of times.entries()) {
      // From the slot before on, or a day before: before the change, in what it skips, after it.
      for (let start = Math.max(from, time - DAY_MS); start < time; start += STRIDE_MS) {
        assertEquals(cronSlots(cron, timezone, start).next().value, time, `${cron} from ${start}`);
      }
      const expected = instants(slots.slice(index));
      assertEquals(firstSlots(cron, timezone, time, expected.length), expected);
      from = time + 1;
    }
  }
});

Deno.test("cronSlots() takes the first moment of a stretch that begins at a change", () => {
  const change = Date.parse("2026-03-29T01:00:00Z");
  for (const cron of ["0 * * * *", "0 2 * * *", "0 3 * * *"]) {
    assertEquals(cronSlots(cron, "Europe/Berlin", change).next().value, change, cron);
  }
});

Deno.test("cronSlots() ends with the year 9999", () => {
  const slots = [...cronSlots("0 0 1 */4 *", "UTC", Date.parse("9999-01-02T00:00:00Z"))];
  assertEquals(
    instants(["9999-05-01", "9999-09-01"]),
    slots.map((slot) => new Date(slot).toISOString()),
  );
  assertEquals([...cronSlots("* * * * *", "Europe/Berlin", LAST_SLOT_MS + 1)], []);
  assertEquals([...cronSlots("* * * * *", "Europe/Berlin", Infinity)], []);
});

Deno.test("cronSlots() refuses what has no slots rather than look forever", () => {
  assertThrows(() => cronSlots("0 0 31 4 *", "UTC", 0).next(), RangeError, "never comes");
  assertThrows(() => cronSlots("* * *", "UTC", 0).next(), TypeError);
  assertThrows(() => cronSlots("* * * * *", "Mars/Olympus", 0).next(), RangeError);
});

Deno.test("cronFault() says which field it cannot read and what to write", () => {
  const unreadable: [cron: string, field: string][] = [
    ["60 * * * *", `"60" as the minute of a cron: write 0 to 59`],
    ["*/0 * * * *", `"*/0" as the minute`],
    ["*/90 * * * *", `"*/90" as the minute`],
    ["5/10 * * * *", `"5/10" as the minute`],
    ["1,,2 * * * *", `"1,,2" as the minute`],
    ["1.5 * * * *", `"1.5" as the minute`],
    ["-1 * * * *", `"-1" as the minute`],
    ["mon * * * *", `"mon" as the minute`],
    ["0 24 * * *", `"24" as the hour of a cron: write 0 to 23`],
    ["0 22-2 * * *", `"22-2" as the hour`],
    ["0 0 0 * *", `"0" as the day of month of a cron: write 1 to 31`],
    ["0 0 32 * *", `"32" as the day of month`],
    ["0 0 ? * *", `"?" as the day of month`],
    ["0 0 L * *", `"L" as the day of month`],
    ["0 0 15W * *", `"15W" as the day of month`],
    ["0 0 +1 * *", `"+1" as the day of month`],
    ["0 0 * 0 *", `"0" as the month of a cron: write 1 to 12 or JAN to DEC`],
    ["0 0 * 13 *", `"13" as the month`],
    ["0 0 * mon *", `"mon" as the month`],
    ["0 0 * january *", `"january" as the month`],
    ["0 0 * * 8", `"8" as the day of week of a cron: write 0 to 7 or SUN to SAT`],
    ["0 0 * * +1", `"+1" as the day of week`],
    ["0 0 * * 5L", `"5L" as the day of week`],
    ["0 0 * * 1#2", `"1#2" as the day of week`],
    ["0 0 * * MON#2", `"MON#2" as the day of week`],
    ["0 0 * * fri-mon", `"fri-mon" as the day of week`],
    ["0 0 * * sunday", `"sunday" as the day of week`],
  ];
  for (const [cron, field] of unreadable) {
    assertStringIncludes(cronFault(cron) ?? "", `Cannot read ${field}`, cron);
  }
});

Deno.test("cronFault() asks for five fields or a descriptor", () => {
  const others = ["", " ", "* * * *", "0 * * * * *", "0 * * * * * 2026", "@reboot", "@every 5m"];
  for (const cron of [...others, "@", "hourly"]) {
    const fault = cronFault(cron);
    assertStringIncludes(fault ?? "", `Cannot read cron "${cron}": write five fields`);
    assertStringIncludes(fault ?? "", "@daily");
  }
  const long = `${"1,".repeat(200)}1 * * * *`;
  assertEquals(cronFault(long), "Cannot read cron: it has 409 characters; write at most 200");
});

Deno.test("cronFault() finds days that never come, and no others", () => {
  for (const cron of ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 FEB *", "0 0 30 2 */2"]) {
    assertStringIncludes(
      cronFault(cron) ?? "",
      `Cannot use cron "${cron}": no such day ever comes`,
    );
  }
  // Some 29 February is a Sunday.
  for (const cron of ["0 0 29 2 *", "0 0 29 2 */7", "0 0 30 2 1", "0 0 31 */2 *"]) {
    assertEquals(cronFault(cron), null, cron);
  }
});

Deno.test("timezoneFault() takes names of the IANA database alone", () => {
  const names = [
    "UTC",
    "Etc/UTC",
    "Europe/Berlin",
    "America/Argentina/Buenos_Aires",
    "America/Port-au-Prince",
    "Etc/GMT+3",
  ];
  for (const name of names) assertEquals(timezoneFault(name), null, name);
  const others = [
    "",
    "+02:00",
    "-0500",
    "Z",
    "CET",
    "EST",
    "PST",
    "EST5EDT",
    "GMT",
    "GMT+2",
    "UTC+1",
    "local",
    "Berlin",
    "Europe/Nowhere",
    "Europe / Berlin",
    " UTC",
    "2026-01-01T00:00[Europe/Berlin]",
  ];
  for (const name of others) {
    const fault = timezoneFault(name);
    assert(fault !== null, name);
    assertStringIncludes(fault, `Cannot use timezone "${name}": write a name`);
  }
  assertStringIncludes(timezoneFault("a".repeat(1_000)) ?? "", "Cannot use timezone: write a name");
});
