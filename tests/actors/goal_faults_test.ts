/** Goals when things go wrong: servers die, executors are lost, tasks cannot be made or reached. */
import { assertEquals, assertMatch } from "@std/assert";
import { HOUR, MINUTE, SECOND } from "./automation_stage.ts";
import { CLAIM, CONFIRMED, GOAL, GoalStage, HANGS, LONG } from "./goal_stage.ts";

const WHEN = ["before", "torn", "after"] as const;

/** A goal whose second audit confirms: three iterations, two audits. */
function busy(goal: GoalStage): void {
  goal.iteration = (_, input) => stepNumber(input) === "2" ? {} : { report: CLAIM };
  goal.audit = (_, input) => ({ report: stepNumber(input) === "1" ? {} : CONFIRMED });
}

/** Which iteration or audit it is; what a crash cut off is the same again. */
function stepNumber({ taskId }: { taskId: string }): string | undefined {
  return taskId.split("_")[4];
}

/** Another server whose definition nobody can take the old tasks over to. */
async function blockTasks({ world: { stage } }: GoalStage): Promise<void> {
  stage.crash();
  const migrate = {
    1: () => {
      throw new Error("Cannot migrate: too old");
    },
  };
  stage.kinds = stage.kinds.map((kind) =>
    kind.name === "task" ? { ...kind, version: 2, migrate } : kind
  );
  await stage.boot();
}

for (const when of WHEN) {
  Deno.test(`goal comes to its end though the server dies ${when} a commit, whichever`, async () => {
    for (let count = 0;; count++) {
      const goal = await GoalStage.start({}, { session: "s", setUp: busy });
      const { stage } = goal.world;
      for (let fate = 0; fate < count; fate++) stage.fates.push({ type: "stands" });
      stage.fates.push({ type: "dies", when });
      const beyond = await diesWithin(goal, 2 * HOUR);
      if (beyond) await goal.world.restart(MINUTE);
      await goal.until("complete", 3 * HOUR);
      const { iteration, audits, spent } = await goal.context();
      assertEquals([iteration, audits, spent.tokens], [3, 2, 0], `commit ${count}`);
      assertEquals(await goal.holder("s"), null);
      assertEquals(await goal.world.stage.during(stage.store.countDeadLetters()), 0);
      if (!beyond) break;
    }
  });
}

Deno.test("goal whose server dies in an iteration has the iteration's task tried again", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = (number) => number === 1 ? HANGS : {},
  });
  await goal.pass(MINUTE);
  await goal.world.restart(MINUTE);
  await goal.pass(MINUTE);
  const tasks = goal.begun.map(({ input }) => [input.taskId, input.attempt]);
  assertEquals(tasks.length, 2);
  assertEquals([tasks[0]?.[0] === tasks[1]?.[0], tasks[1]?.[1]], [true, 2]);
  assertEquals((await goal.context()).iteration, 1);
});

Deno.test("goal whose iterations are cut off again and again goes on with the next", async () => {
  const goal = await GoalStage.start({}, { setUp: (goal) => goal.iteration = () => HANGS });
  for (let count = 0; count < 2; count++) {
    await goal.pass(MINUTE);
    await goal.world.restart(MINUTE);
    await goal.pass(MINUTE);
  }
  const { last, iteration } = await goal.context();
  assertEquals([last?.state, iteration], ["failed", 2]);
  assertMatch(last?.error ?? "", /restart/);
});

Deno.test("goal whose audit is cut off by a restart audits again by itself", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: CLAIM });
      goal.audit = (number) => number === 1 ? HANGS : { report: CONFIRMED };
    },
  });
  await goal.pass(LONG + MINUTE);
  await goal.world.restart(MINUTE);
  await goal.until("complete", HOUR);
  assertEquals((await goal.context()).audits, 1);
});

Deno.test("goal whose task cannot be made counts a short iteration, and pauses after five", async () => {
  const command = Array.from({ length: 8 }, () => "{{objective}}".repeat(20));
  const goal = await GoalStage.start({ objective: "x".repeat(402), task: { command } });
  await goal.pass(MINUTE);
  const { last, paused } = await goal.context();
  assertEquals([await goal.state(), paused?.reason], ["paused", "runaway"]);
  assertEquals([last?.state, goal.kinds], ["missing", []]);
});

Deno.test("goal whose task grows too large with what its worker says goes on to its end", async () => {
  const command = ["work", ...Array.from({ length: 40 }, () => "{{lastResult}}")];
  const goal = await GoalStage.start({ task: { command } }, {
    timeMs: HOUR,
    setUp: (goal) => goal.iteration = () => ({ output: "x".repeat(2_000) }),
  });
  await goal.pass(LONG + MINUTE);
  const { last, paused } = await goal.context();
  assertEquals([await goal.state(), paused?.reason, goal.kinds], ["paused", "runaway", [
    "iteration",
  ]]);
  assertEquals(last?.state, "missing");
  assertMatch(last?.error ?? "", /could not be made: .* too large/);
  await goal.send({ type: "goal.cancel" });
  assertEquals(await goal.state(), "cancelled");
});

Deno.test("goal whose texts are so long that they are stored apart pauses, too", async () => {
  const goal = await GoalStage.start({ objective: "x".repeat(9_000) });
  await goal.pass(MINUTE);
  assertEquals([await goal.state(), (await goal.context()).paused?.reason], ["paused", "runaway"]);
});

