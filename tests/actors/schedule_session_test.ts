/** Sessions of schedules: which is resumed, and who may work in it. */
import { assert, assertEquals } from "@std/assert";
import type { GateContext } from "../../machines/gate.ts";
import type { SchedulePlan } from "../../machines/schedule_input.ts";
import { AutomationStage, DAY, HOUR, MINUTE, SECOND } from "./automation_stage.ts";

const GATE = "gate:s1";

/** A schedule in session `s1`, of every five minutes. */
async function inSession(plan: Partial<SchedulePlan> = {}): Promise<[AutomationStage, string]> {
  const stage = await AutomationStage.start();
  const address = await stage.schedule({ session: "s1", rule: { everySeconds: 300 }, ...plan });
  return [stage, address];
}

async function take(stage: AutomationStage, holdMs: number): Promise<void> {
  const { system } = stage.stage;
  const found = await stage.stage.during(
    system.list("gate", { limit: 10 }),
  );
  if (found.items.length === 0) {
    await stage.stage.during(system.spawn("gate", "s1", { key: "s1" }));
  }
  await stage.send(GATE, { type: "gate.take", person: "ann", holdMs });
}

async function holderOf(stage: AutomationStage): Promise<string | null> {
  return ((await stage.record(GATE)).context as unknown as GateContext).holder;
}

function slotOf(taskId: string): number {
  return parseInt(taskId.split("_").at(-1) ?? "", 36);
}

Deno.test("each run resumes the session that the last one reported", async () => {
  const stage = await AutomationStage.start();
  let runs = 0;
  stage.work = () => ({ report: { session: `s${++runs}` } });
  const address = await stage.schedule({});
  await stage.pass(3 * MINUTE + 5 * SECOND);
  assertEquals(stage.attempts.map(({ session }) => session), [null, "s1", "s2"]);
  assertEquals((await stage.scheduleContext(address)).lastSession, "s3");
});

Deno.test("a run that reports no session leaves the one that it resumed", async () => {
  const stage = await AutomationStage.start();
  const address = await stage.schedule({ session: "s1" });
  await stage.pass(2 * MINUTE + 5 * SECOND);
  assertEquals(stage.attempts.map(({ session }) => session), ["s1", "s1"]);
  assertEquals((await stage.scheduleContext(address)).lastSession, "s1");
});

Deno.test("fresh starts a new session each time, and none of them is busy", async () => {
  const [stage, address] = await inSession({ fresh: true });
  stage.work = () => ({ report: { session: "s1" } });
  await take(stage, HOUR);
  await stage.pass(11 * MINUTE);
  assertEquals(stage.attempts.map(({ session }) => session), [null, null]);
  assertEquals((await stage.scheduleContext(address)).lastSession, "s1");
});

Deno.test("a session that is chosen during a run is not that run's afterwards", async () => {
  const [stage, address] = await inSession();
  stage.work = () => ({ ms: MINUTE, report: { session: "s1b" } });
  await stage.pass(5 * MINUTE + SECOND);
  const { plan } = await stage.scheduleContext(address);
  await stage.send(address, { type: "schedule.configure", plan: { ...plan, session: "other" } });
  await stage.pass(6 * MINUTE);
  assertEquals(stage.attempts.map(({ session }) => session), ["s1", "other"]);
});

Deno.test("a person's turn holds a run off, which counts for nothing and is tried each 10 s", async () => {
  const [stage, address] = await inSession();
  const from = stage.now;
  await stage.pass(4 * MINUTE);
  await take(stage, 95 * SECOND);
  await stage.pass(92 * SECOND);
  const { state } = await stage.record(address);
  const { counts } = await stage.scheduleContext(address);
  assertEquals([state, counts.runs, stage.attempts.length], ["active.waitingForSession", 0, 0]);
  await stage.restart(20 * SECOND);
  // Free since 5:35, and asked for at 5:40, in the order in which the two were due.
  assertEquals(stage.attempts.map(({ at, taskId }) => [at - from, slotOf(taskId) - from]), [
    [5 * MINUTE + 52 * SECOND, 5 * MINUTE],
  ]);
  await stage.pass(MINUTE);
  assertEquals((await stage.scheduleContext(address)).counts.succeeded, 1);
});

Deno.test("a run is tried again 10 s after its session was busy", async () => {
  const [stage] = await inSession();
  const from = stage.now;
  await stage.pass(4 * MINUTE);
  await take(stage, 95 * SECOND);
  await stage.pass(3 * MINUTE);
  assertEquals(stage.attempts.map(({ at }) => at - from), [5 * MINUTE + 40 * SECOND]);
});

Deno.test('with overlap "replace", the newest slot waits for a session that is taken', async () => {
  const [stage, address] = await inSession({ overlap: "replace" });
  const from = stage.now;
  await take(stage, 12 * MINUTE);
  await stage.pass(12 * MINUTE + 15 * SECOND);
  const { counts } = await stage.scheduleContext(address);
  assertEquals([counts.runs, counts.skipped], [1, 1]);
  assertEquals(stage.attempts.map(({ taskId }) => slotOf(taskId) - from), [10 * MINUTE]);
});

