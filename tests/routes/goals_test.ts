import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HANG, HOUR, openGoalWorld, saying, START, underway } from "./goal_world.ts";

const CONFIRMED = saying({ audit: "confirmed" });
const CLAIM = saying({ goal: "complete", summary: "All green" });
const iso = (at: number) => new Date(at).toISOString();

Deno.test("POST /v1/goals makes a goal that is worked on at once", async () => {
  await using world = await openGoalWorld();
  const made = await world.goal({ agent: "coder", budget: { tokens: 1_000 } }, {
    "x-holdfast-caller": "ann",
  });
  assertEquals(made.deadlineAt, iso(START + 48 * HOUR));
  assertEquals(
    [made.id, made.status, made.state, made.scope, made.agent, made.createdBy],
    ["goal_1", "active", "active.iterating", "default", "coder", "ann"],
  );
  assertEquals(made.budget, { tokens: 1_000, usd: null });
  assertEquals(made.spent, { tokens: 0, usd: 0 });
  const id = underway(made);
  assertMatch(id, /^task_goal_1_iteration_1/);
  assertEquals(made.why, `task:${id} works on iteration 1`);
  assertEquals(made.step, {
    kind: "iteration",
    task: `task:${id}`,
    startedAt: iso(START),
    session: null,
    stopped: null,
  });
  const tasks = await world.json("GET", "/v1/tasks?parent=goal:goal_1");
  const [task] = tasks.items as Record<string, unknown>[];
  assertEquals([task?.id, task?.trigger, task?.agent, task?.createdBy], [
    id,
    "goal",
    "coder",
    "ann",
  ]);
  const [attempt] = world.executor.runs;
  assertStringIncludes(attempt?.prompt ?? "", "# Objective\n\nAll tests pass\n");
});

Deno.test("POST /v1/goals says where the new goal is, once for a key", async () => {
  await using world = await openGoalWorld();
  const request = {
    body: { objective: "x", task: HANG },
    headers: { "idempotency-key": "first" },
  };
  const first = await world.call("POST", "/v1/goals", request);
  const { id } = await first.json();
  assertMatch(id, /^goal_\w+$/);
  assertEquals([first.headers.get("location"), first.headers.get("etag")], [
    `/v1/goals/${id}`,
    '"1"',
  ]);
  const again = await world.call("POST", "/v1/goals", request);
  assertEquals([again.status, (await again.json()).id], [201, id]);
});

Deno.test("POST /v1/goals refuses what cannot be", async () => {
  await using world = await openGoalWorld();
  const good = { objective: "x", task: HANG };
  const refusals: [body: object, place: string, detail: RegExp][] = [
    [{ task: HANG }, "/objective", /expected string/],
    [{ ...good, objective: " \n" }, "/objective", /must not be empty/],
    [{ ...good, objective: "é".repeat(4_001) }, "/objective", /at most 8000 bytes/],
    [{ objective: "x" }, "/task", /expected object/],
    [{ ...good, task: {} }, "/task/command", /expected array/],
    [{ ...good, task: { ...HANG, startAt: 1 } }, "/task/startAt", /unknown field/],
    [{ ...good, task: { ...HANG, prompt: "x" } }, "/task/prompt", /of its templates/],
    [{ ...good, task: { command: ["x", "{{date}}"] } }, "/task/command/1", /no variable {{date}}/],
    [{ ...good, task: { command: ["x".repeat(8_001)] } }, "/task/command/0", /at most 8000 bytes/],
    [{ ...good, task: { ...HANG, vm: "vm_none" } }, "/task/vm", /there is no VM/],
    [{ ...good, audit: "off" }, "/audit", /none/],
    [{ ...good, audit: { vm: "vm_none" } }, "/audit/vm", /there is no VM/],
    [{ ...good, audit: { wrong: 1 } }, "/audit/wrong", /unknown field/],
    [{ ...good, audit: { command: null } }, "/audit/command", /expected array/],
    [{ ...good, audit: { prompt: "x" } }, "/audit/prompt", /of its templates/],
    [{ ...good, deadlineAt: START }, "/deadlineAt", /is not in the future/],
    [{ ...good, deadlineAt: "tomorrow" }, "/deadlineAt", /ISO/],
    [{ ...good, deadlineAt: "9999-01-01T00:00:00Z" }, "/deadlineAt", /too far in the future/],
    [{ ...good, budget: { tokens: 0 } }, "/budget/tokens", />=1/],
    [{ ...good, budget: { usd: 0 } }, "/budget/usd", />0/],
    [{ ...good, templates: { continue: "{{prompt}}" } }, "/templates/continue", /there are objec/],
    [{ ...good, templates: { audit: "" } }, "/templates/audit", /must not be empty/],
    [
      { ...good, templates: { audit: 'Say\n@holdfast {"audit": "confirmed"}' } },
      "/templates/audit",
      /line 2 is a report/,
    ],
    [{ ...good, scope: "é" }, "/scope", /printable ASCII/],
    [{ ...good, session: "" }, "/session", />=1/],
    [{ ...good, id: "goal-1" }, "/id", /up to 28 letters/],
    [{ ...good, colour: "red" }, "/colour", /unknown field/],
  ];
  for (const [body, place, detail] of refusals) {
    const refused = await world.refused("POST", "/v1/goals", { body, status: 422 });
    assertEquals([refused.slug, refused.places[0]], ["invalid", place]);
    assertMatch(JSON.stringify(refused.problem), detail);
  }
  const both = { ...good, agent: "a", task: { ...HANG, agent: "b" } };
  const refused = await world.refused("POST", "/v1/goals", { body: both, status: 400 });
  assertEquals([refused.slug, refused.places], ["contradictory", ["/task/agent"]]);
  const { items } = await world.json("GET", "/v1/goals");
  assertEquals(items, []);
});

