import { assertEquals, assertMatch } from "@std/assert";
import { createApp } from "../../routes/app.ts";
import { HOUR, MINUTE, openScheduleWorld, type ScheduleWorld } from "./schedule_world.ts";
import { partOfSystem } from "./support.ts";

const PATH = "/v1/schedules/schedule_1";

/** Does one thing to `schedule_1`. */
const act = (world: ScheduleWorld, name: string, body: object = {}) =>
  world.json("POST", `${PATH}/${name}`, { body });

Deno.test("a schedule is paused with a reason, and resumed", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const paused = await act(world, "pause", { reason: "Holiday" });
  assertEquals(
    [paused.state, paused.pausedReason, paused.pausedDetail, paused.nextRunAt],
    ["paused", "person", "Holiday", null],
  );
  await world.clock.advance(90 * MINUTE);
  assertEquals(world.executor.runs, []);
  const resumed = await act(world, "resume");
  assertEquals([resumed.state, resumed.pausedReason, resumed.nextRunAt], [
    "active.armed",
    null,
    "2030-01-01T02:00:00.000Z",
  ]);
});

Deno.test("a schedule that is deleted can be restored until it is purged", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const deleted = await world.json("DELETE", PATH);
  assertEquals([deleted.state, deleted.deletedAt, deleted.purgeAt, deleted.nextRunAt], [
    "deleted",
    "2030-01-01T00:00:00.000Z",
    "2030-01-31T00:00:00.000Z",
    null,
  ]);
  // Doing it again changes nothing.
  assertEquals(await world.json("DELETE", PATH), deleted);
  const restored = await act(world, "restore");
  assertEquals([restored.state, restored.deletedAt, restored.purgeAt], ["paused", null, null]);
  await world.json("DELETE", PATH);
  world.clock.jump(30 * 24 * HOUR);
  await world.clock.advance(1);
  const { problem } = await world.refused("POST", `${PATH}/restore`, { body: {}, status: 409 });
  assertEquals(problem.state, "purged");
});

Deno.test("a schedule runs now, also while it is paused", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ overlap: "queue" });
  await act(world, "pause");
  const { state } = await act(world, "run");
  const shown = await world.json("GET", PATH);
  assertEquals([state, shown.state], ["paused.running", "paused.running"]);
  const { isManual, slotAt, task } = shown.run as Record<string, unknown>;
  assertEquals([isManual, slotAt], [true, "2030-01-01T00:00:00.000Z"]);
  assertMatch(String(task), /^task:task_schedule_1_m/);
});

Deno.test("run now is refused with a reason that helps", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ maxRuns: 2 });
  const refusal = async () => {
    const { slug, detail, problem } = await world.refused("POST", `${PATH}/run`, {
      body: {},
      status: 409,
    });
    assertEquals(slug, "not-accepted");
    return { detail, task: problem.task };
  };
  await act(world, "run");
  const underway = await refusal();
  assertMatch(underway.detail, /task:task_schedule_1_m\S+ is underway, and its overlap is "skip"/);
  assertMatch(String(underway.task), /^task:task_schedule_1_m/);
  await world.system.send(String(underway.task), { type: "task.cancel" });
  await world.clock.advance(1);
  await act(world, "run");
  const { run } = await world.json("GET", PATH) as { run: { task: string } };
  await world.system.send(run.task, { type: "task.cancel" });
  await world.clock.settle();
  assertMatch((await refusal()).detail, /all of its 2 runs; raise maxRuns/);
  const resume = await world.refused("POST", `${PATH}/resume`, { body: {}, status: 409 });
  assertMatch(resume.detail, /all of its 2 runs; raise maxRuns/);
  await world.json("DELETE", PATH);
  assertMatch((await refusal()).detail, /restore it first/);
});

Deno.test("run now is refused while a run waits for its session", async () => {
  await using world = await openScheduleWorld();
  const turn = { body: { person: "Ada" } };
  await world.json("POST", "/v1/sessions/s/turn", turn);
  await world.schedule({ session: "s" });
  await act(world, "run");
  assertEquals((await world.json("GET", PATH)).state, "active.waitingForSession");
  const { detail } = await world.refused("POST", `${PATH}/run`, { body: {}, status: 409 });
  assertMatch(detail, /waits for its session/);
});

Deno.test("a schedule of a time that has passed is not resumed, but changed first", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ schedule: { at: "2030-01-01T00:10:00Z" }, task: { command: ["say"] } });
  await world.clock.advance(HOUR);
  const { detail } = await world.refused("POST", `${PATH}/resume`, { body: {}, status: 409 });
  assertMatch(detail, /change its schedule/);
  await world.json("PATCH", PATH, { body: { schedule: { everySeconds: 60 } } });
  assertEquals((await act(world, "resume")).state, "active.armed");
});

