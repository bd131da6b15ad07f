import { assertEquals } from "@std/assert";
import { HOUR, openScheduleWorld, type ScheduleWorld } from "./schedule_world.ts";

const PREVIEW = "/v1/schedules/preview";

type Preview = { text: string; slots: { at: string; local?: string; offset?: string }[] };

const post = async (world: ScheduleWorld, body: object) =>
  await world.json("POST", PREVIEW, { body }) as unknown as Preview;

Deno.test("POST /v1/schedules/preview shows what clocks show when they change", async () => {
  await using world = await openScheduleWorld();
  const schedule = { cron: "30 2 * * *", timezone: "Europe/Berlin" };
  const { text, slots } = await post(world, { schedule, after: "2030-03-30T00:00:00Z", count: 3 });
  assertEquals(text, "every day at 02:30, Europe/Berlin");
  assertEquals(slots, [
    { at: "2030-03-30T01:30:00.000Z", local: "2030-03-30T02:30", offset: "+01:00" },
    // 2:30 is skipped: it runs as long after the change as it would have.
    { at: "2030-03-31T01:30:00.000Z", local: "2030-03-31T03:30", offset: "+02:00" },
    { at: "2030-04-01T00:30:00.000Z", local: "2030-04-01T02:30", offset: "+02:00" },
  ]);
});

Deno.test("POST /v1/schedules/preview counts intervals from its `after`, and ends with expiresAt", async () => {
  await using world = await openScheduleWorld();
  const body = {
    schedule: { everySeconds: 300 },
    after: "2030-01-01T00:00:30Z",
    expiresAt: "2030-01-01T00:10:30Z",
  };
  const { text, slots } = await post(world, body);
  assertEquals(text, "every 5 minutes");
  assertEquals(slots, [{ at: "2030-01-01T00:05:30.000Z" }, { at: "2030-01-01T00:10:30.000Z" }]);
  const { slots: ten } = await post(world, { schedule: { everySeconds: 300 } });
  assertEquals([ten.length, ten[0]?.at], [10, "2030-01-01T00:05:00.000Z"]);
});

const TEXTS: readonly [object, string][] = [
  [{ everySeconds: 60 }, "every minute"],
  [{ everySeconds: 90 }, "every 90 seconds"],
  [{ everySeconds: 7_200 }, "every 2 hours"],
  [{ everySeconds: 86_400 }, "every day"],
  [{ at: "2030-02-01T00:00:00Z" }, "once, at 2030-02-01T00:00:00.000Z"],
  [{ cron: "5 4 * * *", timezone: "UTC" }, "every day at 04:05, UTC"],
  [{ cron: "@weekly", timezone: "UTC" }, 'by cron "@weekly", UTC'],
  [{ cron: "*/5 4 * * *", timezone: "UTC" }, 'by cron "*/5 4 * * *", UTC'],
];

Deno.test("POST /v1/schedules/preview says in words what a rule means", async () => {
  await using world = await openScheduleWorld();
  for (const [schedule, text] of TEXTS) {
    assertEquals((await post(world, { schedule, count: 1 })).text, text);
  }
});

Deno.test("POST /v1/schedules/preview refuses what cannot be", async () => {
  await using world = await openScheduleWorld();
  const bad: [object, number, string][] = [
    [{}, 400, "/schedule"],
    [{ schedule: { everySeconds: 1 } }, 400, "/schedule/everySeconds"],
    [{ schedule: { everySeconds: 60 }, count: 0 }, 422, "/count"],
    [{ schedule: { everySeconds: 60 }, count: 101 }, 422, "/count"],
    [{ schedule: { everySeconds: 60 }, after: "x" }, 422, "/after"],
    [{ schedule: { everySeconds: 60 }, task: {} }, 422, "/task"],
  ];
  for (const [body, status, place] of bad) {
    const { places } = await world.refused("POST", PREVIEW, { body, status });
    assertEquals(places, [place]);
  }
});

Deno.test("GET /v1/schedules/{id}/preview shows its next slots, as many as it has runs left", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ maxRuns: 3, task: { command: ["say"] } });
  await world.clock.advance(1.5 * HOUR);
  const { slots } = await world.json("GET", "/v1/schedules/schedule_1/preview");
  assertEquals(slots, [{ at: "2030-01-01T02:00:00.000Z" }, { at: "2030-01-01T03:00:00.000Z" }]);
  await world.schedule({ id: "schedule_2", expiresAt: "2030-01-01T04:30:00Z" });
  const two = await world.json("GET", "/v1/schedules/schedule_2/preview?count=100");
  assertEquals((two.slots as unknown[]).length, 3);
  for (const count of ["0", "101", "x"]) {
    const path = `/v1/schedules/schedule_2/preview?count=${count}`;
    await world.refused("GET", path, { status: 422 });
  }
  await world.refused("GET", "/v1/schedules/none/preview", { status: 404 });
});
