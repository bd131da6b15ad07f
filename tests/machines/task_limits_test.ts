/** Time limits and signs of life of a task at work. */
import { assertEquals } from "@std/assert";
import { make, MINUTE, NOW, run, SECOND, start, STARTED, type TaskOnStage } from "./task_stage.ts";

Deno.test("task that worked for 2 h 30 min in all has timed out when no attempt is left", () => {
  const task = run({ maxAttempts: 1 });
  quietly(task, 150 * MINUTE - 1);
  assertEquals(task.state, "running.working");
  quietly(task, 1);
  assertEquals(task.state, "timedOut");
  assertEquals(task.context.error, {
    code: "timeout",
    message: "Worked longer than its limit of 9000000 ms",
  });
  assertEquals(task.children.size, 0);
});

Deno.test("task that timed out tries again while it has attempts, each with its whole time", () => {
  const task = run({ timeoutMs: MINUTE });
  task.pass(MINUTE);
  assertEquals(task.state, "retrying");
  task.send({ type: "task.retry" });
  start(task);
  assertEquals(task.timers.timeLimit, MINUTE);
  task.pass(MINUTE);
  assertEquals(task.state, "timedOut");
});

Deno.test("task does not count the time in which it waits for a person", () => {
  const task = run({ timeoutMs: 10 * MINUTE });
  task.pass(4 * MINUTE);
  task.send({ type: "task.pause" });
  task.pass(60 * MINUTE);
  task.send({ type: "task.resume" });
  task.pass(60 * MINUTE);
  task.send({ type: "slot.granted" });
  assertEquals(task.timers.timeLimit, 6 * MINUTE);
});

Deno.test("task without a sign of life for 30 min raises an alert, once, and goes on", () => {
  const task = run();
  task.pass(30 * MINUTE - 1);
  assertEquals(task.emitted, []);
  task.pass(1);
  assertEquals(task.emitted, [
    { type: "task.stuck", lastActivityAt: NOW, stuckAfterMs: 30 * MINUTE },
  ]);
  assertEquals(task.context.times.stuckAt, NOW + 30 * MINUTE);
  task.pass(60 * MINUTE);
  assertEquals(task.state, "running.working");
  assertEquals(task.emitted.length, 1);
});

for (const sign of ["executor.activity", "executor.progress"]) {
  Deno.test(`task is not stuck any more after ${sign}`, () => {
    const task = run();
    task.pass(30 * MINUTE);
    task.send({ type: sign });
    assertEquals(task.context.times.stuckAt, null);
    assertEquals(task.context.times.lastActivityAt, NOW + 30 * MINUTE);
    assertEquals(task.timers, { timeLimit: 120 * MINUTE, stuckAfter: 30 * MINUTE });
  });
}

Deno.test("task that shows signs of life is never stuck, and its time limit goes on", () => {
  const task = run();
  for (let times = 0; times < 5; times++) {
    task.pass(20 * MINUTE);
    task.send({ type: "executor.activity" });
  }
  assertEquals(task.emitted, []);
  assertEquals(task.timers.timeLimit, 50 * MINUTE);
});

const ELSEWHERE = [
  { state: "dispatched", enter: [{ type: "executor.preparing" }] },
  { state: "running.paused", enter: [STARTED, { type: "task.pause" }] },
];

for (const { state, enter } of ELSEWHERE) {
  Deno.test(`task notes signs of life and progress in ${state} too`, () => {
    const task = make();
    task.send({ type: "slot.granted" });
    for (const event of enter) task.send(event);
    task.pass(SECOND);
    task.send({ type: "executor.activity" });
    assertEquals(task.context.times.lastActivityAt, NOW + SECOND);
    task.pass(SECOND);
    task.send({ type: "executor.progress", progress: { step: 4 } });
    assertEquals(task.context.times.lastActivityAt, NOW + 2 * SECOND);
    assertEquals(task.context.progress.step, 4);
    assertEquals(task.state, state);
  });
}

/** Lets time pass with a sign of life now and then. */
function quietly(task: TaskOnStage, ms: number): void {
  for (let left = ms; left > 0; left -= 10 * MINUTE) {
    task.send({ type: "executor.activity" });
    task.pass(Math.min(left, 10 * MINUTE));
  }
}
