import { assertEquals, assertMatch } from "@std/assert";
import { HANG, HOUR, openGoalWorld, START, underway } from "./goal_world.ts";

const PATH = "/v1/goals/goal_1";
const iso = (at: number) => new Date(at).toISOString();

Deno.test("PATCH /v1/goals/{id} changes what is named, and nothing else", async () => {
  await using world = await openGoalWorld();
  const before = await world.goal({
    budget: { tokens: 100, usd: 5 },
    task: { ...HANG, env: { TOKEN: "hidden", OTHER: "x" }, labels: { team: "web" } },
  });
  const body = {
    objective: "Ship it",
    deadlineAt: iso(START + HOUR),
    budget: { tokens: 200 },
    task: { env: { OTHER: null }, labels: { team: "core", tier: "1" } },
  };
  const goal = await world.json("PATCH", PATH, {
    body,
    headers: { "content-type": "application/merge-patch+json" },
  });
  assertEquals([goal.objective, goal.deadlineAt], ["Ship it", iso(START + HOUR)]);
  assertEquals(goal.budget, { tokens: 200, usd: 5 });
  assertEquals(goal.task, {
    ...before.task as object,
    envNames: ["TOKEN"],
    labels: { team: "core", tier: "1" },
  });
  assertEquals(goal.templates, before.templates);
  const stored = await world.system.get("goal:goal_1", { unredacted: true });
  const { task } = stored.context.plan as unknown as { task: { env: object } };
  assertEquals(task.env, { TOKEN: "hidden" });
});

Deno.test("PATCH /v1/goals/{id} counts from the next iteration on", async () => {
  await using world = await openGoalWorld();
  const id = underway(await world.goal());
  await world.json("PATCH", PATH, { body: { task: { command: ["hang", "{{iteration}}"] } } });
  await world.json("POST", `/v1/tasks/${id}/cancel`, { body: {} });
  assertEquals(world.executor.runs.map(({ command }) => command), [["hang"], ["hang", "2"]]);
});

Deno.test("PATCH /v1/goals/{id} keeps what an audit has of its own", async () => {
  await using world = await openGoalWorld();
  const labels = { team: "web" };
  await world.goal({ task: { ...HANG, labels }, audit: { command: ["audit"], priority: "high" } });
  const patched = async (body: object) => {
    const { audit } = await world.json("PATCH", PATH, { body });
    if (typeof audit === "string") return audit;
    const { command, priority, labels } = audit as Record<string, unknown>;
    return { command, priority, labels };
  };
  assertEquals(await patched({ task: { command: ["work"], labels: { team: "core" } } }), {
    command: ["audit"],
    priority: 3,
    labels: { team: "core" },
  });
  assertEquals(await patched({ audit: { priority: null, labels: null } }), {
    command: ["audit"],
    priority: undefined,
    labels: undefined,
  });
  assertEquals(await patched({ objective: "y" }), {
    command: ["audit"],
    priority: undefined,
    labels: undefined,
  });
  assertEquals(await patched({ audit: null }), {
    command: ["work"],
    priority: undefined,
    labels: { team: "core" },
  });
  assertEquals(await patched({ audit: "none" }), "none");
  assertEquals(await patched({ task: { command: ["other"] } }), "none");
  assertEquals(await patched({ audit: { command: ["look"] } }), {
    command: ["look"],
    priority: undefined,
    labels: { team: "core" },
  });
});

Deno.test("PATCH /v1/goals/{id} keeps a VM that is as it was, whatever became of it", async () => {
  await using world = await openGoalWorld();
  await world.json("POST", "/v1/vms", { body: { id: "vm_1" }, status: 201 });
  await world.goal({ task: { ...HANG, vm: "vm_1" } });
  await world.json("POST", "/v1/vms/vm_1/recycle", { body: {} });
  const goal = await world.json("PATCH", PATH, { body: { task: { command: ["hang", "on"] } } });
  assertEquals((goal.task as { vm: string }).vm, "vm_1");
  const refused = await world.refused("PATCH", PATH, {
    body: { task: { vm: "vm_none" } },
    status: 422,
  });
  assertEquals(refused.places, ["/task/vm"]);
});

Deno.test("PATCH /v1/goals/{id} takes templates of the server back by null", async () => {
  await using world = await openGoalWorld();
  await world.goal({ templates: { continue: "a", audit: "b" } });
  const one = await world.json("PATCH", PATH, { body: { templates: { continue: null } } });
  const texts = one.templates as { continue: string; audit: string };
  assertMatch(texts.continue, /^Goal {{goal}}/);
  assertEquals(texts.audit, "b");
  const all = await world.json("PATCH", PATH, { body: { templates: null } });
  assertMatch((all.templates as { audit: string }).audit, /^Goal {{goal}}, audit/);
});

