import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HOUR, HOURLY, NAMED, openScheduleWorld } from "./schedule_world.ts";

const BERLIN = { cron: "0 3 * * *", timezone: "Europe/Berlin" };

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

Deno.test("POST /v1/schedules takes each form of a rule", async () => {
  await using world = await openScheduleWorld();
  const forms: [object, object, string][] = [
    [HOURLY, HOURLY, "2030-01-01T01:00:00.000Z"],
    [BERLIN, BERLIN, "2030-01-01T02:00:00.000Z"],
    [{ cron: "@daily", timezone: "UTC" }, { cron: "@daily", timezone: "UTC" }, "2030-01-02"],
    [{ at: "2030-06-01T12:00:00+02:00" }, { at: "2030-06-01T10:00:00.000Z" }, "2030-06-01T10:00"],
  ];
  for (const [schedule, shown, next] of forms) {
    const body = { ...NAMED, schedule };
    const made = await world.json("POST", "/v1/schedules", { body, status: 201 });
    assertEquals(made.schedule, shown);
    assertStringIncludes(String(made.nextRunAt), next);
  }
});

Deno.test("POST /v1/schedules with the same idempotency key makes one", async () => {
  await using world = await openScheduleWorld();
  const post = (body: object) =>
    world.call("POST", "/v1/schedules", { body, headers: { "idempotency-key": "k" } });
  const [first, again] = [await post(NAMED), await post(NAMED)];
  assertEquals(await first.json(), await again.json());
  assertEquals([again.status, again.headers.get("idempotency-replayed")], [201, "true"]);
  assertEquals((await post({ ...NAMED, name: "Other" })).status, 422);
  assertEquals((await world.system.list("schedule")).items.length, 1);
});

Deno.test("POST /v1/schedules records who made it, in the caller's scope", async () => {
  await using world = await openScheduleWorld();
  const headers = { "x-holdfast-caller": "agent 7", "x-holdfast-scope": "web" };
  const made = await world.schedule({}, headers);
  assertEquals([made.createdBy, made.scope], ["agent 7", "web"]);
  const other = await world.schedule({ id: "schedule_2", scope: "ops" }, headers);
  assertEquals(other.scope, "ops");
});

Deno.test("POST /v1/schedules puts nobody's schedule among the server's own", async () => {
  await using world = await openScheduleWorld();
  const headers = { "x-holdfast-caller": "agent 7", "x-holdfast-scope": "system" };
  assertEquals((await world.schedule({}, headers)).scope, "default");
});

Deno.test("POST /v1/schedules: each run gets a VM of its own, made with the workspace's defaults", async () => {
  await using world = await openScheduleWorld();
  const vm = { env: { TOKEN: "s3cret" }, idle: { sleepMs: 5 * 60_000 } };
  await world.json("PUT", "/v1/workspaces/web", { body: { vm }, status: 201 });
  const task = { command: ["hang"], vm: { workspace: "web", title: "Mine" } };
  const made = await world.schedule({ task });
  const shown = (made.task as { vm: Record<string, unknown> }).vm;
  assertEquals([shown.provider, shown.title, shown.envNames], ["process", "Mine", ["TOKEN"]]);
  assertEquals("env" in shown || JSON.stringify(made).includes("s3cret"), false);
  await world.clock.advance(HOUR);
  const { run } = await world.json("GET", "/v1/schedules/schedule_1") as { run: { task: string } };
  const record = await world.system.get(run.task);
  const own = await world.system.get(`vm:vm_${record.id}`, { unredacted: true });
  assertEquals((own.context.settings as { env: unknown }).env, { TOKEN: "s3cret" });
});

Deno.test("POST /v1/schedules: runs work in a VM that is there", async () => {
  await using world = await openScheduleWorld();
  await world.json("POST", "/v1/vms", { body: { id: "vm_1" }, status: 201 });
  await world.clock.settle();
  const { task } = await world.schedule({ task: { command: ["hang"], vm: "vm_1" } });
  assertEquals((task as { vm: string }).vm, "vm_1");
});