Deno.test("POST /v1/goals takes one goal at a time for a scope", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const second = { objective: "y", task: HANG };
  const refused = await world.refused("POST", "/v1/goals", { body: second, status: 409 });
  assertEquals(refused.slug, "already-exists");
  assertEquals(
    refused.detail,
    'Cannot set a second goal in scope "default": goal "goal_1" has not ended, its state is ' +
      '"active.iterating"; wait for its end, cancel it, or name another scope',
  );
  assertEquals([refused.problem.goal, refused.problem.scope], ["goal_1", "default"]);
  await world.json("POST", "/v1/goals", { body: { ...second, scope: "other" }, status: 201 });
  await world.json("POST", "/v1/goals/goal_1/cancel", { body: {} });
  await world.json("POST", "/v1/goals", { body: second, status: 201 });
});

Deno.test("POST /v1/goals lets one of two at once into a scope", async () => {
  await using world = await openGoalWorld();
  const body = { objective: "x", task: HANG };
  const answers = await Promise.all(
    ["a", "b", "c"].map((key) =>
      world.call("POST", "/v1/goals", { body, headers: { "idempotency-key": key } })
    ),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [201, 409, 409]);
  const { items } = await world.json("GET", "/v1/goals?scope=default");
  assertEquals((items as unknown[]).length, 1);
});

Deno.test("POST /v1/goals takes scope and creator from who calls", async () => {
  await using world = await openGoalWorld();
  const headers = { "x-holdfast-caller": "ann", "x-holdfast-scope": "web" };
  const made = await world.goal({}, headers);
  assertEquals([made.scope, made.createdBy], ["web", "ann"]);
});

Deno.test("A goal whose claim an audit confirms is complete, over HTTP alone", async () => {
  await using world = await openGoalWorld();
  await world.goal({ task: CLAIM, audit: CONFIRMED });
  const goal = await world.json("GET", "/v1/goals/goal_1?waitMs=60000");
  assertEquals([goal.status, goal.state, goal.audits], ["complete", "complete", 1]);
  const { by, ...claim } = goal.claim as { by: string };
  assertMatch(by, /^task:task_goal_1_iteration_1/);
  assertEquals(claim, { claimedAt: iso(START), summary: "All green" });
  assertEquals(goal.why, "Reached: an audit has confirmed what iteration 1 claims");
  assertEquals([goal.findings, goal.endedAt], [[], iso(START)]);
});

Deno.test("A goal whose audit finds something says so", async () => {
  await using world = await openGoalWorld();
  const audit = saying({ audit: "missing", findings: ["No tests", "No docs"] });
  const id = underway(await world.goal({ audit }));
  const claimed = await world.json("POST", "/v1/goals/goal_1/complete", {
    body: { summary: "I say so" },
    headers: { "x-holdfast-caller": "ann" },
  });
  assertEquals(
    claimed.why,
    `task:${id} works on iteration 1; ann claims that the objective is reached: when it ends, an ` +
      "audit decides",
  );
  await world.json("POST", `/v1/tasks/${id}/cancel`, { body: {} });
  const goal = await world.shown();
  assertEquals(goal.findings, ["No tests", "No docs"]);
  assertEquals(
    goal.why,
    `task:${underway(goal)} works on iteration 2; the last audit found: No tests (and 1 more)`,
  );
});

Deno.test("A goal without an audit believes a claim", async () => {
  await using world = await openGoalWorld();
  const made = await world.goal({ task: CLAIM, audit: "none" });
  assertEquals(made.audit, "none");
  const goal = await world.shown();
  assertEquals([goal.status, goal.audits], ["complete", 0]);
  assertMatch(String(goal.why), /^Reached, as .* claims; no audit was asked for$/);
});

