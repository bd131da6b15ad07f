/** Failures of a task, and which of them it tries again. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  exit,
  failure,
  MINUTE,
  NOTHING_MORE,
  NOW,
  ORPHANED,
  run,
  SECOND,
  start,
} from "./task_stage.ts";

const OWN_FAILURES = [
  { output: { exitCode: 3, signal: null }, code: "exit_code", says: "exited with code 3" },
  { output: { exitCode: null, signal: "SIGSEGV" }, code: "signal", says: "by signal SIGSEGV" },
];

for (const { output, code, says } of OWN_FAILURES) {
  Deno.test(`task fails at once with ${code} and keeps the result: the failure is its own`, () => {
    const task = run();
    task.send(exit(output));
    assertEquals(task.state, "failed");
    assertEquals(task.context.result, output);
    assertEquals(task.context.error?.code, code);
    assertMatch(task.context.error?.message ?? "", new RegExp(says));
  });
}

Deno.test("task tries a failure of its own again where it lists the code", () => {
  const task = run({ retryOn: ["exit_code"] });
  task.send(exit({ exitCode: 3 }));
  assertEquals(task.state, "retrying");
  assertEquals(task.context.result, { exitCode: 3 });
  task.send({ type: "task.retry" });
  task.send({ type: "slot.granted" });
  assertEquals([task.context.result, task.context.times.startedAt], [null, null]);
});

for (const code of ["runtime_offline", "orphaned", "timeout", "network", "rate_limited"]) {
  Deno.test(`task tries again after ${code}`, () => {
    const task = run();
    task.send(failure(code, "Out of luck"));
    assertEquals(task.state, "retrying");
    assertEquals(task.context.error, { code, message: "Out of luck" });
  });
}

for (const code of ["command_not_found", "workspace_not_found", "spawn_failed", undefined]) {
  Deno.test(`task fails at once after an executor's error with code ${code}`, () => {
    const task = run();
    task.send(failure(code, "No such file"));
    assertEquals(task.state, "failed");
    const expected = { code: code ?? "executor_failed", message: "No such file" };
    assertEquals(task.context.error, expected);
  });
}

Deno.test("task waits before the next attempt, holds nothing meanwhile, and takes up the queue", () => {
  const task = run();
  task.send(ORPHANED);
  assertEquals(task.children.size, 0);
  const { retryBackoff = 0 } = task.timers;
  assert(retryBackoff > 500 && retryBackoff <= 1_000, `it waits ${retryBackoff} ms`);
  assertEquals(task.context.times.retryAt, NOW + retryBackoff);
  task.pass(retryBackoff);
  assertEquals(task.state, "queued");
  assertEquals([task.context.attempt, task.context.epoch], [2, 2]);
  assertEquals(task.context.times.retryAt, null);
  task.send({ type: "slot.granted" });
  const input = task.children.get("executor")?.input as { attempt: number; previous: unknown };
  assertEquals(input.attempt, 2);
  assertEquals(input.previous, { pid: 7, startedTicks: 70 });
});

Deno.test("task fails as orphaned, and says so, when no attempt is left", () => {
  const task = run({ maxAttempts: 1 });
  task.send(ORPHANED);
  assertEquals(task.state, "failed");
  assertEquals(task.context.error, { code: "orphaned", message: "Its process is gone" });
});

Deno.test("task that succeeds at a later attempt has no error", () => {
  const task = run();
  task.send(ORPHANED);
  task.send({ type: "task.retry" });
  start(task);
  assertEquals(task.context.error?.code, "orphaned");
  task.send(exit({ exitCode: 0 }));
  assertEquals(task.output, {
    state: "succeeded",
    result: { exitCode: 0 },
    error: null,
    ...NOTHING_MORE,
  });
});

Deno.test("task waits twice as long before each attempt, with jitter, at most 5 minutes", () => {
  const task = run({ maxAttempts: 20, maxAttemptsTotal: 20 });
  for (let attempt = 1; attempt < 20; attempt++) {
    task.send(ORPHANED);
    const whole = Math.min(5 * MINUTE, SECOND * 2 ** (attempt - 1));
    const { retryBackoff = 0 } = task.timers;
    assert(retryBackoff > whole / 2 && retryBackoff <= whole, `${attempt}: ${retryBackoff} ms`);
    task.pass(retryBackoff);
    start(task);
  }
  task.send(ORPHANED);
  assertEquals(task.state, "failed");
});

Deno.test("task counts its attempts anew after real progress, but not what it had in all", () => {
  const task = run({ maxAttempts: 2, maxAttemptsTotal: 4 });
  for (let epoch = 1; epoch < 4; epoch++) {
    assertEquals(task.context.epoch, epoch);
    task.send({ type: "executor.progress", progress: { toolCallCount: epoch } });
    assertEquals(task.context.attempt, 1);
    task.send(ORPHANED);
    assertEquals(task.state, "retrying");
    task.send({ type: "task.retry" });
    assertEquals(task.context.attempt, 2);
    start(task);
  }
  assertEquals(task.context.progress.toolCallCount, 3);
  task.send({ type: "executor.progress" });
  task.send(ORPHANED);
  assertEquals(task.state, "failed");
});

Deno.test("task keeps of a progress report only what it knows", () => {
  const task = run();
  task.send({ type: "executor.progress", progress: { step: 2, total: 5, mood: "good" } });
  assertEquals(task.context.progress.step, 2);
  assert(!("mood" in task.context.progress));
});

Deno.test("task can be told to try again at once", () => {
  const task = run();
  task.send(ORPHANED);
  task.send({ type: "task.retry" });
  assertEquals(task.state, "queued");
  assertEquals([task.context.attempt, task.context.epoch], [2, 2]);
  assertEquals(task.timers, {});
});
