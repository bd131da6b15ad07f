/** A schedule's life: overlaps, limits, failures, and what its users do to it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import type { ScheduleContext } from "../../machines/schedule_context.ts";
import type { SchedulePlan } from "../../machines/schedule_input.ts";
import { AutomationStage, DAY, HOUR, MINUTE, SECOND } from "./automation_stage.ts";

/** A schedule of every minute whose runs take so long. */
async function slow(ms: number, plan: Partial<SchedulePlan>): Promise<[AutomationStage, string]> {
  const stage = await AutomationStage.start();
  stage.work = () => ({ ms });
  return [stage, await stage.schedule(plan)];
}

async function reasonOf(stage: AutomationStage, address: string) {
  const { state } = await stage.record(address);
  return [state, (await stage.scheduleContext(address)).paused?.reason];
}

/** Every slot that came due has become something. */
function assertAccounted({ counts, queue, run }: ScheduleContext, due: number): void {
  const waiting = queue.filter(({ isManual }) => !isManual).length;
  assertEquals(counts.runs + counts.skipped + counts.missed + waiting, due);
  assertEquals(counts.succeeded + counts.failed + (run === null ? 0 : 1) <= counts.runs, true);
}

Deno.test('overlap "skip" leaves out what comes due while a run is underway', async () => {
  const [stage, address] = await slow(150 * SECOND, {});
  await stage.pass(6 * MINUTE + SECOND);
  const context = await stage.scheduleContext(address);
  assertEquals([context.counts.runs, context.counts.skipped], [2, 4]);
  assertAccounted(context, 6);
  assertEquals(stage.attempts.length, 2);
});

Deno.test('overlap "queue" runs what came due meanwhile, one after the other', async () => {
  const [stage, address] = await slow(90 * SECOND, { overlap: "queue" });
  await stage.pass(4 * MINUTE + SECOND);
  const context = await stage.scheduleContext(address);
  assertEquals([context.counts.runs, context.queue.length], [3, 1]);
  assertAccounted(context, 4);
  const [first, second] = stage.attempts;
  assertEquals((second?.at ?? 0) - (first?.at ?? 0), 90 * SECOND);
});

Deno.test('overlap "queue" lets a hundred wait, and skips what comes then', async () => {
  const [stage, address] = await slow(3 * HOUR, { overlap: "queue" });
  await stage.pass(110 * MINUTE + SECOND);
  const context = await stage.scheduleContext(address);
  assertEquals([context.queue.length, context.counts.skipped], [100, 9]);
  assertAccounted(context, 110);
});

Deno.test('overlap "replace" calls the run off, which has neither failed nor succeeded', async () => {
  const [stage, address] = await slow(90 * SECOND, { overlap: "replace" });
  await stage.pass(3 * MINUTE + SECOND);
  const { counts, last, run } = await stage.scheduleContext(address);
  assertEquals([counts.runs, counts.succeeded, counts.failed], [3, 0, 0]);
  assertEquals(last?.outcome, "replaced");
  assertEquals(run?.stopped, null);
  const states = (await stage.tasksOf(address)).map(({ state }) => state.split(".")[0]);
  assertEquals(states, ["cancelled", "cancelled", "running"]);
});

Deno.test("a run waits until the program of the one that it replaces has ended", async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  stage.work = () => ({ ms: 90 * SECOND, dyingMs: 20 * SECOND });
  await stage.schedule({ overlap: "replace" });
  await stage.pass(2 * MINUTE + 30 * SECOND);
  assertEquals(stage.attempts.map(({ at }) => at - from), [MINUTE, 2 * MINUTE + 20 * SECOND]);
});

Deno.test('overlap "replace" does not call off the last run that may be', async () => {
  const [stage, address] = await slow(150 * SECOND, { overlap: "replace", maxRuns: 1 });
  await stage.pass(2 * MINUTE + SECOND);
  assertEquals((await stage.scheduleContext(address)).nextSlot, null);
  await stage.pass(8 * MINUTE);
  const { counts } = await stage.scheduleContext(address);
  assertEquals([counts.runs, counts.succeeded], [1, 1]);
  assertEquals(await reasonOf(stage, address), ["paused", "maxRuns"]);
});