Deno.test("goal goes on a minute later without a task that it cannot reach, and ends in time", async () => {
  const goal = await GoalStage.start({}, { setUp: (goal) => goal.iteration = () => HANGS });
  await goal.pass(MINUTE);
  await blockTasks(goal);
  await goal.send({ type: "goal.pause" });
  assertEquals(await goal.state(), "active.iterating");
  await goal.pass(MINUTE + SECOND);
  const { last } = await goal.context();
  assertEquals([await goal.state(), last?.state], ["paused", "unknown"]);
  await goal.send({ type: "goal.resume" });
  // Nobody can say that the old one is dead: what comes after it waits for its place.
  assertEquals([await goal.state(), await goal.taskState()], ["active.iterating", "queued"]);
  await goal.pass(48 * HOUR + 12 * MINUTE);
  assertEquals(await goal.state(), "timeout");
});

Deno.test("goal whose task nobody can reach is cancelled by asking twice", async () => {
  const goal = await GoalStage.start({}, {
    session: "s",
    setUp: (goal) => goal.iteration = () => HANGS,
  });
  await goal.pass(MINUTE);
  await blockTasks(goal);
  await goal.send({ type: "goal.cancel" });
  assertEquals([await goal.state(), await goal.holder("s")], ["active.iterating", GOAL]);
  await goal.send({ type: "goal.cancel" });
  assertEquals([await goal.state(), await goal.holder("s")], ["cancelled", null]);
});

Deno.test("goal whose worker prints reports without end heeds the last of them, and is not hurt", async () => {
  const spam = Array.from({ length: 5_000 }, (_, index) => {
    const claim = index % 2 === 0 ? { goal: "complete" } : { findings: [`${index}`.repeat(50)] };
    return `@holdfast ${JSON.stringify({ ...claim, summary: `say ${index}` })}`;
  });
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = (number) => number === 1 ? { output: spam.join("\n") } : {},
  });
  await goal.pass(LONG + SECOND);
  const { claim } = await goal.context();
  assertEquals([await goal.state(), claim?.summary], ["active.auditing", "say 4999"]);
});

Deno.test("goal makes no task that could run beside one of its own that is still being ended", async () => {
  const goal = await GoalStage.start({ task: { command: ["work"], key: { name: "mine" } } }, {
    setUp: (goal) => goal.iteration = () => ({ report: CLAIM }),
  });
  await goal.pass(2 * LONG + SECOND);
  const tasks = await goal.world.tasksOf(GOAL);
  const keys = tasks.map(({ context }) => (context["settings"] as { key: unknown }).key);
  assertEquals(keys, [{ name: "mine" }, { name: GOAL }, { name: "mine" }]);
});

Deno.test("goal hands no program what it could not be started with, whatever another has said", async () => {
  const templates = { continue: "{{lastResult}}", timeout: "stop", audit: "{{claim}}" };
  const goal = await GoalStage.start({ templates }, {
    setUp: (goal) => {
      goal.iteration = () => ({ report: { goal: "complete", summary: "a\0b\ud800" } });
    },
  });
  await goal.pass(2 * LONG + SECOND);
  const prompts = goal.begun.map(({ input }) => input.prompt);
  assertEquals(prompts, ["", "a\ufffdb\ufffd", "a\ufffdb\ufffd"]);
});

Deno.test("goal fills in all the variables of its templates, in prompts and commands", async () => {
  const names = [
    ...["objective", "now", "deadline", "elapsed", "remaining", "iteration", "lastResult"],
    ...["findings", "claim", "goal", "scope"],
  ];
  const text = `stop? ${names.map((name) => `${name}={{${name}}}`).join(";")}`;
  const prompt = text.replace("stop?", "go");
  const goal = await GoalStage.start({
    templates: { continue: prompt, timeout: text, audit: prompt },
    task: { command: ["work", "{{iteration}}", "{{prompt}}"] },
  }, {
    scope: "docs",
    timeMs: 3 * LONG + MINUTE,
    setUp: (goal) => {
      goal.iteration = () => ({ report: CLAIM });
      goal.audit = () => ({ report: { audit: "missing", findings: ["A", "B"] } });
    },
  });
  await goal.until("timeout", HOUR);
  assertEquals(goal.kinds, ["iteration", "audit", "iteration", "audit", "last"]);
  const [first, audit, second, , last] = goal.begun.map(({ input }) => input.prompt ?? "");
  assertMatch(
    first ?? "",
    /^go objective=All tests pass;now=2030-\S+Z;deadline=2030-\S+Z;elapsed=0 s;remaining=16 min;iteration=1;lastResult=;findings=;claim=;goal=goal_1;scope=docs$/,
  );
  assertMatch(audit ?? "", /elapsed=5 min.*;iteration=1;lastResult=All is green;.*;claim=All is/s);
  assertMatch(second ?? "", /iteration=2;.*;findings=- A\n- B;claim=;/s);
  assertMatch(last ?? "", /^stop\? .*;remaining=0 s;iteration=3;/s);
  assertEquals(goal.begun[0]?.input.command, ["work", "1", first]);
});

/** Lets time pass until the server dies; false where it does not. */
async function diesWithin(goal: GoalStage, ms: number): Promise<boolean> {
  const { stage } = goal.world;
  const { process } = stage;
  const until = stage.clock.elapsed + ms;
  while (process.alive && stage.clock.elapsed < until) {
    if (!await stage.clock.step()) return !process.alive;
  }
  return !process.alive;
}
