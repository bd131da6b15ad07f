/** What keeps a goal from going on for ever: its budget, and what tells a runaway. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import { HOUR, MINUTE, SECOND, type Work } from "./automation_stage.ts";
import { CLAIM, CONFIRMED, GoalStage, HANGS, LONG } from "./goal_stage.ts";

const SHORT: Work = { ms: 3 * MINUTE - SECOND };

Deno.test("goal pauses after five short iterations in a row, and goes on when it is resumed", async () => {
  const goal = await GoalStage.start({}, { setUp: (goal) => goal.iteration = () => SHORT });
  await goal.until("paused", HOUR);
  assertEquals(goal.count("iteration"), 5);
  const { paused } = await goal.context();
  assertEquals(paused, {
    reason: "runaway",
    detail: "5 iterations in a row took less than 3 min",
  });
  assertEquals(goal.world.notifications.map(({ type, address }) => [type, address]), [
    ["goal.paused", "goal:goal_1"],
  ]);
  await goal.pass(HOUR);
  assertEquals(goal.count("iteration"), 5);
  await goal.send({ type: "goal.resume" });
  await goal.until("paused", HOUR);
  assertEquals(goal.count("iteration"), 10);
});

Deno.test("goal whose iterations take three minutes, or fail after a while, is no runaway", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = () => ({ ms: 3 * MINUTE, exitCode: 1 }),
  });
  await goal.pass(HOUR);
  assertEquals([await goal.state(), goal.count("iteration")], ["active.iterating", 20]);
});

Deno.test("goal with a long iteration in between is no runaway", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = (number) => number === 5 ? {} : SHORT,
  });
  await goal.until("paused", HOUR);
  assertEquals(goal.count("iteration"), 10);
});

Deno.test("goal whose tasks cannot even begin pauses as a runaway", async () => {
  const goal = await GoalStage.start({ task: { command: ["work"], executor: "none" } });
  await goal.until("paused", HOUR);
  const { paused, last, iteration } = await goal.context();
  assertEquals([paused?.reason, last?.state, iteration], ["runaway", "failed", 5]);
  assertStringIncludes(last?.error ?? "", 'executor "none" is not one of command');
});

Deno.test("goal counts no iteration that a person pre-empted", async () => {
  const goal = await GoalStage.start({}, {
    session: "s",
    setUp: (goal) => goal.iteration = () => HANGS,
  });
  for (let count = 0; count < 10; count++) {
    await goal.pass(MINUTE);
    await goal.person("gate.take", "s");
    await goal.pass(0);
    assertEquals(await goal.state(), "waitingForSession");
    await goal.person("gate.leave", "s");
    await goal.pass(10 * SECOND);
  }
  const { guard, iteration } = await goal.context();
  assertEquals([await goal.state(), guard.shortInRow, iteration], ["active.iterating", 0, 11]);
});

Deno.test("goal pauses when what its audit finds has not changed for five iterations", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: CLAIM });
      goal.audit = () => ({ report: { audit: "missing", findings: ["No docs"] } });
    },
  });
  await goal.until("paused", 2 * HOUR);
  assertEquals([goal.count("iteration"), goal.count("audit")], [6, 6]);
  const { paused } = await goal.context();
  assertEquals(paused, {
    reason: "noProgress",
    detail: "What the audit found has not changed for 5 iterations",
  });
  // What was found still stands, so that it is not news.
  await goal.send({ type: "goal.resume" });
  await goal.until("paused", 2 * HOUR);
  assertEquals([goal.count("iteration"), goal.count("audit")], [11, 11]);
});

Deno.test("goal that never claims again after an audit pauses, too", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = (number) => ({ report: number === 1 ? CLAIM : {} }),
  });
  await goal.until("paused", 2 * HOUR);
  assertEquals([goal.count("iteration"), goal.count("audit")], [6, 1]);
  assertEquals((await goal.context()).paused?.reason, "noProgress");
});

Deno.test("goal goes on while its audits find something else each time", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: CLAIM });
      goal.audit = (number) => ({ report: { audit: "missing", findings: [`Fault ${number}`] } });
    },
  });
  await goal.pass(4 * HOUR);
  assertEquals([await goal.state(), goal.count("audit") > 20], ["active.auditing", true]);
});

Deno.test("goal that a person claims after the guard has stopped it is audited, and then stands still again", async () => {
  const goal = await GoalStage.start({}, { setUp: (goal) => goal.iteration = () => SHORT });
  await goal.until("paused", HOUR);
  await goal.send({ type: "goal.complete" });
  await goal.pass(LONG + SECOND);
  assertEquals([await goal.state(), goal.kinds.at(-1)], ["paused", "audit"]);
  goal.audit = () => ({ report: CONFIRMED });
  await goal.send({ type: "goal.complete" });
  await goal.until("complete", HOUR);
});

for (
  const [name, budget, usage] of [
    ["tokens", { tokens: 100, usd: null }, { tokens: 50 }],
    ["dollars", { tokens: null, usd: 1 }, { costUsd: 0.5 }],
  ] as const
) {
  Deno.test(`goal that has used its ${name} up pauses, and begins nothing more until it has others`, async () => {
    const goal = await GoalStage.start({ budget }, {
      setUp: (goal) => goal.iteration = () => ({ report: { usage } }),
    });
    await goal.until("paused", HOUR);
    const { paused, spent } = await goal.context();
    assertEquals([goal.count("iteration"), paused?.reason], [2, "budget"]);
    assertStringIncludes(
      paused?.detail ?? "",
      `Used ${spent.tokens} tokens and ${spent.costUsd} USD`,
    );
    await assertRejects(() => goal.send({ type: "goal.resume" }), NotAcceptedError);
    await goal.send({ type: "goal.complete" });
    assertEquals([await goal.state(), goal.kinds.length], ["paused", 2]);
    await goal.configure({ budget: { tokens: 150, usd: 1.5 } });
    assertEquals(await goal.state(), "paused");
    await goal.send({ type: "goal.resume" });
    // Its claim still stands.
    assertEquals(await goal.state(), "active.auditing");
    await goal.until("paused", HOUR);
    assertEquals(goal.kinds, ["iteration", "iteration", "audit", "iteration"]);
  });
}

Deno.test("goal counts what its audits use", async () => {
  const goal = await GoalStage.start({ budget: { tokens: 100, usd: null } }, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: { ...CLAIM, usage: { tokens: 40, costUsd: 0.25 } } });
      goal.audit = () => ({ report: { usage: { tokens: 30, costUsd: 0.5 } } });
    },
  });
  await goal.until("paused", HOUR);
  assertEquals(goal.kinds, ["iteration", "audit", "iteration"]);
  assertEquals((await goal.context()).spent, { tokens: 110, costUsd: 1 });
});

Deno.test("goal counts what the audit uses that completes it", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: { ...CLAIM, usage: { tokens: 40, costUsd: 0.25 } } });
      goal.audit = () => ({ report: { ...CONFIRMED, usage: { tokens: 30, costUsd: 0.5 } } });
    },
  });
  await goal.until("complete", HOUR);
  const { spent, last } = await goal.context();
  assertEquals([spent, last?.kind], [{ tokens: 70, costUsd: 0.75 }, "audit"]);
});

for (
  const [name, costUsd, usd, iterations] of [
    ["small", 0.1, 0.8, 8],
    ["absurd", 1e308, 1e9, 1],
  ] as const
) {
  Deno.test(`goal adds ${name} costs up without losing any`, async () => {
    const goal = await GoalStage.start({ budget: { tokens: null, usd } }, {
      setUp: (goal) => goal.iteration = () => ({ report: { usage: { costUsd } } }),
    });
    await goal.until("paused", 2 * HOUR);
    assertEquals(goal.count("iteration"), iterations);
    await goal.world.restart();
    await assertRejects(() => goal.send({ type: "goal.resume" }), NotAcceptedError);
  });
}

Deno.test("goal whose budget cannot be gone keeps what it has used a number", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = () => ({ report: { usage: { tokens: 1e308 } } }),
  });
  await goal.pass(3 * LONG + SECOND);
  await goal.world.restart();
  assertEquals((await goal.context()).spent, { tokens: Number.MAX_SAFE_INTEGER, costUsd: 0 });
});

Deno.test("goal whose budget is gone at its deadline has no last iteration", async () => {
  const goal = await GoalStage.start({ budget: { tokens: 1, usd: null } }, {
    timeMs: LONG - MINUTE,
    setUp: (goal) => goal.iteration = () => HANGS,
  });
  const { step } = await goal.context();
  await goal.world.send(step?.task ?? "", {
    type: "executor.progress",
    progress: { inputTokens: 5 },
  });
  await goal.pass(LONG);
  assertEquals([await goal.state(), goal.kinds], ["paused", ["iteration"]]);
});

Deno.test("goal whose budget is made smaller while it waits begins nothing more", async () => {
  const goal = await GoalStage.start({}, {
    session: "s",
    setUp: (goal) => goal.iteration = () => ({ report: { usage: { tokens: 50 } } }),
  });
  await goal.pass(LONG - SECOND);
  await goal.person("gate.take", "s", { holdMs: MINUTE });
  goal.iteration = () => HANGS;
  await goal.pass(2 * MINUTE);
  const { step } = await goal.context();
  await goal.world.send(step?.task ?? "", {
    type: "executor.progress",
    progress: { inputTokens: 5 },
  });
  await goal.person("gate.take", "s", { holdMs: MINUTE });
  await goal.pass(0);
  assertEquals(await goal.state(), "waitingForSession");
  const began = goal.kinds.length;
  await goal.configure({ budget: { tokens: 5, usd: null } });
  await goal.pass(5 * MINUTE);
  assertEquals([await goal.state(), goal.kinds.length], ["paused", began]);
});