Deno.test("maxRuns pauses a schedule, and can be raised", async () => {
  const [stage, address] = await slow(SECOND, { maxRuns: 2 });
  await stage.pass(5 * MINUTE);
  assertEquals(await reasonOf(stage, address), ["paused", "maxRuns"]);
  assertEquals(stage.attempts.length, 2);
  await assertRejects(() => stage.send(address, { type: "schedule.resume" }), NotAcceptedError);
  await assertRejects(() => stage.send(address, { type: "schedule.run" }), NotAcceptedError);
  const { plan } = await stage.scheduleContext(address);
  await stage.send(address, { type: "schedule.configure", plan: { ...plan, maxRuns: 3 } });
  await stage.send(address, { type: "schedule.resume" });
  await stage.pass(5 * MINUTE);
  assertEquals(stage.attempts.length, 3);
  assertEquals(stage.notifications, []);
});

Deno.test("maxRuns that is raised during the last run makes up for nothing", async () => {
  const [stage, address] = await slow(150 * SECOND, { maxRuns: 1, overlap: "queue" });
  await stage.pass(3 * MINUTE + SECOND);
  const { plan } = await stage.scheduleContext(address);
  await stage.send(address, { type: "schedule.configure", plan: { ...plan, maxRuns: 5 } });
  const { nextSlot, queue } = await stage.scheduleContext(address);
  assertEquals([(nextSlot ?? 0) - stage.now, queue.length], [MINUTE - SECOND, 0]);
});

Deno.test("three failures in a row pause a schedule, and people are told once", async () => {
  const stage = await AutomationStage.start();
  stage.work = () => ({ exitCode: 3 });
  const address = await stage.schedule({});
  await stage.pass(2 * MINUTE + 30 * SECOND);
  await stage.restart();
  await stage.pass(10 * MINUTE);
  await stage.restart(DAY);
  assertEquals(await reasonOf(stage, address), ["paused", "failures"]);
  const { counts, paused } = await stage.scheduleContext(address);
  assertEquals([counts.runs, counts.failed, counts.failuresInRow], [3, 3, 3]);
  assert(paused?.detail !== null);
  assertEquals(stage.notifications.map(({ type, address }) => [type, address]), [
    ["schedule.failed", address],
  ]);
});

Deno.test("a success, and a resumption, set the failures back", async () => {
  const stage = await AutomationStage.start();
  let runs = 0;
  stage.work = () => ({ exitCode: ++runs % 3 === 0 ? 0 : 1 });
  const address = await stage.schedule({});
  await stage.pass(9 * MINUTE + 30 * SECOND);
  assertEquals((await stage.record(address)).state, "active.armed");
  stage.work = () => ({ exitCode: 1 });
  await stage.pass(3 * MINUTE);
  assertEquals(await reasonOf(stage, address), ["paused", "failures"]);
  await stage.send(address, { type: "schedule.resume" });
  await stage.pass(2 * MINUTE + 20 * SECOND);
  const { counts } = await stage.scheduleContext(address);
  assertEquals([counts.failuresInRow, (await stage.record(address)).state], [2, "active.armed"]);
});

Deno.test("a run that a person asked for in time is done though the schedule has failed out", async () => {
  const stage = await AutomationStage.start();
  stage.work = () => ({ exitCode: 1, ms: 30 * SECOND });
  const address = await stage.schedule({ overlap: "queue" });
  await stage.pass(3 * MINUTE + 10 * SECOND);
  await stage.send(address, { type: "schedule.run" });
  await stage.pass(MINUTE);
  assertEquals(stage.attempts.length, 4);
  assertEquals(await reasonOf(stage, address), ["paused", "failures"]);
});

Deno.test("a schedule without a slot left is paused for its failures, though a run waits", async () => {
  const stage = await AutomationStage.start();
  stage.work = () => ({ exitCode: 1, ms: 30 * SECOND });
  const address = await stage.schedule({
    overlap: "queue",
    expiresAt: stage.now + 3 * MINUTE,
  });
  await stage.pass(3 * MINUTE + 10 * SECOND);
  await stage.send(address, { type: "schedule.run" });
  await stage.pass(30 * SECOND);
  assertEquals(await reasonOf(stage, address), ["paused.running", "failures"]);
});

