/** A goal's time: what may begin and go on until when, and what comes after. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./automation_stage.ts";
import { CLAIM, CONFIRMED, GoalStage, HANGS, LONG } from "./goal_stage.ts";

/** A goal that has so much time. */
function withTime(
  timeMs: number,
  setUp: (goal: GoalStage) => void = () => {},
  more: { session?: string } = {},
): Promise<GoalStage> {
  return GoalStage.start({}, { ...more, timeMs, setUp });
}

Deno.test("goal whose deadline passes has one last iteration, and has timed out", async () => {
  const goal = await withTime(2 * LONG + MINUTE);
  await goal.pass(2 * LONG + 2 * MINUTE);
  assertEquals([goal.kinds, await goal.state()], [
    ["iteration", "iteration", "iteration", "last"],
    "active.iterating",
  ]);
  const { last } = await goal.context();
  assertEquals([last?.state, last?.stopped], ["cancelled", "deadline"]);
  assertEquals(goal.begun.at(-1)?.input.prompt, "stop");
  await goal.until("timeout", LONG);
  assertEquals(goal.kinds.length, 4);
  assertEquals(goal.world.notifications.map(({ type }) => type), ["goal.timeout"]);
  assertEquals((await goal.context()).last?.kind, "last");
});

Deno.test("goal gives an iteration what is left of its time, and never more than its task has", async () => {
  const goal = await withTime(4 * HOUR, (goal) => goal.iteration = () => HANGS);
  await goal.pass(5 * HOUR);
  const tasks = await goal.world.tasksOf("goal:goal_1");
  const limits = tasks.map(({ context }) =>
    (context["settings"] as { timeoutMs: number }).timeoutMs
  );
  assertEquals(limits, [150 * MINUTE, 90 * MINUTE, 10 * MINUTE]);
  assertEquals(goal.kinds, ["iteration", "iteration", "last"]);
  assertEquals((goal.begun[2]?.at ?? 0) - (goal.begun[0]?.at ?? 0), 4 * HOUR);
});

Deno.test("goal takes the limit of its own task where that is less", async () => {
  const goal = await GoalStage.start({ task: { command: ["work"], timeoutMs: HOUR } }, {
    setUp: (goal) => goal.iteration = () => HANGS,
  });
  await goal.pass(HOUR + SECOND);
  assertEquals(goal.kinds, ["iteration", "iteration"]);
  assertEquals((await goal.context()).last?.state, "timedOut");
});

Deno.test("goal calls off an iteration that waits for its turn when the deadline passes", async () => {
  const goal = await withTime(HOUR, (goal) => {
    const { stage } = goal.world;
    void stage.system.setPool("system", 0);
  });
  await goal.pass(HOUR - SECOND);
  assertEquals([await goal.taskState(), goal.kinds], ["queued", []]);
  await goal.pass(2 * SECOND);
  const { last } = await goal.context();
  assertEquals([last?.state, last?.stopped], ["cancelled", "deadline"]);
  // So does the last one, for ten minutes.
  assertEquals([await goal.state(), await goal.taskState()], ["active.iterating", "queued"]);
  await goal.pass(10 * MINUTE);
  assertEquals([await goal.state(), await goal.taskState()], ["timeout", "cancelled"]);
  assertEquals(goal.kinds, []);
});

Deno.test("goal waits ten minutes for its last iteration, whatever that does", async () => {
  const goal = await withTime(HOUR, (goal) => goal.last = goal.iteration = () => HANGS);
  await goal.pass(HOUR + 10 * MINUTE - SECOND);
  assertEquals([await goal.state(), goal.kinds.at(-1)], ["active.iterating", "last"]);
  await goal.pass(2 * SECOND);
  assertEquals(await goal.state(), "timeout");
  assert(["cancelled", "timedOut"].includes(await goal.taskState()));
  const { last, step } = await goal.context();
  assertEquals([last?.kind, step], ["last", null]);
});

Deno.test("goal waits ten minutes for a session in which a person is at work, and has timed out", async () => {
  const goal = await withTime(HOUR, () => {}, { session: "s" });
  await goal.pass(HOUR - MINUTE);
  await goal.person("gate.take", "s", { holdMs: DAY });
  await goal.pass(2 * MINUTE);
  assertEquals([await goal.state(), (await goal.context()).step], ["active.iterating", null]);
  await goal.pass(10 * MINUTE);
  assertEquals([await goal.state(), goal.count("last")], ["timeout", 0]);
  assertEquals(await goal.holder("s"), "ada");
});

Deno.test("goal takes its session for the last iteration when the person leaves in time", async () => {
  const goal = await withTime(HOUR, () => {}, { session: "s" });
  await goal.pass(HOUR - MINUTE);
  await goal.person("gate.take", "s", { holdMs: 5 * MINUTE });
  await goal.pass(5 * MINUTE + 20 * SECOND);
  assertEquals([await goal.state(), goal.count("last")], ["active.iterating", 1]);
  assertEquals(await goal.holder("s"), "goal:goal_1");
  await goal.until("timeout", 10 * MINUTE);
  assertEquals(await goal.holder("s"), null);
});

Deno.test("goal whose last iteration a person pre-empts has timed out", async () => {
  const goal = await withTime(HOUR, (goal) => goal.last = () => HANGS, { session: "s" });
  await goal.pass(HOUR + MINUTE);
  await goal.person("gate.take", "s");
  await goal.pass(0);
  assertEquals([await goal.state(), await goal.taskState()], ["timeout", "cancelled"]);
  assertEquals((await goal.context()).last?.stopped, "preempted");
});

