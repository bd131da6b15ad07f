/** Which slots of a schedule run: rules, catching up after a downtime, and clocks that jump. */
import { assert, assertEquals } from "@std/assert";
import type { ScheduleEmitted } from "../../machines/schedule_events.ts";
import { AutomationStage, DAY, HOUR, MINUTE, SECOND } from "./automation_stage.ts";

/** When work began, counted from `from`. */
function begunAt({ attempts }: AutomationStage, from: number): number[] {
  return attempts.map(({ at }) => at - from);
}

/** Slots whose tasks were begun, counted from `from`, in order. */
function slotsRun({ attempts }: AutomationStage, from: number): number[] {
  return attempts.map(({ taskId }) => parseInt(taskId.split("_").at(-1) ?? "", 36) - from);
}

function announced({ stage }: AutomationStage): ScheduleEmitted[] {
  return stage.commits.flatMap(({ journal }) => journal)
    .flatMap(({ emitted }) => emitted === null ? [] : JSON.parse(emitted))
    .filter(({ type }) => type === "schedule.due");
}

Deno.test("an interval counts from its slots, however late each is picked up", async () => {
  const stage = await AutomationStage.start();
  stage.stage.latency = () => stage.stage.clock.sleep(300, stage.stage.nature);
  const from = stage.now;
  const address = await stage.schedule({ rule: { everySeconds: 60 } });
  const { anchor } = await stage.scheduleContext(address);
  await stage.pass(10 * MINUTE + 30 * SECOND);
  assertEquals(slotsRun(stage, anchor), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => n * MINUTE));
  const [, second = 0] = begunAt(stage, from);
  assert(second > 2 * MINUTE, "nothing is late, so that this shows nothing");
});

Deno.test("a schedule of one time runs at that time, and is paused as finished", async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  const address = await stage.schedule({ rule: { at: from + HOUR } });
  await stage.pass(HOUR + MINUTE);
  assertEquals(begunAt(stage, from), [HOUR]);
  const { state } = await stage.record(address);
  assertEquals([state, (await stage.scheduleContext(address)).paused?.reason], [
    "paused",
    "finished",
  ]);
  await stage.pass(30 * DAY);
  assertEquals(stage.attempts.length, 1);
});

Deno.test("a schedule of one time many years ahead waits for longer than a timer can", async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  await stage.schedule({ rule: { at: from + 25 * 365 * DAY } });
  await stage.pass(25 * 365 * DAY - MINUTE);
  assertEquals(stage.attempts.length, 0);
  assertEquals(announced(stage), []);
  await stage.pass(2 * MINUTE);
  assertEquals(begunAt(stage, from), [25 * 365 * DAY]);
});

Deno.test("a cron runs in its own zone, also where the clocks change", async () => {
  const stage = await AutomationStage.start();
  // 2030-03-31, 2:00 in Berlin, becomes 3:00.
  await stage.pass(Date.UTC(2030, 2, 30) - stage.now);
  await stage.schedule({ rule: { cron: "30 2 * * *", timezone: "Europe/Berlin" } });
  await stage.pass(3 * DAY);
  assertEquals(
    stage.attempts.map(({ at }) => new Date(at).toISOString().slice(5, 16)),
    ["03-30T01:30", "03-31T01:30", "04-01T00:30"],
  );
});

for (
  const { catchUp, runs, missed } of [
    { catchUp: "latest", runs: [5], missed: 4 },
    { catchUp: "all", runs: [1, 2, 3, 4, 5], missed: 0 },
    { catchUp: "none", runs: [], missed: 5 },
  ] as const
) {
  Deno.test(`after a downtime over five slots, catchUp "${catchUp}" runs ${runs.length}`, async () => {
    const stage = await AutomationStage.start();
    const from = stage.now;
    const address = await stage.schedule({ rule: { everySeconds: 3600 }, catchUp });
    await stage.restart(5 * HOUR + 30 * MINUTE);
    await stage.pass(10 * MINUTE);
    assertEquals(slotsRun(stage, from), runs.map((n) => n * HOUR));
    assertEquals((await stage.scheduleContext(address)).counts.missed, missed);
    assertEquals(announced(stage).map(({ count, slots, decision }) => [count, slots, decision]), [[
      5,
      runs.map((n) => from + n * HOUR),
      runs.length > 0 ? "run" : "miss",
    ]]);
    // The next one is on time again.
    await stage.pass(21 * MINUTE);
    assertEquals(slotsRun(stage, from).at(-1), 6 * HOUR);
  });
}

