/** Events that callers send straight to schedules, goals and gates: their commands, and no others. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { HANG, openGoalWorld, underway } from "./goal_world.ts";
import { openScheduleWorld } from "./schedule_world.ts";

Deno.test("POST …/events takes a goal's commands in the form of their routes", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const path = "/v1/actors/goal:goal_1/events";
  const bodies = [
    { type: "goal.delay", seconds: 5 },
    { type: "goal.delay", seconds: "x" },
    { type: "goal.complete", by: 5 },
    { event: { type: "goal.pause", reason: { a: 1 } } },
    { type: "goal.cancel", reason: "x", more: 1 },
  ];
  for (const body of bodies) await world.refused("POST", path, { body, status: 422 });
  assertEquals((await world.shown()).revision, 1);
  await world.json("POST", path, { body: { type: "goal.pause", reason: "Lunch" } });
  assertEquals((await world.shown()).why, "Paused by a person: Lunch");
});

Deno.test("nobody can say for an audit's task that it has confirmed", async () => {
  await using world = await openGoalWorld();
  await world.goal({ audit: HANG });
  const forged = (task: string) => ({
    type: "actor.ended",
    address: `task:${task}`,
    status: "done",
    state: "succeeded",
    output: { report: { goal: "complete", audit: "confirmed" } },
  });
  const body = forged(underway(await world.shown()));
  const path = "/v1/actors/goal:goal_1/events";
  const { detail, places } = await world.refused("POST", path, { body, status: 422 });
  assertStringIncludes(detail, "for the runtime alone");
  assertEquals(places, ["/type"]);
  const batch = [{ address: "goal:goal_1", event: body }];
  const response = await world.call("POST", "/v1/events", { body: batch });
  const [answer] = await response.json();
  assertEquals([answer.status, (await world.shown()).state], [422, "active.iterating"]);
});

Deno.test("nobody says what only the runtime says, to no kind of actor", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const task = underway(await world.shown());
  for (const type of ["actor.create", "actor.ended", "slot.granted", "xstate.init"]) {
    const path = `/v1/actors/task:${task}/events`;
    const { places } = await world.refused("POST", path, { body: { type }, status: 422 });
    assertEquals(places, ["/type"]);
  }
});

Deno.test("a plan is changed by PATCH alone, where it is checked", async () => {
  await using world = await openGoalWorld();
  await world.goal();
  const path = "/v1/actors/goal:goal_1/events";
  const body = { type: "goal.configure", plan: {} };
  const { detail } = await world.refused("POST", path, { body, status: 422 });
  assertStringIncludes(detail, "a goal takes goal.complete, goal.delay, goal.pause");
});

Deno.test("a batch has a problem for each event that nobody may send", async () => {
  await using world = await openScheduleWorld();
  const { id } = await world.schedule();
  const address = `schedule:${id}`;
  const body = [
    { address, event: { type: "schedule.pause", reason: "x" } },
    { address, event: { type: "schedule.configure", plan: { rule: { everySeconds: 0 } } } },
    { address, event: { type: "session.granted", session: 5 } },
    { address: "schedule:system_vms", event: { type: "schedule.delete" } },
    { address, event: { type: "schedule.resume" } },
  ];
  const response = await world.call("POST", "/v1/events", { body });
  const answers: { status?: unknown }[] = await response.json();
  assertEquals(answers.map(({ status }) => status), ["active", 422, 422, 403, "active"]);
});

Deno.test("who names itself sends nothing to schedules but by their own routes", async () => {
  await using world = await openScheduleWorld();
  const { id } = await world.schedule();
  const path = `/v1/actors/schedule:${id}/events`;
  const body = { type: "schedule.pause" };
  const headers = { "x-holdfast-caller": "agent-2" };
  const response = await world.call("POST", path, { body, headers });
  assertEquals(response.status, 403);
  assertStringIncludes((await response.json()).detail, "use it");
});