Deno.test("GET /v1/schedules lists by status and scope, a page at a time", async () => {
  await using world = await openScheduleWorld();
  await world.systemJob();
  for (const n of [1, 2, 3, 4]) {
    await world.schedule({ id: `schedule_${n}`, scope: n === 4 ? "web" : "default" });
  }
  await world.json("POST", "/v1/schedules/schedule_2/pause", { body: {} });
  await world.json("DELETE", "/v1/schedules/schedule_3");
  const list = async (query: string) => {
    const { items } = await world.json("GET", `/v1/schedules?${query}`);
    return (items as { id: string }[]).map(({ id }) => id.replace("schedule_", ""));
  };
  assertEquals(await list(""), ["4", "2", "1"]);
  assertEquals(await list("sort=oldest"), ["1", "2", "4"]);
  assertEquals(await list("status=active"), ["4", "1"]);
  assertEquals(await list("status=paused"), ["2"]);
  assertEquals(await list("status=deleted"), ["3"]);
  assertEquals(await list("scope=web"), ["4"]);
  assertEquals(await list("scope=system"), ["job"]);
  const first = await world.json("GET", "/v1/schedules?limit=2");
  assertEquals(await list(`limit=2&cursor=${first.nextCursor}`), ["1"]);
  for (const query of ["status=armed", "limit=0", "limit=201", "cursor=x", "state=paused"]) {
    await world.refused("GET", `/v1/schedules?${query}`, { status: 422 });
  }
});

Deno.test("GET /v1/schedules/{id} of none is a 404", async () => {
  await using world = await openScheduleWorld();
  for (const id of ["schedule_1", "no%20id", "x".repeat(300)]) {
    const { slug } = await world.refused("GET", `/v1/schedules/${id}`, { status: 404 });
    assertEquals(slug, "not-found");
  }
});

const long = (bytes: number) => "ü".repeat(bytes / 2);