Deno.test("a person who leaves frees the session", async () => {
  const [stage] = await inSession();
  await take(stage, DAY);
  await stage.pass(5 * MINUTE + 15 * SECOND);
  await stage.send(GATE, { type: "gate.leave", person: "ann" });
  await stage.pass(10 * SECOND);
  assertEquals(stage.attempts.length, 1);
});

Deno.test("a person takes the session from a run, which has neither failed nor succeeded", async () => {
  const [stage, address] = await inSession();
  stage.work = () => ({ ms: HOUR });
  await stage.pass(5 * MINUTE + SECOND);
  assertEquals(await holderOf(stage), address);
  await take(stage, HOUR);
  assertEquals(await holderOf(stage), "ann");
  await stage.pass(MINUTE);
  const { counts, last, run } = await stage.scheduleContext(address);
  assertEquals([counts.runs, counts.succeeded, counts.failed, counts.failuresInRow], [1, 0, 0, 0]);
  assertEquals([last?.outcome, run], ["preempted", null]);
  assertEquals((await stage.tasksOf(address)).map(({ state }) => state), ["cancelled"]);
  assertEquals(await holderOf(stage), "ann");
});

Deno.test("the session is free when its run has ended, or was cut off by a crash", async () => {
  const [stage, address] = await inSession();
  await stage.pass(5 * MINUTE + 30 * SECOND);
  assertEquals(await holderOf(stage), null);
  stage.work = () => ({ ms: HOUR });
  await stage.pass(5 * MINUTE);
  assertEquals(await holderOf(stage), address);
  stage.work = () => ({});
  await stage.restart();
  await stage.pass(4 * MINUTE);
  assertEquals(await holderOf(stage), null);
});

Deno.test("the session is free when its run was called off", async () => {
  const [stage, address] = await inSession();
  stage.work = () => ({ ms: DAY });
  await stage.pass(5 * MINUTE + SECOND);
  await stage.send(address, { type: "schedule.delete" });
  await stage.pass(MINUTE);
  assertEquals(await holderOf(stage), null);
});

Deno.test("a gate is free when whoever holds it has ended, or does not exist", async () => {
  const stage = await AutomationStage.start();
  const { system } = stage.stage;
  stage.work = () => ({ ms: MINUTE });
  const input = { id: "one", command: ["work"], createdAt: stage.now };
  const { address } = await stage.stage.during(system.spawn("task", "one", input));
  await stage.stage.during(system.spawn("gate", "s1", { key: "s1" }));
  await stage.send(GATE, { type: "gate.claim", by: address });
  assertEquals(await holderOf(stage), address);
  await stage.pass(MINUTE + SECOND);
  assertEquals(await holderOf(stage), null);
  await stage.send(GATE, { type: "gate.claim", by: "task:none" });
  assertEquals(await holderOf(stage), null);
});

Deno.test("two schedules in one session work in turns", async () => {
  const [stage] = await inSession({ overlap: "queue" });
  await stage.schedule({ session: "s1", rule: { everySeconds: 300 } }, "schedule_2");
  stage.work = () => ({ ms: 2 * MINUTE });
  await stage.pass(5 * MINUTE + 5 * MINUTE - SECOND);
  assertEquals(stage.attempts.length, 2);
  const [first, second] = stage.attempts;
  assert((second?.at ?? 0) - (first?.at ?? 0) >= 2 * MINUTE);
});

Deno.test("a schedule that no longer needs the busy session that it waits for runs", async () => {
  const [stage, address] = await inSession();
  await take(stage, DAY);
  await stage.pass(5 * MINUTE + SECOND);
  const { plan } = await stage.scheduleContext(address);
  await stage.send(address, { type: "schedule.configure", plan: { ...plan, fresh: true } });
  await stage.pass(SECOND);
  assertEquals(stage.attempts.map(({ session }) => session), [null]);
});

Deno.test("a schedule that is paused while it waits for its session waits no more", async () => {
  const [stage, address] = await inSession();
  await take(stage, 6 * MINUTE);
  await stage.pass(5 * MINUTE + SECOND);
  await stage.send(address, { type: "schedule.pause" });
  await stage.pass(HOUR);
  const { counts } = await stage.scheduleContext(address);
  assertEquals([stage.attempts.length, counts.skipped, await holderOf(stage)], [0, 1, null]);
});

Deno.test("a session is kept for whoever waits for it, and not longer when the clock is set back", async () => {
  const [stage, waiting] = await inSession();
  const other = await stage.schedule(
    { session: "s1", rule: { everySeconds: DAY / SECOND } },
    "two",
  );
  await take(stage, 7 * MINUTE);
  await stage.pass(5 * MINUTE + SECOND);
  await stage.send(GATE, { type: "gate.leave", person: "ann" });
  await stage.send(other, { type: "schedule.run" });
  assertEquals((await stage.record(other)).state, "active.waitingForSession");
  await stage.send(waiting, { type: "schedule.pause" });
  stage.stage.clock.jump(-2 * HOUR);
  await stage.send(other, { type: "schedule.pause" });
  await stage.send(other, { type: "schedule.run" });
  assertEquals((await stage.record(other)).state, "paused.running");
});

Deno.test("a session has a gate whatever it is called", async () => {
  const stage = await AutomationStage.start();
  const session = "répétition \ud800 ".repeat(15);
  await stage.schedule({ session });
  await stage.pass(MINUTE + SECOND);
  assertEquals(stage.attempts.length, 1);
});