Deno.test("no slot later than expiresAt runs", async () => {
  const stage = await AutomationStage.start();
  const address = await stage.schedule({ expiresAt: stage.now + 2 * MINUTE });
  await stage.restart(HOUR);
  await stage.pass(MINUTE);
  const context = await stage.scheduleContext(address);
  assertEquals([context.counts.runs, context.counts.missed], [1, 1]);
  assertEquals(await reasonOf(stage, address), ["paused", "expired"]);
});

Deno.test("what passes while a schedule is paused is not made up for", async () => {
  const [stage, address] = await slow(SECOND, { catchUp: "all" });
  await stage.pass(90 * SECOND);
  await stage.send(address, { type: "schedule.pause", reason: "Holidays" });
  assertEquals((await stage.scheduleContext(address)).paused?.detail, "Holidays");
  await stage.restart(HOUR);
  await stage.send(address, { type: "schedule.resume" });
  await stage.pass(45 * SECOND);
  assertEquals(stage.attempts.length, 2);
  assertEquals((await stage.scheduleContext(address)).counts.missed, 0);
});

Deno.test("a run goes on while its schedule is paused", async () => {
  const [stage, address] = await slow(50 * SECOND, {});
  await stage.pass(MINUTE + SECOND);
  await stage.send(address, { type: "schedule.pause" });
  assertEquals((await stage.record(address)).state, "paused.running");
  await stage.pass(MINUTE);
  assertEquals((await stage.scheduleContext(address)).last?.outcome, "succeeded");
  assertEquals((await stage.record(address)).state, "paused");
});

Deno.test("a run can be asked for while armed and while paused, and is no slot of the rule", async () => {
  const [stage, address] = await slow(SECOND, {});
  const before = (await stage.scheduleContext(address)).nextSlot;
  await stage.send(address, { type: "schedule.run" });
  await stage.pass(10 * SECOND);
  const { counts, last, nextSlot } = await stage.scheduleContext(address);
  assertEquals([counts.runs, last?.isManual, nextSlot], [1, true, before]);
  await stage.send(address, { type: "schedule.pause" });
  await stage.send(address, { type: "schedule.run" });
  await stage.pass(10 * SECOND);
  assertEquals(stage.attempts.length, 2);
  assertEquals((await stage.record(address)).state, "paused");
});

for (
  const { overlap, runs } of [
    { overlap: "skip", runs: 1 },
    { overlap: "queue", runs: 2 },
    { overlap: "replace", runs: 2 },
  ] as const
) {
  Deno.test(`a run that is asked for during a run does as overlap "${overlap}" says`, async () => {
    const [stage, address] = await slow(20 * SECOND, { overlap });
    await stage.pass(MINUTE + SECOND);
    const asked = stage.send(address, { type: "schedule.run" });
    if (overlap === "skip") await assertRejects(() => asked, NotAcceptedError);
    else await asked;
    await stage.pass(45 * SECOND);
    assertEquals(stage.attempts.length, runs);
    const outcomes = (await stage.tasksOf(address)).map(({ state }) => state);
    const first = overlap === "replace" ? "cancelled" : "succeeded";
    assertEquals(outcomes, [first, ...(runs === 2 ? ["succeeded"] : [])]);
  });
}

Deno.test("two runs that are asked for in one moment are two", async () => {
  const [stage, address] = await slow(SECOND, { overlap: "queue", rule: { everySeconds: 3600 } });
  const { system } = stage.stage;
  const ask = () => system.send(address, { type: "schedule.run" });
  await stage.stage.during(Promise.all([ask(), ask(), ask()]));
  await stage.pass(MINUTE);
  assertEquals(new Set(stage.attempts.map(({ taskId }) => taskId)).size, 3);
  assertEquals((await stage.scheduleContext(address)).counts.succeeded, 3);
});

