/** What people tell a goal: to pause, to go on, to wait, to end; in every state that it can be in. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import { HOUR, MINUTE, SECOND, type Work } from "./automation_stage.ts";
import { CLAIM, CONFIRMED, GoalStage, HANGS, LONG } from "./goal_stage.ts";

const DELAYS: Work = { report: { delay: { seconds: 3_600, reason: "CI is busy" } } };

/** A goal in each state in which nothing has been decided yet. */
const STATES: { readonly [state: string]: () => Promise<GoalStage> } = {
  "active.iterating": () =>
    GoalStage.start({}, { session: "s", setUp: (goal) => goal.iteration = () => HANGS }),
  "active.auditing": async () => {
    const goal = await GoalStage.start({}, {
      session: "s",
      setUp: (goal) => {
        goal.iteration = () => ({ report: CLAIM });
        goal.audit = () => HANGS;
      },
    });
    await goal.pass(LONG + SECOND);
    return goal;
  },
  "active.delayed": async () => {
    const goal = await GoalStage.start({}, {
      session: "s",
      setUp: (goal) => goal.iteration = (number) => number === 1 ? DELAYS : {},
    });
    await goal.pass(LONG + SECOND);
    return goal;
  },
  waitingForSession: async () => {
    const goal = await GoalStage.start({}, { session: "s" });
    await goal.person("gate.take", "s", { holdMs: HOUR });
    await goal.pass(MINUTE);
    return goal;
  },
};

for (const [state, make] of Object.entries(STATES)) {
  Deno.test(`goal that is ${state} is paused at once, leaves nothing running, and goes on when resumed`, async () => {
    const goal = await make();
    assertEquals(await goal.state(), state);
    const began = goal.kinds.length;
    await goal.send({ type: "goal.pause", reason: "Lunch" });
    const { paused, delay, step } = await goal.context();
    assertEquals([await goal.state(), paused], ["paused", { reason: "person", detail: "Lunch" }]);
    assertEquals([delay, step], [null, null]);
    assertEquals(await runningTasks(goal), []);
    // Who paused it knows.
    assertEquals(goal.world.notifications, []);
    assert(await goal.holder("s") !== "goal:goal_1");
    await goal.pass(2 * HOUR);
    assertEquals([await goal.state(), goal.kinds.length], ["paused", began]);
    await goal.send({ type: "goal.resume" });
    await goal.pass(SECOND);
    const { paused: after } = await goal.context();
    assertEquals([after, goal.kinds.length], [null, began + 1]);
    assertEquals(await goal.state(), state === "active.auditing" ? state : "active.iterating");
  });

  Deno.test(`goal that is ${state} is cancelled at once, and leaves nothing running`, async () => {
    const goal = await make();
    const began = goal.kinds.length;
    await goal.send({ type: "goal.cancel", reason: "No use" });
    const { endedAt, reason, step } = await goal.context();
    assertEquals([await goal.state(), endedAt, reason, step], [
      "cancelled",
      goal.now,
      "No use",
      null,
    ]);
    assertEquals(await runningTasks(goal), []);
    assert(await goal.holder("s") !== "goal:goal_1");
    await goal.pass(60 * HOUR);
    assertEquals([await goal.state(), goal.kinds.length], ["cancelled", began]);
    for (const type of ["goal.resume", "goal.pause", "goal.complete", "goal.cancel"]) {
      await assertRejects(() => goal.send({ type }), NotAcceptedError);
    }
  });
}

Deno.test("goal that is paused is cancelled, too", async () => {
  const goal = await GoalStage.start();
  await goal.send({ type: "goal.pause" });
  await goal.send({ type: "goal.cancel" });
  assertEquals([await goal.state(), (await goal.context()).paused], ["cancelled", null]);
});

Deno.test("goal counts what a step that was called off has used", async () => {
  for (const type of ["goal.pause", "goal.cancel"]) {
    const goal = await GoalStage.start({}, { setUp: (goal) => goal.iteration = () => HANGS });
    const { step } = await goal.context();
    await goal.pass(MINUTE);
    await progress(goal, step?.task ?? "", { inputTokens: 70, outputTokens: 30, costUsd: 0.5 });
    await goal.send({ type });
    const { spent, last } = await goal.context();
    assertEquals(spent, { tokens: 100, costUsd: 0.5 });
    assertEquals([last?.state, last?.workedMs], ["cancelled", MINUTE]);
  }
});

Deno.test("goal that is claimed while it is paused is audited, and goes on where it is sent back", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.audit = (number) => ({ report: number === 2 ? CONFIRMED : {} }),
  });
  await goal.send({ type: "goal.pause" });
  await goal.send({ type: "goal.complete", by: "ada" });
  assertEquals(await goal.state(), "active.auditing");
  await goal.pass(LONG + SECOND);
  assertEquals(await goal.state(), "active.iterating");
});