Deno.test("goal has its last iteration out of a delay", async () => {
  const goal = await withTime(HOUR, (goal) => {
    goal.iteration = () => ({ report: { delay: { seconds: 43_200, reason: "CI" } } });
  });
  await goal.pass(HOUR + SECOND);
  assertEquals(goal.kinds, ["iteration", "last"]);
  assertEquals((await goal.context()).delay, null);
});

Deno.test("goal whose audit is underway at the deadline is not complete", async () => {
  const goal = await withTime(LONG + MINUTE, (goal) => {
    goal.iteration = () => ({ report: CLAIM });
    goal.audit = () => ({ report: CONFIRMED });
  });
  await goal.until("timeout", HOUR);
  assertEquals(goal.kinds, ["iteration", "audit", "last"]);
});

Deno.test("goal that says after its last iteration that it is complete has timed out", async () => {
  const goal = await withTime(LONG - MINUTE, (goal) => goal.last = () => ({ report: CLAIM }));
  await goal.until("timeout", HOUR);
  assertEquals(goal.kinds, ["iteration", "last"]);
});

Deno.test("goal made after its deadline has its last iteration alone", async () => {
  const goal = await withTime(-HOUR);
  await goal.until("timeout", LONG + MINUTE);
  assertEquals(goal.kinds, ["last"]);
});

Deno.test("goal heeds a deadline that is moved, earlier or later, in every state", async () => {
  const goal = await withTime(DAY, (goal) => goal.iteration = () => HANGS);
  await goal.configure({ deadlineAt: goal.now + HOUR });
  await goal.pass(HOUR + SECOND);
  assertEquals(goal.kinds, ["iteration", "last"]);
  // Somebody grants it another hour while it clears up.
  await goal.configure({ deadlineAt: goal.now + HOUR });
  await goal.pass(LONG);
  assertEquals([await goal.state(), goal.kinds.at(-1)], ["active.iterating", "iteration"]);
  await goal.send({ type: "goal.pause" });
  await goal.configure({ deadlineAt: goal.now + 2 * HOUR });
  await goal.send({ type: "goal.resume" });
  await goal.pass(2 * HOUR - SECOND);
  assertEquals(goal.count("last"), 1);
  await goal.until("timeout", HOUR);
  assertEquals(goal.count("last"), 2);
});

Deno.test("goal heeds a later deadline while it waits for its session for the last time", async () => {
  const goal = await withTime(HOUR, () => {}, { session: "s" });
  await goal.pass(HOUR - MINUTE);
  await goal.person("gate.take", "s", { holdMs: DAY });
  await goal.pass(5 * MINUTE);
  await goal.configure({ deadlineAt: goal.now + HOUR });
  assertEquals(await goal.state(), "waitingForSession");
  await goal.pass(HOUR - MINUTE);
  assertEquals(await goal.state(), "waitingForSession");
  await goal.until("timeout", 20 * MINUTE);
});

Deno.test("goal whose deadline passes while it is paused has its last iteration when it is resumed", async () => {
  const goal = await withTime(HOUR);
  await goal.send({ type: "goal.pause" });
  await goal.pass(2 * HOUR);
  assertEquals([await goal.state(), goal.kinds], ["paused", ["iteration"]]);
  await goal.send({ type: "goal.resume" });
  await goal.until("timeout", HOUR);
  assertEquals(goal.kinds, ["iteration", "last"]);
});

Deno.test("goal cannot be paused, delayed or claimed in its last iteration, but cancelled", async () => {
  const goal = await withTime(HOUR, (goal) => goal.last = () => HANGS);
  await goal.pass(HOUR + MINUTE);
  for (const type of ["goal.pause", "goal.delay", "goal.complete", "goal.resume"]) {
    await assertRejects(() => goal.send({ type, seconds: 60 }), NotAcceptedError);
  }
  await goal.send({ type: "goal.cancel" });
  assertEquals([await goal.state(), await goal.taskState()], ["cancelled", "cancelled"]);
});

for (const phase of ["iteration", "wait for the session", "delay", "audit"]) {
  Deno.test(`goal whose deadline passes while no server is up, in its ${phase}, begins nothing but the last iteration`, async () => {
    const goal = await withTime(HOUR, (goal) => {
      if (phase === "iteration") goal.iteration = () => HANGS;
      if (phase === "audit") goal.audit = () => HANGS;
      const report = { delay: { seconds: 43_200, reason: "CI" } };
      if (phase === "delay") goal.iteration = () => ({ report });
      if (phase === "audit") goal.iteration = () => ({ report: CLAIM });
    }, { session: "s" });
    await goal.pass(LONG + MINUTE);
    if (phase === "wait for the session") {
      await goal.person("gate.take", "s", { holdMs: 30 * MINUTE });
      await goal.pass(MINUTE);
      assertEquals(await goal.state(), "waitingForSession");
    }
    const before = (await goal.world.tasksOf("goal:goal_1")).length;
    await goal.world.restart(2 * HOUR);
    await goal.until("timeout", 15 * MINUTE);
    const tasks = (await goal.world.tasksOf("goal:goal_1")).slice(before).map(({ id }) => id);
    assertEquals(tasks.map((id) => id.split("_")[3]), ["last"]);
    assertEquals(await goal.holder("s"), null);
  });
}
