/** The session of a goal: one at a time works in it, people before goals. */
import { assert, assertEquals } from "@std/assert";
import { HOUR, MINUTE, SECOND } from "./automation_stage.ts";
import { CLAIM, GOAL, GoalStage, HANGS, LONG } from "./goal_stage.ts";

Deno.test("goal holds the gate of its session while it iterates, and not in between or in audits", async () => {
  const goal = await GoalStage.start({}, {
    session: "s",
    setUp: (goal) => {
      goal.iteration = (number) => ({
        report: number === 1 ? { delay: { seconds: 60, reason: "CI" } } : CLAIM,
      });
    },
  });
  assertEquals([await goal.holder("s"), goal.begun[0]?.input.session], [GOAL, "s"]);
  await goal.pass(LONG + SECOND);
  assertEquals([await goal.state(), await goal.holder("s")], ["active.delayed", null]);
  await goal.pass(MINUTE);
  assertEquals([await goal.state(), await goal.holder("s")], ["active.iterating", GOAL]);
  await goal.pass(LONG);
  assertEquals([await goal.state(), await goal.holder("s")], ["active.auditing", null]);
  assertEquals(goal.begun.map(({ input }) => input.session), ["s", "s", null]);
});

Deno.test("goal whose session a person has tries again every ten seconds, and iterates when it is free", async () => {
  const goal = await GoalStage.start({}, { session: "s" });
  await goal.pass(LONG - SECOND);
  await goal.person("gate.take", "s", { holdMs: 20 * MINUTE });
  await goal.pass(19 * MINUTE);
  assertEquals([await goal.state(), goal.kinds.length], ["waitingForSession", 1]);
  await goal.person("gate.leave", "s");
  await goal.pass(11 * SECOND);
  assertEquals([await goal.state(), goal.kinds.length], ["active.iterating", 2]);
});

Deno.test("goal whose session a person takes calls its iteration off at once, and has another", async () => {
  const goal = await GoalStage.start({}, {
    session: "s",
    setUp: (goal) => goal.iteration = (number) => number === 1 ? HANGS : {},
  });
  await goal.pass(MINUTE);
  const { step } = await goal.context();
  await goal.person("gate.take", "s", { holdMs: 5 * MINUTE });
  await goal.pass(0);
  const { state } = await goal.world.record(step?.task ?? "");
  assertEquals([await goal.state(), state], ["waitingForSession", "cancelled"]);
  assertEquals((await goal.context()).last?.stopped, "preempted");
  assertEquals(await goal.holder("s"), "ada");
  await goal.pass(5 * MINUTE + 11 * SECOND);
  assertEquals([await goal.state(), await goal.holder("s")], ["active.iterating", GOAL]);
});

Deno.test("goal without a session goes on with the one that its first iteration made", async () => {
  const goal = await GoalStage.start({}, {
    setUp: (goal) => goal.iteration = (number) => ({ report: { session: `made ${number}` } }),
  });
  await goal.pass(3 * LONG + SECOND);
  const sessions = goal.begun.map(({ input }) => input.session);
  assertEquals(sessions, [null, "made 1", "made 1", "made 1"]);
  assertEquals(await goal.holder("made%201"), GOAL);
});

for (
  const [name, session] of [["half a character", "\ud800"], ["200 letters", "ж".repeat(200)]]
) {
  Deno.test(`goal goes on where its worker's session is ${name}`, async () => {
    const goal = await GoalStage.start({}, {
      setUp: (goal) => goal.iteration = () => ({ report: { session } }),
    });
    await goal.pass(LONG + SECOND);
    assertEquals([await goal.state(), goal.kinds.length], ["active.iterating", 2]);
  });
}

Deno.test("two goals in one session take turns, and never work in it at once", async () => {
  const goal = await GoalStage.start({}, { session: "s" });
  await goal.world.goal({}, "goal_2", { session: "s" });
  await goal.pass(HOUR);
  const owners = goal.begun.map(({ input }) => input.taskId.split("_")[2]);
  assertEquals(owners.slice(0, 6), ["1", "2", "1", "2", "1", "2"]);
  for (const [index, { at }] of goal.begun.entries()) {
    const before = goal.begun[index - 1];
    assert(before === undefined || at >= before.at + LONG);
  }
});

Deno.test("goal leaves its session to a schedule that has waited for it", async () => {
  const goal = await GoalStage.start({}, { session: "s" });
  await goal.world.schedule({ session: "s", rule: { everySeconds: 900 }, overlap: "queue" });
  await goal.pass(HOUR + 10 * MINUTE);
  const { counts } = await goal.world.scheduleContext("schedule:schedule_1");
  assertEquals([counts.runs, counts.skipped], [4, 0]);
});

Deno.test("goal that is granted its session when it has no use for it gives it back", async () => {
  const goal = await GoalStage.start({}, { session: "s" });
  await goal.person("gate.take", "s", { holdMs: HOUR });
  await goal.pass(MINUTE);
  assertEquals(await goal.state(), "waitingForSession");
  await goal.send({ type: "goal.pause" });
  await goal.person("gate.leave", "s");
  await goal.world.send("gate:s", { type: "gate.claim", by: GOAL });
  await goal.pass(0);
  assertEquals([await goal.state(), await goal.holder("s")], ["paused", null]);
});
