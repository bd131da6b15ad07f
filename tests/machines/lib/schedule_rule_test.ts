import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  AT_GRACE_MS,
  dueSlots,
  MAX_COUNTED_SLOTS,
  MAX_INTERVAL_SECONDS,
  nextSlot,
  ruleFaults,
  type ScheduleRule,
  upcomingSlots,
} from "../../../machines/lib/schedule_rule.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const ANCHOR = Date.parse("2026-11-21T08:00:07Z");
const YEAR_9999 = Date.parse("9999-12-31T23:59:59Z");

const everyMinute: ScheduleRule = { cron: "* * * * *", timezone: "Europe/Berlin" };

/** Slots one by one, as a schedule that is never late takes them. */
function slotsBetween(rule: ScheduleRule, first: number, upTo: number): number[] {
  const slots: number[] = [];
  for (let slot: number | null = first; slot !== null && slot <= upTo;) {
    slots.push(slot);
    slot = nextSlot(rule, slot, { anchor: first });
  }
  return slots;
}

Deno.test("nextSlot() counts an interval from its anchor, however late it is asked", () => {
  const rule = { everySeconds: 90 };
  const cases: [after: number, slot: number][] = [
    [ANCHOR, ANCHOR + 90_000],
    [ANCHOR - DAY_MS, ANCHOR + 90_000],
    [ANCHOR + 89_999, ANCHOR + 90_000],
    [ANCHOR + 90_000, ANCHOR + 180_000],
    [ANCHOR + 1_000 * 90_000 + 1, ANCHOR + 1_001 * 90_000],
  ];
  for (const [after, slot] of cases) assertEquals(nextSlot(rule, after, { anchor: ANCHOR }), slot);
  assertEquals(nextSlot(rule, YEAR_9999, { anchor: ANCHOR }), null);
});

Deno.test("nextSlot() of a single time is that time until it has come", () => {
  const rule = { at: ANCHOR };
  assertEquals(nextSlot(rule, ANCHOR - 1, { anchor: 0 }), ANCHOR);
  assertEquals(nextSlot(rule, ANCHOR, { anchor: 0 }), null);
});

Deno.test("nextSlot() of a cron is strictly after what it is asked for", () => {
  const rule = { cron: "0 8 * * *", timezone: "UTC" };
  const slot = Date.parse("2026-11-21T08:00:00Z");
  assertEquals(nextSlot(rule, slot - 1, { anchor: 0 }), slot);
  assertEquals(nextSlot(rule, slot - 0.5, { anchor: 0 }), slot);
  assertEquals(nextSlot(rule, slot, { anchor: 0 }), slot + DAY_MS);
  assertEquals(nextSlot(rule, YEAR_9999, { anchor: 0 }), null);
});

Deno.test("upcomingSlots() lists what nextSlot() finds one by one", () => {
  const rules: ScheduleRule[] = [
    { everySeconds: 3_600 },
    { cron: "*/7 1-3 * * *", timezone: "America/New_York" },
    { cron: "0 0 29 2 *", timezone: "Australia/Lord_Howe" },
  ];
  for (const rule of rules) {
    const slots = upcomingSlots(rule, ANCHOR + 5, { anchor: ANCHOR, count: 30 });
    let after = ANCHOR + 5;
    for (const slot of slots) {
      assertEquals(nextSlot(rule, after, { anchor: ANCHOR }), slot);
      after = slot;
    }
    assertEquals(slots.length, 30);
  }
});

Deno.test("upcomingSlots() lists fewer where there are no more", () => {
  const options = { anchor: ANCHOR, count: 5 };
  assertEquals(upcomingSlots({ at: ANCHOR }, ANCHOR - 1, options), [ANCHOR]);
  assertEquals(upcomingSlots({ at: ANCHOR }, ANCHOR, options), []);
  assertEquals(upcomingSlots({ cron: "@yearly", timezone: "UTC" }, YEAR_9999, options), []);
  assertEquals(upcomingSlots(everyMinute, ANCHOR, { anchor: ANCHOR, count: 0 }), []);
  assertEquals(upcomingSlots({ everySeconds: 60 }, ANCHOR, { anchor: 0, count: 0 }), []);
});