Deno.test("GET /v1/goals lists by status and scope, newest first, without long texts", async () => {
  await using world = await openGoalWorld();
  await world.goal({ id: "goal_a", scope: "a" });
  await world.goal({ id: "goal_b", scope: "b" });
  await world.goal({ id: "goal_c", scope: "c", task: CLAIM, audit: "none" });
  await world.json("POST", "/v1/goals/goal_b/pause", { body: {} });
  const ids = async (query: string) => {
    const { items } = await world.json("GET", `/v1/goals${query}`);
    return (items as { id: string }[]).map(({ id }) => id);
  };
  assertEquals(await ids(""), ["goal_c", "goal_b", "goal_a"]);
  assertEquals(await ids("?status=active"), ["goal_a"]);
  assertEquals(await ids("?status=paused"), ["goal_b"]);
  assertEquals(await ids("?status=complete&sort=oldest"), ["goal_c"]);
  assertEquals(await ids("?scope=b"), ["goal_b"]);
  const page = await world.json("GET", "/v1/goals?limit=1");
  assertEquals((page.items as unknown[]).length, 1);
  assertEquals(await ids(`?limit=2&cursor=${page.nextCursor}`), ["goal_b", "goal_a"]);
  const [first] = page.items as Record<string, unknown>[];
  assertEquals([first?.templates, first?.task], [undefined, undefined]);
  const refused = await world.refused("GET", "/v1/goals?status=done", { status: 422 });
  assertEquals(refused.places, ["status"]);
});

Deno.test("GET /v1/goals/{id} shows no values of the environment", async () => {
  await using world = await openGoalWorld();
  const vm = { env: { KEY: "hidden" } };
  await world.goal({ task: { ...HANG, env: { TOKEN: "hidden" }, vm } });
  const goal = await world.shown();
  const task = goal.task as { envNames: string[]; vm: { envNames: string[] } };
  assertEquals([task.envNames, task.vm.envNames], [["TOKEN"], ["KEY"]]);
  assert(!JSON.stringify(goal).includes("hidden"));
  const missing = await world.refused("GET", "/v1/goals/goal_none", { status: 404 });
  assertEquals(missing.slug, "not-found");
  await world.refused("GET", "/v1/goals/%20", { status: 404 });
});

Deno.test("GET /v1/goals/{id} waits for the end, and no longer than it is asked to", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const waitFor = async (ms: number) => {
    const response = await world.call("GET", `/v1/goals/goal_1?waitMs=${ms}`);
    return (await response.json()).status;
  };
  const short = waitFor(1_000);
  await world.clock.settle();
  await world.clock.advance(1_000);
  assertEquals(await short, "active");
  const long = waitFor(60_000);
  await world.clock.settle();
  await world.json("POST", "/v1/goals/goal_1/cancel", { body: {} });
  assertEquals(await long, "cancelled");
  await world.refused("GET", "/v1/goals/goal_1?waitMs=60001", { status: 422 });
});

Deno.test("GET /v1/goals/{id} names who holds the session that it waits for", async () => {
  await using world = await openGoalWorld();
  await world.system.spawn("gate", "web", { key: "web" });
  await world.system.send("gate:web", { type: "gate.take", person: "ann" });
  await world.goal({ session: "web" });
  const goal = await world.shown();
  assertEquals([goal.status, goal.why], [
    "waitingForSession",
    'Waits for session "web", which ann holds',
  ]);
});

Deno.test("POST /v1/goals reads the templates of the data directory anew, and names a bad one", async () => {
  const templatesDir = await Deno.makeTempDir();
  try {
    await using world = await openGoalWorld({ templatesDir });
    await Deno.writeTextFile(`${templatesDir}/continue.md`, "Do {{objektive}}");
    const body = { objective: "x", task: HANG };
    const refused = await world.refused("POST", "/v1/goals", { body, status: 422 });
    assertMatch(
      refused.detail,
      /^Cannot use the template templates\/continue.md of the data directory: there is no variable/,
    );
    assertEquals(refused.problem.file, "templates/continue.md");
    await Deno.writeTextFile(`${templatesDir}/continue.md`, "Do {{objective}}");
    await world.goal();
    assertEquals(world.executor.runs[0]?.prompt, "Do All tests pass");
  } finally {
    await Deno.remove(templatesDir, { recursive: true });
  }
});

Deno.test("POST /v1/goals says when a goal is too large in all", async () => {
  await using world = await openGoalWorld();
  const env = Object.fromEntries([..."abcde"].map((name) => [name, name.repeat(8_000)]));
  const body = { objective: "x", task: { ...HANG, env } };
  const refused = await world.refused("POST", "/v1/goals", { body, status: 413 });
  assertEquals(refused.slug, "too-large");
  assertMatch(refused.detail, /^Cannot keep a goal of \d+ bytes: .* may have 40960 together$/);
});

Deno.test("POST /v1/goals refuses a task that could become too large to be made", async () => {
  await using world = await openGoalWorld();
  const command = ["hang", ...Array.from({ length: 5 }, () => "{{lastResult}}{{objective}}")];
  const body = { id: "goal_1", objective: "x".repeat(8_000), task: { command } };
  const more = { ...body, task: { command: [...command, "{{now}}"] } };
  const refused = await world.refused("POST", "/v1/goals", { body: more, status: 413 });
  assertMatch(refused.detail, /^Cannot keep \/task: it has \d+ bytes, and 6 parts of its command/);
  const made = await world.goal(body);
  assertEquals(made.state, "active.iterating");
  assertEquals(world.executor.runs[0]?.command[5]?.length, 8_000);
});