Deno.test("goal that is paused in its audit audits the same claim when it is resumed", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: CLAIM });
      goal.audit = () => ({ report: CONFIRMED });
    },
  });
  await goal.pass(LONG + MINUTE);
  await goal.send({ type: "goal.pause" });
  await goal.pass(HOUR);
  await goal.send({ type: "goal.resume" });
  await goal.until("complete", HOUR);
  assertEquals(goal.kinds, ["iteration", "audit", "audit"]);
});

for (
  const [seconds, waits] of [[60, 60], [43_200, 43_200], [1, 60], [1e9, 43_200]] as const
) {
  Deno.test(`goal whose worker asks for a delay of ${seconds} s waits ${waits} s`, async () => {
    const goal = await GoalStage.start({}, {
      setUp: (goal) => goal.iteration = () => ({ report: { delay: { seconds, reason: "CI" } } }),
    });
    await goal.pass(LONG + waits * SECOND - SECOND);
    const { delay } = await goal.context();
    assertEquals([await goal.state(), delay?.reason], ["active.delayed", "CI"]);
    await goal.pass(2 * SECOND);
    assertEquals([await goal.state(), goal.kinds.length], ["active.iterating", 2]);
    assertEquals((await goal.context()).delay, null);
  });
}

Deno.test("goal waits from goal.delay on, whatever it is at, and not before its step has ended", async () => {
  const goal = await GoalStage.start();
  await goal.send({ type: "goal.delay", seconds: 3_600, reason: "CI" });
  assertEquals(await goal.state(), "active.iterating");
  await goal.pass(LONG + SECOND);
  assertEquals(await goal.state(), "active.delayed");
  await goal.pass(HOUR - LONG - 2 * SECOND);
  assertEquals(await goal.state(), "active.delayed");
  await goal.pass(2 * SECOND);
  assertEquals([await goal.state(), goal.kinds.length], ["active.iterating", 2]);
});

Deno.test("goal forgets a delay that is over before its step is", async () => {
  const goal = await GoalStage.start();
  await goal.send({ type: "goal.delay", seconds: 60 });
  await goal.pass(LONG + SECOND);
  assertEquals([await goal.state(), goal.kinds.length], ["active.iterating", 2]);
  assertEquals((await goal.context()).delay, null);
});

for (
  const [name, event, state] of [
    ["a delay of 0", { type: "goal.delay", seconds: 0 }, "active.iterating"],
    ["a longer delay", { type: "goal.delay", seconds: 43_200 }, "active.delayed"],
    ["goal.complete", { type: "goal.complete" }, "active.auditing"],
    ["goal.pause", { type: "goal.pause" }, "paused"],
  ] as const
) {
  Deno.test(`goal that is delayed is ${state} after ${name}`, async () => {
    const goal = await GoalStage.start({}, {
      setUp: (goal) => goal.iteration = (number) => number === 1 ? DELAYS : HANGS,
    });
    await goal.pass(LONG + SECOND);
    await goal.send(event);
    const { delay } = await goal.context();
    assertEquals(await goal.state(), state);
    assertEquals(delay?.until ?? null, state === "active.delayed" ? goal.now + 43_200_000 : null);
    await goal.pass(HOUR + SECOND);
    if (state !== "active.auditing") assertEquals(await goal.state(), state);
  });
}

Deno.test("goal waits, too, when it is told to while it asks for its session", async () => {
  const goal = await (STATES["waitingForSession"] ?? GoalStage.start)();
  await goal.send({ type: "goal.delay", seconds: 7_200 });
  assertEquals(await goal.state(), "active.delayed");
  await goal.person("gate.leave", "s");
  await goal.pass(HOUR);
  assertEquals([await goal.state(), await goal.holder("s")], ["active.delayed", null]);
  await goal.pass(HOUR + SECOND);
  assertEquals([await goal.state(), await goal.holder("s")], ["active.iterating", "goal:goal_1"]);
});

Deno.test("goal that claims and asks for a delay at once is audited, and does not wait then", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = () => ({ report: { ...DELAYS.report, ...CLAIM } }),
  });
  await goal.pass(2 * LONG + SECOND);
  assertEquals([await goal.state(), goal.kinds], [
    "active.iterating",
    ["iteration", "audit", "iteration"],
  ]);
});

async function runningTasks(goal: GoalStage): Promise<string[]> {
  const tasks = await goal.world.tasksOf("goal:goal_1");
  return tasks.filter(({ status }) => status === "active").map(({ id }) => id);
}

/** What an agent tells while it works. */
async function progress(goal: GoalStage, task: string, progress: object): Promise<void> {
  await goal.world.send(task, { type: "executor.progress", progress });
}