Deno.test("dueSlots() lists the newest of all that are due, and counts them", () => {
  const spans: [rule: ScheduleRule, from: string, upTo: string][] = [
    [{ everySeconds: 3_600 }, "2026-03-01T00:00:00Z", "2026-03-04T12:34:56Z"],
    [{ cron: "*/30 * * * *", timezone: "Europe/Berlin" }, "2026-10-24T00:00Z", "2026-10-26T00:00Z"],
    [{ cron: "*/20 2 * * *", timezone: "Europe/Berlin" }, "2026-03-20T00:00Z", "2026-04-20T00:00Z"],
    [{ cron: "0 0 29 2 *", timezone: "UTC" }, "2026-01-01T00:00Z", "2120-01-01T00:00Z"],
  ];
  for (const [rule, from, upTo] of spans) {
    const first = nextSlot(rule, Date.parse(from), { anchor: Date.parse(from) }) ?? 0;
    const all = slotsBetween(rule, first, Date.parse(upTo));
    assert(all.length > 20);
    for (const limit of [0, 1, 7, all.length - 1, all.length, all.length + 1]) {
      const due = dueSlots(rule, { first, upTo: Date.parse(upTo), limit });
      const slots = all.slice(Math.max(0, all.length - limit));
      assertEquals(due, { slots, count: all.length, exact: true });
    }
  }
});

Deno.test("dueSlots() takes both ends of its span", () => {
  const first = Date.parse("2026-11-21T08:00:00Z");
  for (const rule of [{ everySeconds: 60 }, everyMinute]) {
    const dueAt = (upTo: number) => dueSlots(rule, { first, upTo, limit: 10 });
    assertEquals(dueAt(first - 1), { slots: [], count: 0, exact: true });
    assertEquals(dueAt(first), { slots: [first], count: 1, exact: true });
    assertEquals(dueAt(first + MINUTE_MS - 1).count, 1);
    assertEquals(dueAt(first + MINUTE_MS).slots, [first, first + MINUTE_MS]);
  }
  const once = { first, upTo: first + DAY_MS, limit: 3 };
  assertEquals(dueSlots({ at: first }, once), { slots: [first], count: 1, exact: true });
});

Deno.test("dueSlots() counts the slots of an interval exactly, however many", () => {
  const first = ANCHOR;
  const upTo = first + 10 * 365 * DAY_MS;
  const due = dueSlots({ everySeconds: 60 }, { first, upTo, limit: 2 });
  assertEquals(due, { slots: [upTo - MINUTE_MS, upTo], count: 5_256_001, exact: true });
});

Deno.test("dueSlots() finds the newest of more than it counts", () => {
  const patterns: [cron: string, upTo: string][] = [
    ["* * * * *", "2026-12-31T12:00:30Z"],
    ["* * * * *", "2026-10-25T01:30:00Z"],
    // Dense in January alone, and asked for at the other end of the year.
    ["* * * 1 *", "2026-12-31T00:00:00Z"],
    ["* 0-22 * 3 *", "2026-03-29T01:30:00Z"],
  ];
  for (const [cron, upToText] of patterns) {
    const rule = { cron, timezone: "Europe/Berlin" };
    const upTo = Date.parse(upToText);
    const first = nextSlot(rule, Date.parse("2025-12-31T22:59:00Z"), { anchor: 0 }) ?? 0;
    for (const limit of [0, 1, 100, 3_000]) {
      const due = dueSlots(rule, { first, upTo, limit });
      assertEquals(due.count, MAX_COUNTED_SLOTS);
      assertEquals(due.exact, false);
      assertEquals(due.slots.length, limit);
      const oldest = due.slots[0];
      if (oldest !== undefined) assertEquals(due.slots, slotsBetween(rule, oldest, upTo));
    }
  }
});

Deno.test("dueSlots() costs a bounded number of slots, whatever the span", () => {
  // Decades of minutes would take minutes to list.
  const upTo = Date.parse("9999-06-01T00:00:00Z");
  const due = dueSlots(everyMinute, { first: ANCHOR, upTo, limit: 100 });
  assertEquals(due.slots.at(-1), upTo);
  assertEquals(due.slots[0], upTo - 99 * MINUTE_MS);
  assertEquals(due.count, MAX_COUNTED_SLOTS);
});