Deno.test("what a schedule does not take in its state is refused, and so is another revision", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  await world.refused("POST", `${PATH}/resume`, { body: {}, status: 409 });
  await world.refused("POST", `${PATH}/restore`, { body: {}, status: 409 });
  const headers = { "if-match": '"9"' };
  await world.refused("POST", `${PATH}/pause`, { body: {}, headers, status: 412 });
  await world.refused("DELETE", PATH, { headers, status: 412 });
  await world.refused("POST", `${PATH}/pause`, { body: { why: "x" }, status: 422 });
  for (const name of ["pause", "resume", "run", "restore"]) {
    await world.refused("POST", `/v1/schedules/none/${name}`, { body: {}, status: 404 });
  }
});

Deno.test("run now with the same idempotency key runs once", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ overlap: "queue" });
  const run = () =>
    world.json("POST", `${PATH}/run`, { body: {}, headers: { "idempotency-key": "k" } });
  assertEquals(await run(), await run());
  assertEquals(((await world.json("GET", PATH)).counts as { runs: number }).runs, 1);
});

const AS = (name: string, scope?: string) => ({
  "x-holdfast-caller": name,
  ...scope === undefined ? {} : { "x-holdfast-scope": scope },
});

const WAYS: readonly [string, string][] = [
  ["PATCH", PATH],
  ["POST", `${PATH}/pause`],
  ["POST", `${PATH}/resume`],
  ["POST", `${PATH}/run`],
  ["POST", `${PATH}/restore`],
  ["DELETE", PATH],
];

Deno.test("a named caller changes what it made, and nothing of others", async () => {
  await using world = await openScheduleWorld();
  const made = await world.schedule({}, AS("agent-1", "web"));
  for (const [method, path] of WAYS) {
    const body = method === "DELETE" ? {} : { body: {} };
    const headers = AS("agent-2", "web");
    const { slug, detail } = await world.refused(method, path, { ...body, headers, status: 403 });
    assertEquals(slug, "forbidden");
    assertMatch(detail, /only "agent-1" may/);
  }
  assertEquals(await world.json("GET", PATH, { headers: AS("agent-2") }), made);
  await world.json("POST", `${PATH}/pause`, { body: {}, headers: AS("agent-1") });
  // Without a name it is the operator.
  await world.json("POST", `${PATH}/resume`, { body: {} });
});

Deno.test("with manageMode scopeAll, callers of its scope change it too", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ manageMode: "scopeAll" }, AS("agent-1", "web"));
  await world.json("POST", `${PATH}/pause`, { body: {}, headers: AS("agent-2", "web") });
  for (const headers of [AS("agent-2"), AS("agent-2", "ops")]) {
    const { detail } = await world.refused("DELETE", PATH, { headers, status: 403 });
    assertMatch(detail, /callers of scope "web"/);
  }
});

Deno.test("what the operator made, no named caller changes", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const headers = AS("agent-1", "default");
  const { detail } = await world.refused("DELETE", PATH, { headers, status: 403 });
  assertMatch(detail, /only the operator may/);
});

Deno.test("headers that name nobody are refused", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  for (const name of ["", "x".repeat(101), "b\u00e4r"]) {
    const headers = { "x-holdfast-caller": name };
    const { places } = await world.refused("DELETE", PATH, { headers, status: 422 });
    assertEquals(places, ["x-holdfast-caller"]);
  }
});

Deno.test("a job of the server's own is paused, resumed and run, never changed or deleted", async () => {
  await using world = await openScheduleWorld();
  await world.systemJob();
  const path = "/v1/schedules/schedule_job";
  const { job, task, scope } = await world.json("GET", path);
  assertEquals([job, task, scope], ["clean_up", null, "system"]);
  for (const [method, body] of [["DELETE", {}], ["PATCH", { body: { name: "x" } }]] as const) {
    const { detail } = await world.refused(method, path, { ...body, status: 403 });
    assertMatch(detail, /the server's own; it can be paused/);
  }
  for (const name of ["pause", "resume", "run"]) {
    await world.json("POST", `${path}/${name}`, { body: {} });
  }
  await world.clock.settle();
  const { last } = await world.json("GET", path) as { last: { result: string } };
  assertEquals(last.result, "done");
  const headers = AS("agent-1", "system");
  await world.refused("POST", `${path}/pause`, { body: {}, headers, status: 403 });
});

Deno.test("pages of an allowed origin may name the caller", async () => {
  const app = createApp(partOfSystem({}), { corsOrigins: ["https://example.com"] });
  const headers = {
    origin: "https://example.com",
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-holdfast-caller,x-holdfast-scope",
  };
  const answer = await app.request("/v1/schedules", { method: "OPTIONS", headers });
  assertMatch(
    answer.headers.get("access-control-allow-headers") ?? "",
    /x-holdfast-caller,x-holdfast-scope/,
  );
});
