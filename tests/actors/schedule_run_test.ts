/** What a schedule runs: a task made of a template, or a job of the system. */
import { assertEquals, assertMatch } from "@std/assert";
import type { JobInput } from "../../machines/schedule_events.ts";
import type { RunTemplate } from "../../machines/run_template.ts";
import { AutomationStage, DAY, HOUR, MINUTE, SECOND } from "./automation_stage.ts";

const ALL =
  "{{now}} | {{date}} {{time}} | {{unix}} | {{slot}} | {{scheduleName}} | {{lastResult}} | {{other}}";

Deno.test("each run's texts have their variables, in the schedule's zone", async () => {
  const stage = await AutomationStage.start();
  stage.work = () => ({ report: { summary: "All green" } });
  await stage.schedule({
    name: "checks",
    rule: { cron: "0 * * * *", timezone: "Asia/Kolkata" },
    run: { task: { command: ["work", ALL], prompt: "Since {{slot}}: {{lastResult}}" } },
  });
  await stage.restart(45 * MINUTE);
  await stage.pass(HOUR);
  // 00:30 and 01:30 in London are full hours there; the first is picked up 15 minutes late.
  assertEquals(stage.attempts.map(({ command, prompt }) => [command[1], prompt]), [
    [
      "2030-01-01T00:45:00.000Z | 2030-01-01 06:15 | 1893458700 | " +
      "2030-01-01T00:30:00.000Z | checks |  | {{other}}",
      "Since 2030-01-01T00:30:00.000Z: ",
    ],
    [
      "2030-01-01T01:30:00.000Z | 2030-01-01 07:00 | 1893461400 | " +
      "2030-01-01T01:30:00.000Z | checks | All green | {{other}}",
      "Since 2030-01-01T01:30:00.000Z: All green",
    ],
  ]);
});

const TEN_PROMPTS = Array.from({ length: 10 }, () => "{{prompt}}");

const LONG: readonly { what: string; task: RunTemplate }[] = [
  { what: "command", task: { command: TEN_PROMPTS, prompt: "y".repeat(7_000) } },
  { what: "prompt", task: { command: ["work"], prompt: `{{now}} ${"y".repeat(12_000)}` } },
];

for (const { what, task } of LONG) {
  Deno.test(`a run whose ${what} is too long to make a task of has failed`, async () => {
    const stage = await AutomationStage.start();
    const address = await stage.schedule({ run: { task } });
    await stage.pass(5 * MINUTE);
    const { last, counts, paused } = await stage.scheduleContext(address);
    assertMatch(last?.error ?? "", /task could not be made/);
    assertEquals([counts.failed, paused?.reason], [3, "failures"]);
    assertEquals(stage.notifications.length, 1);
  });
}

Deno.test("a run's task names its schedule and what made it", async () => {
  const stage = await AutomationStage.start();
  const address = await stage.schedule({});
  await stage.pass(MINUTE + SECOND);
  const [task] = await stage.tasksOf(address);
  const { settings } = task?.context as unknown as { settings: { [name: string]: unknown } };
  assertEquals([settings["parent"], settings["trigger"]], [address, "schedule"]);
});

Deno.test("a job runs in the server, and its next run remembers what it asked to", async () => {
  const stage = await AutomationStage.start();
  const from = stage.now;
  const inputs: JobInput[] = [];
  stage.runJob = (input) => {
    inputs.push(input);
    return Promise.resolve({ summary: "Swept", memory: { cursor: inputs.length } });
  };
  const address = await stage.schedule({ run: { job: "sweep" }, session: "s1" });
  await stage.pass(2 * MINUTE + SECOND);
  assertEquals(inputs.map(({ job, slot, memory }) => [job, slot - from, memory]), [
    ["sweep", MINUTE, null],
    ["sweep", 2 * MINUTE, { cursor: 1 }],
  ]);
  const { last, counts } = await stage.scheduleContext(address);
  assertEquals([last?.result, last?.task, counts.succeeded], ["Swept", null, 2]);
});

Deno.test("a job is never run twice at a time, and goes on however often it fails", async () => {
  const stage = await AutomationStage.start();
  let [underway, runs] = [0, 0];
  stage.runJob = async () => {
    runs += 1;
    assertEquals(++underway, 1);
    await stage.stage.clock.sleep(70 * SECOND, stage.stage.process);
    underway -= 1;
    throw new Error("No broom");
  };
  const address = await stage.schedule({ run: { job: "sweep" } });
  await stage.pass(10 * MINUTE + SECOND);
  const { counts, last } = await stage.scheduleContext(address);
  assertEquals([runs, counts.runs, counts.failuresInRow, last?.error], [5, 5, 4, "No broom"]);
  assertEquals((await stage.record(address)).state, "active.running");
  assertEquals(stage.notifications, []);
});

Deno.test("a job that a crash cut off is run again for the same slot", async () => {
  const stage = await AutomationStage.start();
  const slots: number[] = [];
  stage.runJob = async ({ slot }) => {
    slots.push(slot - from);
    await stage.stage.clock.sleep(10 * SECOND, stage.stage.process);
    return { summary: "Swept" };
  };
  const from = stage.now;
  const address = await stage.schedule({ run: { job: "sweep" } });
  await stage.pass(MINUTE + SECOND);
  await stage.restart(MINUTE);
  await stage.pass(15 * SECOND);
  assertEquals(slots, [MINUTE, MINUTE]);
  const { counts } = await stage.scheduleContext(address);
  assertEquals([counts.runs, counts.succeeded], [1, 1]);
});

Deno.test("a job goes on to its end while its schedule is deleted", async () => {
  const stage = await AutomationStage.start();
  stage.runJob = async () => {
    await stage.stage.clock.sleep(10 * SECOND, stage.stage.process);
    return { summary: "Swept" };
  };
  const address = await stage.schedule({ run: { job: "sweep" }, overlap: "replace" });
  await stage.pass(MINUTE + SECOND);
  await stage.send(address, { type: "schedule.delete" });
  assertEquals((await stage.record(address)).state, "deleted.running");
  await stage.pass(DAY);
  const { last, counts } = await stage.scheduleContext(address);
  assertEquals([last?.outcome, counts.runs], ["succeeded", 1]);
  assertEquals((await stage.record(address)).state, "deleted");
});