Deno.test("ruleFaults() finds nothing wrong with what can be kept", () => {
  const rules: ScheduleRule[] = [
    { everySeconds: 60 },
    { everySeconds: MAX_INTERVAL_SECONDS },
    { cron: "*/5 9-17 * * MON-FRI", timezone: "America/New_York" },
    { cron: "@weekly", timezone: "UTC" },
    { at: ANCHOR + 1 },
    { at: ANCHOR - AT_GRACE_MS },
  ];
  for (const rule of rules) assertEquals(ruleFaults(rule, ANCHOR), []);
});

Deno.test("ruleFaults() says what is wrong with an interval", () => {
  for (const everySeconds of [0, -60, 59, 60.5, MAX_INTERVAL_SECONDS + 1, Infinity, NaN]) {
    const detail = `Cannot run every ${everySeconds} seconds: ` +
      "write a whole number from 60 (a minute) to 315360000 (ten years)";
    assertEquals(ruleFaults({ everySeconds }, ANCHOR), [{ field: "everySeconds", detail }]);
  }
});

Deno.test("ruleFaults() says what is wrong with a single time", () => {
  const past = ANCHOR - AT_GRACE_MS - 1;
  assertEquals(ruleFaults({ at: past }, ANCHOR), [{
    field: "at",
    detail: "Cannot run at 2026-11-21T07:59:06.999Z: that is past; write a time to come",
  }]);
  for (const at of [NaN, Infinity, -1, 1.5, Date.parse("9999-12-31T23:59:59.999Z") + 1]) {
    const detail = `Cannot run at ${at}: write a time between the years 1970 and 9999`;
    assertEquals(ruleFaults({ at }, ANCHOR), [{ field: "at", detail }]);
  }
});

Deno.test("ruleFaults() says what is wrong with a cron and with its zone, each by its name", () => {
  const faults = ruleFaults({ cron: "0 0 30 2 *", timezone: "CET" }, ANCHOR);
  assertEquals(faults.map(({ field }) => field), ["cron", "timezone"]);
  assertStringIncludes(faults[0]?.detail ?? "", "no such day ever comes");
  assertStringIncludes(faults[1]?.detail ?? "", "Europe/Berlin");
});

Deno.test("ruleFaults() asks for exactly one kind of rule", () => {
  const detail = (given: string) =>
    `Cannot use a schedule with ${given}: ` +
    "give exactly one of everySeconds, cron (with timezone) and at";
  assertEquals(ruleFaults({ everySeconds: 60, at: ANCHOR }, ANCHOR), [
    { field: "at", detail: detail("everySeconds and at") },
  ]);
  assertEquals(ruleFaults(JSON.parse("{}"), ANCHOR), [
    { field: "everySeconds", detail: detail("nothing") },
  ]);
});

Deno.test("nextSlot() does not depend on the machine's own zone", async () => {
  const module = new URL("../../../machines/lib/schedule_rule.ts", import.meta.url);
  const config = new URL("../../../deno.json", import.meta.url);
  const code = `import { upcomingSlots } from ${JSON.stringify(module.href)};
    const list = (timezone) => [["*/30 * * * *"], ["30 2 * * *"]].map(([cron]) =>
      upcomingSlots({ cron, timezone }, Date.parse("2026-03-28T12:00:00Z"),
        { anchor: 0, count: 40 }));
    console.log(JSON.stringify([new Date(0).getTimezoneOffset(), list("Europe/Berlin"),
      list("America/Santiago")]));`;
  const outputs = await Promise.all(["UTC", "Pacific/Auckland"].map(async (zone) => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", `--config=${config.pathname}`, code],
      env: { TZ: zone },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const [offset, ...slots] = JSON.parse(new TextDecoder().decode(stdout));
    return { offset, slots };
  }));
  const [utc, auckland] = outputs;
  // Else the machine's zone was never another.
  assertEquals(outputs.map(({ offset }) => offset), [0, -720]);
  assertEquals(utc?.slots, auckland?.slots);
});
