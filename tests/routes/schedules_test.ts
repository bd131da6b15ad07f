import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HOUR, HOURLY, NAMED, openScheduleWorld, START } from "./schedule_world.ts";

Deno.test("POST /v1/schedules makes a schedule and shows all of it", async () => {
  await using world = await openScheduleWorld();
  const task = { command: ["say", "{{now}}"], env: { TOKEN: "s3cret" }, timeoutMs: 1_000 };
  const body = { ...NAMED, id: "schedule_1", task };
  const response = await world.call("POST", "/v1/schedules", { body });
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("location"), "/v1/schedules/schedule_1");
  const made = await response.json();
  assertEquals(response.headers.get("etag"), `"${made.revision}"`);
  assertEquals(made, {
    id: "schedule_1",
    name: "Nightly",
    state: "active.armed",
    revision: 1,
    status: "active",
    scope: "default",
    createdBy: null,
    schedule: HOURLY,
    overlap: "skip",
    catchUp: "latest",
    maxRuns: null,
    expiresAt: null,
    fresh: false,
    session: null,
    manageMode: "creatorOnly",
    job: null,
    task: { command: ["say", "{{now}}"], timeoutMs: 1_000, vm: null, envNames: ["TOKEN"] },
    nextRunAt: "2030-01-01T01:00:00.000Z",
    waiting: [],
    run: null,
    last: null,
    lastSession: null,
    counts: { runs: 0, succeeded: 0, failed: 0, skipped: 0, missed: 0, failuresInRow: 0 },
    pausedReason: null,
    pausedDetail: null,
    deletedAt: null,
    purgeAt: null,
    createdAt: "2030-01-01T00:00:00.000Z",
    updatedAt: "2030-01-01T00:00:00.000Z",
  });
  assertEquals(await world.json("GET", "/v1/schedules/schedule_1"), made);

  await world.clock.advance(HOUR);
  const [run] = world.executor.runs;
  assertEquals(run?.command, ["say", "2030-01-01T01:00:00.000Z"]);
  assertEquals(run?.env.TOKEN, "s3cret");
  const { last, nextRunAt } = await world.json("GET", "/v1/schedules/schedule_1");
  const { task: _, ...rest } = last as Record<string, unknown>;
  assertEquals(rest, {
    slotAt: "2030-01-01T01:00:00.000Z",
    isManual: false,
    session: null,
    startedAt: "2030-01-01T01:00:00.000Z",
    endedAt: "2030-01-01T01:00:00.000Z",
    outcome: "succeeded",
    result: "2030-01-01T01:00:00.000Z",
    error: null,
  });
  assertEquals(nextRunAt, "2030-01-01T02:00:00.000Z");
});