Deno.test('catchUp "none" runs a slot that is late by a moment, and not one that is later', async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  const address = await stage.schedule({ rule: { everySeconds: 3600 }, catchUp: "none" });
  await stage.restart(HOUR + 2 * MINUTE);
  assertEquals(slotsRun(stage, from), [HOUR]);
  // The run ends, so that the next slot is not skipped for it.
  await stage.pass(MINUTE);
  await stage.restart(HOUR - MINUTE + 1);
  assertEquals(slotsRun(stage, from), [HOUR]);
  const { counts: { missed, skipped } } = await stage.scheduleContext(address);
  assertEquals([missed, skipped], [1, 0]);
});

Deno.test('catchUp "all" runs the newest hundred, and calls the others missed', async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  const address = await stage.schedule({ rule: { everySeconds: 60 }, catchUp: "all" });
  await stage.restart(150 * MINUTE);
  await stage.pass(100 * SECOND);
  assertEquals(slotsRun(stage, from)[0], 51 * MINUTE);
  assertEquals(new Set(slotsRun(stage, from)).size, stage.attempts.length);
  const { counts } = await stage.scheduleContext(address);
  assertEquals(counts.missed, 50);
  await stage.pass(MINUTE);
  assertEquals(slotsRun(stage, from).slice(0, 100).at(-1), 150 * MINUTE);
});

Deno.test("a year without a server costs a cron of every minute one look", async () => {
  const stage = await AutomationStage.start();
  const address = await stage.schedule({
    rule: { cron: "* * * * *", timezone: "Europe/Berlin" },
    catchUp: "all",
  });
  await stage.stage.during(stage.stage.system.stop());
  stage.stage.crash();
  await stage.pass(365 * DAY);
  const before = stage.stage.commits.length;
  await stage.boot();
  await stage.pass(0);
  assertEquals(
    announced(stage).map(({ count, isExact, slots }) => [count, isExact, slots.length]),
    [
      [10_000, false, 100],
    ],
  );
  assert(stage.stage.commits.length - before < 10);
  const { nextSlot, counts } = await stage.scheduleContext(address);
  assertEquals([counts.missed, (nextSlot ?? 0) - stage.now], [9_900, MINUTE]);
});

Deno.test("a clock that is set forward is caught up with, and set back it runs nothing twice", async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  const address = await stage.schedule({ rule: { everySeconds: 3600 } });
  stage.stage.clock.jump(3 * HOUR + MINUTE);
  await stage.pass(MINUTE);
  assertEquals(slotsRun(stage, from), [3 * HOUR]);
  stage.stage.clock.jump(-2 * HOUR);
  await stage.pass(2 * HOUR + 50 * MINUTE);
  assertEquals(slotsRun(stage, from), [3 * HOUR]);
  await stage.pass(20 * MINUTE);
  assertEquals(slotsRun(stage, from), [3 * HOUR, 4 * HOUR]);
  assertEquals((await stage.scheduleContext(address)).counts.runs, 2);
});

for (const changed of ["resumed", "given another rule"]) {
  Deno.test(`a schedule that is ${changed} after the clock was set back runs no slot twice`, async () => {
    const stage = await AutomationStage.start();
    const hourly = { cron: "0 * * * *", timezone: "UTC" };
    const address = await stage.schedule({ rule: hourly });
    await stage.pass(3 * HOUR + MINUTE);
    stage.stage.clock.jump(-2 * HOUR);
    await stage.send(address, { type: "schedule.pause" });
    if (changed === "resumed") await stage.send(address, { type: "schedule.resume" });
    else {
      const { plan } = await stage.scheduleContext(address);
      const rule = { cron: "0,30 * * * *", timezone: "UTC" };
      await stage.send(address, { type: "schedule.configure", plan: { ...plan, rule } });
      await stage.send(address, { type: "schedule.resume" });
    }
    await stage.pass(2 * HOUR + 10 * MINUTE);
    assertEquals((await stage.scheduleContext(address)).counts.runs, 3);
    await stage.pass(HOUR);
    const tasks = await stage.tasksOf(address);
    assertEquals((await stage.scheduleContext(address)).counts.runs, tasks.length);
    assertEquals(new Set(stage.attempts.map(({ taskId }) => taskId)).size, stage.attempts.length);
  });
}

Deno.test("a clock that was wrong by a year silences a schedule until it is resumed, and no longer", async () => {
  const stage = await AutomationStage.start();
  const address = await stage.schedule({ rule: { everySeconds: 3600 } });
  stage.stage.clock.jump(365 * DAY);
  await stage.pass(MINUTE);
  stage.stage.clock.jump(-365 * DAY);
  await stage.send(address, { type: "schedule.pause" });
  await stage.send(address, { type: "schedule.resume" });
  await stage.pass(2 * HOUR);
  assertEquals(stage.attempts.length, 3);
});