Deno.test("PATCH /v1/goals/{id} refuses what cannot be", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const refusals: [body: object, place: string][] = [
    [{ id: "goal_2" }, "/id"],
    [{ scope: "other" }, "/scope"],
    [{ createdBy: "ann" }, "/createdBy"],
    [{ iteration: 9 }, "/iteration"],
    [{ objective: "" }, "/objective"],
    [{ objective: null }, "/objective"],
    [{ deadlineAt: START - 1 }, "/deadlineAt"],
    [{ budget: { tokens: -1 } }, "/budget/tokens"],
    [{ budget: { euros: 1 } }, "/budget/euros"],
    [{ templates: { continue: "{{x}}" } }, "/templates/continue"],
    [{ task: { command: null } }, "/task/command"],
    [{ task: { session: "s" } }, "/task/session"],
    [{ task: null }, "/task"],
    [{ audit: { command: [] } }, "/audit/command"],
    [{ expectedRevision: "1" }, "/expectedRevision"],
  ];
  for (const [body, place] of refusals) {
    const refused = await world.refused("PATCH", PATH, { body, status: 422 });
    assertEquals([refused.slug, refused.places[0]], ["invalid", place]);
  }
  const goal = await world.shown();
  assertEquals([goal.revision, goal.objective], [1, "All tests pass"]);
});

Deno.test("PATCH /v1/goals/{id} lets one of two at once win", async () => {
  await using world = await openGoalWorld();
  const { revision } = await world.goal();
  const change = (objective: string) =>
    world.call("PATCH", PATH, { body: { objective, expectedRevision: revision } });
  const answers = await Promise.all([change("a"), change("b")]);
  const problem = await answers.find(({ status }) => status === 412)?.json();
  assertEquals(answers.map(({ status }) => status).sort(), [200, 412]);
  assertEquals([problem.type, problem.revision], [
    "urn:holdfast:problem:revision-conflict",
    Number(revision) + 1,
  ]);
});

Deno.test("PATCH /v1/goals/{id} without a revision is applied to what is there", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const answers = await Promise.all([
    world.json("PATCH", PATH, { body: { objective: "a" } }),
    world.json("PATCH", PATH, { body: { budget: { tokens: 5 } } }),
  ]);
  assertEquals(answers.length, 2);
  const goal = await world.shown();
  assertEquals([goal.objective, goal.budget], ["a", { tokens: 5, usd: null }]);
});

Deno.test("PATCH /v1/goals/{id} heeds the revision wherever it is named", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const stale = { "if-match": '"7"' };
  const byHeader = await world.refused("PATCH", PATH, {
    body: { objective: "x" },
    headers: stale,
    status: 412,
  });
  assertEquals(byHeader.slug, "revision-conflict");
  await world.refused("PATCH", PATH, { body: { expectedRevision: 7 }, status: 412 });
  const both = await world.refused("PATCH", PATH, {
    body: { expectedRevision: 1 },
    headers: stale,
    status: 400,
  });
  assertEquals([both.slug, both.places], ["contradictory", ["/expectedRevision"]]);
  const body = { objective: "x", expectedRevision: 1 };
  const goal = await world.json("PATCH", PATH, { body, headers: { "if-match": '"1"' } });
  assertEquals(goal.objective, "x");
});

Deno.test("PATCH /v1/goals/{id} lets a goal go on whose deadline has passed", async () => {
  await using world = await openGoalWorld();
  await world.goal({ deadlineAt: START + 60_000 });
  await world.clock.advance(60_000);
  const late = await world.shown();
  assertMatch(String(late.why), /^Its deadline has passed: task:\S+ leaves things in order$/);
  const moved = await world.json("PATCH", PATH, { body: { deadlineAt: START + HOUR } });
  await world.json("POST", `/v1/tasks/${underway(moved)}/cancel`, { body: {} });
  const goal = await world.shown();
  assertEquals([goal.state, goal.deadlineAt], ["active.iterating", iso(START + HOUR)]);
  assertMatch(String(goal.why), /works on iteration 3$/);
});

Deno.test("PATCH /v1/goals/{id} refuses a goal that has ended", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  await world.json("POST", `${PATH}/cancel`, { body: {} });
  const ended = await world.refused("PATCH", PATH, { body: { objective: "y" }, status: 409 });
  assertEquals([ended.slug, ended.problem.state], ["not-accepted", "cancelled"]);
  await world.refused("PATCH", "/v1/goals/goal_none", { body: {}, status: 404 });
});
