/** A task that waits for a person. */
import { assert, assertEquals } from "@std/assert";
import { exit, keyOf, MINUTE, NOTHING_MORE, ORPHANED, run, start } from "./task_stage.ts";

const WAITS = [
  {
    state: "running.waitingForInput",
    enter: { type: "executor.inputRequested", question: "Which?" },
    question: "Which?",
    leave: { type: "task.input", data: "this" },
    told: { type: "executor.input", data: "this" },
  },
  {
    state: "running.waitingForInput",
    enter: { type: "executor.inputRequested" },
    question: null,
    leave: { type: "task.input", eof: true },
    told: { type: "executor.input", eof: true },
  },
  {
    state: "running.waitingForPermission",
    enter: { type: "executor.permissionRequested", question: "May I?" },
    question: "May I?",
    leave: { type: "task.approve" },
    told: { type: "executor.permission", granted: true },
  },
  {
    state: "running.waitingForPermission",
    enter: { type: "executor.permissionRequested", question: "May I?" },
    question: "May I?",
    leave: { type: "task.reject" },
    told: { type: "executor.permission", granted: false },
  },
  {
    state: "running.paused",
    enter: { type: "task.pause" },
    question: null,
    leave: { type: "task.resume" },
    told: { type: "executor.resume" },
  },
];

for (const { state, enter, question, leave, told } of WAITS) {
  Deno.test(`task holds no slot in ${state}, and after ${leave.type} goes on once it has one`, () => {
    const task = run();
    const [slot, executor] = [keyOf(task, "slot"), keyOf(task, "executor")];
    task.send(enter);
    assertEquals(task.state, state);
    assertEquals([...task.children.keys()], ["executor"]);
    assertEquals(task.timers, {});
    assertEquals(task.context.question, question);
    task.told.length = 0;
    task.send(leave);
    assertEquals(task.state, "running.resuming");
    assertEquals(task.context.question, null);
    assertEquals(task.told, []);
    assert(keyOf(task, "slot") !== slot);
    task.send({ type: "slot.granted" });
    assertEquals(task.state, "running.working");
    assertEquals(task.told, [told]);
    assertEquals(task.context.answer, null);
    assertEquals(keyOf(task, "executor"), executor);
  });
}

Deno.test("task tells its executor to pause when it is paused", () => {
  const task = run();
  task.send({ type: "task.pause" });
  assertEquals(task.told, [{ type: "executor.pause" }]);
});

Deno.test("task that is paused stays so when a restart cuts it off, and says why", () => {
  const task = run({ maxAttempts: 1 });
  task.send({ type: "task.pause" });
  task.send(ORPHANED);
  assertEquals(task.state, "running.paused");
  assertEquals([...task.children.keys()], []);
  assertEquals(task.timers, {});
  assertEquals(task.context.error, { code: "orphaned", message: "Its process is gone" });
});

Deno.test("task that was cut off while paused begins anew when it is resumed, at no cost", () => {
  const task = run({ maxAttempts: 1, queueTtlMs: MINUTE });
  task.send({ type: "task.pause" });
  task.send(ORPHANED);
  assert(task.send({ type: "task.resume" }));
  assertEquals(task.state, "queued");
  assertEquals([...task.children.keys()], ["slot"]);
  assertEquals([task.context.attempt, task.context.epoch], [1, 2]);
  start(task);
  assertEquals(task.state, "running.working");
  task.send(exit({ exitCode: 0 }));
  assertEquals(task.output, {
    state: "succeeded",
    result: { exitCode: 0 },
    error: null,
    ...NOTHING_MORE,
  });
});

Deno.test("task that was cut off while paused can be cancelled", () => {
  const task = run();
  task.send({ type: "task.pause" });
  task.send(ORPHANED);
  assert(task.send({ type: "task.cancel" }));
  assertEquals(task.state, "cancelled");
});

Deno.test("task that is cut off while paused fails where no hand-out is left", () => {
  const task = run({ maxAttemptsTotal: 1 });
  task.send({ type: "task.pause" });
  task.send(ORPHANED);
  assertEquals(task.state, "failed");
  assertEquals(task.context.error?.code, "orphaned");
});

Deno.test("task ends when its executor does while a person is waited for", () => {
  for (const event of [exit({ exitCode: 0 }), exit({ exitCode: 1 })]) {
    const task = run();
    task.send({ type: "task.pause" });
    task.send(event);
    assertEquals(task.state, event.output.exitCode === 0 ? "succeeded" : "failed");
  }
});

Deno.test("task tells the next executor nothing that was said to the one before", () => {
  const task = run();
  task.send({ type: "executor.inputRequested", question: "Which?" });
  task.send({ type: "task.input", data: "this" });
  task.send(ORPHANED);
  task.send({ type: "task.retry" });
  start(task);
  task.send({ type: "task.pause" });
  task.send({ type: "task.resume" });
  task.send({ type: "slot.granted" });
  assertEquals(task.told, [{ type: "executor.pause" }, { type: "executor.resume" }]);
});

Deno.test("task that is interrupted tells its executor and stays as it is", () => {
  const task = run();
  assert(task.send({ type: "task.interrupt" }));
  assertEquals(task.state, "running.working");
  assertEquals(task.told, [{ type: "executor.interrupt" }]);
});

Deno.test("task passes input on while it works only where it is interactive", () => {
  const task = run({ interactive: true });
  assert(task.send({ type: "task.input", data: "y\n" }));
  assertEquals(task.told, [{ type: "executor.input", data: "y\n" }]);
  assert(!run().send({ type: "task.input", data: "y\n" }));
});