/** What is refused, with which status, and where the fault is. */
const REFUSED: readonly [object, number, string, string, RegExp][] = [
  [{ schedule: undefined }, 400, "invalid-schedule", "/schedule", /one of everySeconds, cron, at/],
  [{ schedule: "daily" }, 400, "invalid-schedule", "/schedule", /one of everySeconds/],
  [{ schedule: {} }, 400, "invalid-schedule", "/schedule", /exactly one/],
  [{ schedule: { everySeconds: 59 } }, 400, "invalid-schedule", "/schedule/everySeconds", /60/],
  [
    { schedule: { everySeconds: 60.5 } },
    400,
    "invalid-schedule",
    "/schedule/everySeconds",
    /whole/,
  ],
  [
    { schedule: { everySeconds: "60" } },
    400,
    "invalid-schedule",
    "/schedule/everySeconds",
    /number/,
  ],
  [
    { schedule: { ...HOURLY, ...BERLIN } },
    400,
    "invalid-schedule",
    "/schedule/cron",
    /exactly one/,
  ],
  [
    { schedule: { ...HOURLY, timezone: "UTC" } },
    400,
    "invalid-schedule",
    "/schedule/timezone",
    /cron alone/,
  ],
  [{ schedule: { cron: "@daily" } }, 400, "invalid-schedule", "/schedule/timezone", /IANA/],
  [
    { schedule: { cron: "61 * * * *", timezone: "UTC" } },
    400,
    "invalid-schedule",
    "/schedule/cron",
    /minute/,
  ],
  [
    { schedule: { cron: "0 0 30 2 *", timezone: "UTC" } },
    400,
    "invalid-schedule",
    "/schedule/cron",
    /never|ever/,
  ],
  [
    { schedule: { cron: "@daily", timezone: "CET+1" } },
    400,
    "invalid-schedule",
    "/schedule/timezone",
    /IANA/,
  ],
  [{ schedule: { at: "2029-12-31T23:00:00Z" } }, 400, "invalid-schedule", "/schedule/at", /past/],
  [{ schedule: { at: "tomorrow" } }, 400, "invalid-schedule", "/schedule/at", /./],
  [{ expiresAt: "2029-12-31T23:00:00Z" }, 400, "contradictory", "/expiresAt", /past/],
  [
    { expiresAt: "2030-01-01T00:59:59Z" },
    400,
    "contradictory",
    "/expiresAt",
    /first slot is 2030-01-01T01/,
  ],
  [{ name: "" }, 422, "invalid", "/name", /./],
  [{ overlap: "kill" }, 422, "invalid", "/overlap", /./],
  [{ catchUp: "some" }, 422, "invalid", "/catchUp", /./],
  [{ maxRuns: 0 }, 422, "invalid", "/maxRuns", /./],
  [{ manageMode: "all" }, 422, "invalid", "/manageMode", /./],
  [{ id: "nightly" }, 422, "invalid", "/id", /schedule_/],
  [{ id: `schedule_${"x".repeat(37)}` }, 422, "invalid", "/id", /36/],
  [{ scope: "system" }, 422, "invalid", "/scope", /server's own/],
  [{ scope: "wéb" }, 422, "invalid", "/scope", /ASCII/],
  [{ session: "" }, 422, "invalid", "/session", /./],
  [{ session: "x".repeat(201) }, 422, "invalid", "/session", /200/],
  [{ session: "\ud800" }, 422, "invalid", "/session", /well-formed/],
  [{ counts: {} }, 422, "invalid", "/counts", /unknown/],
  [{ task: undefined }, 422, "invalid", "/task", /./],
  [{ task: { command: [] } }, 422, "invalid", "/task/command", /./],
  [{ task: { command: ["a"], startAt: 1 } }, 422, "invalid", "/task/startAt", /unknown/],
  [{ task: { command: ["a"], dependsOn: [] } }, 422, "invalid", "/task/dependsOn", /unknown/],
  [{ task: { command: ["a", long(8_002)] } }, 422, "invalid", "/task/command/1", /8000 bytes/],
  [{ task: { command: ["a"], prompt: long(8_002) } }, 422, "invalid", "/task/prompt", /8000 bytes/],
  [{ task: { command: ["a"], env: { A: long(8_002) } } }, 422, "invalid", "/task/env/A", /8000/],
  [
    { task: { command: ["a"], prompt: "{{nwo}}" } },
    422,
    "invalid",
    "/task/prompt",
    /now, date, .*lastResult/,
  ],
  [
    { task: { command: ["a", "{{ objective }}"] } },
    422,
    "invalid",
    "/task/command/1",
    /scheduleName/,
  ],
  [{ task: { command: ["a", "{{prompt}}"] } }, 422, "invalid", "/task/command/1", /no prompt/],
  [{ task: { command: ["a"], vm: "vm_9" } }, 422, "invalid", "/task/vm", /no VM/],
  [{ task: { command: ["a"], vm: { id: "vm_9" } } }, 422, "invalid", "/task/vm/id", /./],
  [
    { task: { command: ["a"], vm: { provider: "x" } } },
    422,
    "invalid",
    "/task/vm/provider",
    /no provider/,
  ],
  [
    { task: { command: ["a"], vm: { workspace: "x" } } },
    422,
    "invalid",
    "/task/vm/workspace",
    /no workspace/,
  ],
  [{ task: { command: ["a"], vm: { ref: "x" } } }, 400, "contradictory", "/task/vm/ref", /./],
];

Deno.test("POST /v1/schedules refuses what cannot be, and points at it", async () => {
  await using world = await openScheduleWorld();
  for (const [more, status, slug, place, detail] of REFUSED) {
    const body = { ...NAMED, ...more };
    const refused = await world.refused("POST", "/v1/schedules", { body, status });
    assertEquals([refused.slug, refused.places[0]], [slug, place], JSON.stringify(more));
    assertMatch(refused.detail, detail);
  }
  assertEquals((await world.system.list("schedule")).items, []);
});

Deno.test("POST /v1/schedules takes what is just within the bounds", async () => {
  await using world = await openScheduleWorld();
  const within = [
    { schedule: { everySeconds: 60 } },
    { expiresAt: "2030-01-01T01:00:00Z" },
    { session: "ü".repeat(200) },
    { session: "ü".repeat(33) },
    { id: `schedule_${"x".repeat(36)}` },
    { task: { command: ["say", "{{prompt}}"], prompt: long(8_000) } },
    { task: { command: ["say"], prompt: "{{{now}}} {{ date }} {{#if x}} {{a.b}} {{}} {now}" } },
  ];
  for (const more of within) {
    await world.json("POST", "/v1/schedules", { body: { ...NAMED, ...more }, status: 201 });
  }
});

Deno.test("POST /v1/schedules refuses an id that is taken", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const body = { ...NAMED, id: "schedule_1" };
  const { slug } = await world.refused("POST", "/v1/schedules", { body, status: 409 });
  assertEquals(slug, "already-exists");
});

Deno.test("POST /v1/schedules refuses what leaves no room for its runs", async () => {
  await using world = await openScheduleWorld();
  const post = (parts: readonly string[]) => ({
    body: { ...NAMED, task: { command: ["say", ...parts] } },
  });
  const five = Array.from({ length: 5 }, () => "x".repeat(8_000));
  await world.json("POST", "/v1/schedules", { ...post(five), status: 201 });
  await world.clock.advance(HOUR);
  assertEquals(world.executor.runs.map(({ command }) => command.length), [6]);
  const filled = Array.from({ length: 20 }, () => "{{lastResult}}");
  for (const parts of [[...five, five[0] ?? ""], filled]) {
    const { slug, detail } = await world.refused("POST", "/v1/schedules", {
      ...post(parts),
      status: 413,
    });
    assertEquals(slug, "too-large");
    assertMatch(detail, /the limit is \d+/);
  }
});