Deno.test("another rule counts from the moment of the change", async () => {
  const [stage, address] = await slow(SECOND, { rule: { everySeconds: 3600 } });
  await stage.pass(40 * MINUTE);
  const { plan } = await stage.scheduleContext(address);
  const rule = { everySeconds: 600 };
  await stage.send(address, { type: "schedule.configure", plan: { ...plan, rule } });
  const changedAt = stage.now;
  assertEquals((await stage.scheduleContext(address)).nextSlot, changedAt + 10 * MINUTE);
  await stage.pass(21 * MINUTE);
  assertEquals(stage.attempts.map(({ at }) => at - changedAt), [10 * MINUTE, 20 * MINUTE]);
});

Deno.test("a change that keeps the rule loses no slot that is due", async () => {
  const [stage, address] = await slow(SECOND, { rule: { everySeconds: 3600 } });
  const { plan } = await stage.scheduleContext(address);
  // The change comes in the same commit as the timer, before it.
  stage.stage.clock.jump(HOUR);
  await stage.send(address, { type: "schedule.configure", plan: { ...plan, name: "hourly" } });
  await stage.pass(MINUTE);
  assertEquals(stage.attempts.length, 1);
  assertEquals((await stage.scheduleContext(address)).plan.name, "hourly");
});

Deno.test("an expiry that is set before the next slot pauses, and one that is taken away does not undo it", async () => {
  const [stage, address] = await slow(SECOND, { rule: { everySeconds: 3600 } });
  const { plan } = await stage.scheduleContext(address);
  const configure = (expiresAt: number | null) =>
    stage.send(address, { type: "schedule.configure", plan: { ...plan, expiresAt } });
  await configure(stage.now + MINUTE);
  assertEquals(await reasonOf(stage, address), ["paused", "expired"]);
  await configure(null);
  await stage.pass(DAY);
  assertEquals(stage.attempts.length, 0);
  await stage.send(address, { type: "schedule.resume" });
  await stage.pass(HOUR + MINUTE);
  assertEquals(stage.attempts.length, 1);
});

Deno.test("a time that has had its run has none again when it is given once more", async () => {
  const [stage, address] = await slow(SECOND, { rule: { everySeconds: 3600 } });
  const { plan } = await stage.scheduleContext(address);
  const once = { ...plan, rule: { at: stage.now + MINUTE } };
  for (const given of [once, plan, once]) {
    await stage.send(address, { type: "schedule.configure", plan: given });
    await stage.pass(70 * SECOND);
    if (given !== once) await stage.send(address, { type: "schedule.resume" });
  }
  assertEquals((await stage.scheduleContext(address)).counts.runs, 1);
});

Deno.test("a deleted schedule calls its run off, runs no more, and can be brought back", async () => {
  const [stage, address] = await slow(30 * SECOND, {});
  await stage.pass(MINUTE + SECOND);
  await stage.send(address, { type: "schedule.delete" });
  await stage.pass(HOUR);
  assertEquals((await stage.record(address)).state, "deleted");
  const { last, counts } = await stage.scheduleContext(address);
  assertEquals([last?.outcome, counts.failed, stage.attempts.length], ["deleted", 0, 1]);
  await assertRejects(() => stage.send(address, { type: "schedule.run" }), NotAcceptedError);
  await stage.send(address, { type: "schedule.restore" });
  assertEquals(await reasonOf(stage, address), ["paused", "person"]);
  await stage.send(address, { type: "schedule.resume" });
  await stage.pass(65 * SECOND);
  assertEquals(stage.attempts.length, 2);
});

Deno.test("a deleted schedule is purged after 30 days, and not if it was brought back", async () => {
  const [stage, address] = await slow(SECOND, {});
  const kept = await stage.schedule({}, "kept");
  for (const one of [address, kept]) await stage.send(one, { type: "schedule.delete" });
  await stage.restart(29 * DAY);
  await stage.send(kept, { type: "schedule.restore" });
  assertEquals((await stage.record(address)).state, "deleted");
  await stage.restart(DAY);
  const { state, status } = await stage.record(address);
  assertEquals([state, status], ["purged", "done"]);
  await stage.pass(60 * DAY);
  assertEquals((await stage.record(kept)).state, "paused");
  assertEquals(stage.attempts, []);
});
