/** What a task's maker is told at its end. */
import { assertEquals } from "@std/assert";
import type { TaskOutput } from "../../machines/task_setup.ts";
import { exit, make, MINUTE, ORPHANED, run, SECOND, start, STARTED } from "./task_stage.ts";
import type { TaskOnStage } from "./task_stage.ts";

const outputOf = (task: TaskOnStage) => task.output as TaskOutput;

Deno.test("task that never ran ends with nothing used, and with the session it was given", () => {
  const task = make({ session: "s-1" });
  task.send({ type: "task.cancel", reason: "Not needed" });
  assertEquals(outputOf(task), {
    state: "cancelled",
    result: null,
    error: { code: "cancelled", message: "Not needed" },
    sessionId: "s-1",
    usage: { tokens: 0, costUsd: 0 },
    workedMs: 0,
  });
});

const SESSIONS: readonly {
  of: string;
  asked?: string;
  said?: string;
  told?: unknown;
  is: unknown;
}[] = [
  { of: "nobody", is: null },
  { of: "its maker", asked: "s-1", is: "s-1" },
  { of: "its report, before its maker's", asked: "s-1", told: "s-2", is: "s-2" },
  { of: "its executor, before all others", asked: "s-1", told: "s-2", said: "s-3", is: "s-3" },
  { of: "its maker, where the report holds something else", asked: "s-1", told: 5, is: "s-1" },
];

for (const { of, asked, said, told, is } of SESSIONS) {
  Deno.test(`task ends with the session of ${of}`, () => {
    const task = make(asked === undefined ? {} : { session: asked });
    task.send({ type: "slot.granted" });
    task.send({ ...STARTED, ...said === undefined ? {} : { sessionId: said } });
    task.send(exit({ exitCode: 0, report: { session: told } }));
    assertEquals(outputOf(task).sessionId, is);
  });
}

Deno.test("task ends with what its executor counted and its report told", () => {
  const task = run();
  const progress = {
    ...{ inputTokens: 1, outputTokens: 20, reasoningTokens: 300, cacheReadTokens: 5_000 },
    costUsd: 0.5,
  };
  task.send({ type: "executor.progress", progress });
  task.send(exit({ exitCode: 0, report: { usage: { tokens: 4_000, costUsd: 0.25 } } }));
  assertEquals(outputOf(task).usage, { tokens: 4_321, costUsd: 0.75 });
});

Deno.test("task ends with what all its attempts reported to have used", () => {
  const task = run({ retryOn: ["exit_code"], maxAttempts: 3 });
  for (const [tokens, costUsd] of [[1_000, 0.5], [200, 0.25]]) {
    task.send(exit({ exitCode: 1, report: { usage: { tokens, costUsd } } }));
    task.send({ type: "task.retry" });
    start(task);
  }
  task.send(exit({ exitCode: 0, report: { usage: { tokens: 30 } } }));
  assertEquals(outputOf(task).usage, { tokens: 1_230, costUsd: 0.75 });
});

const FOREIGN: readonly unknown[] = [
  null,
  "done",
  { usage: 5 },
  { usage: { tokens: "9", costUsd: -1 } },
  { usage: { tokens: -1, costUsd: null } },
];

for (const report of FOREIGN) {
  Deno.test(`task counts nothing of the report ${JSON.stringify(report)} of a caller`, () => {
    const task = run();
    task.send({ type: "task.complete", result: { report } });
    assertEquals(outputOf(task).state, "succeeded");
    assertEquals(outputOf(task).usage, { tokens: 0, costUsd: 0 });
    assertEquals(outputOf(task).sessionId, null);
  });
}

const ENDINGS: readonly { of: string; event: { type: string; [field: string]: unknown } }[] = [
  { of: "its exit", event: exit({ exitCode: 0 }) },
  { of: "its failure", event: exit({ exitCode: 1 }) },
  { of: "task.complete", event: { type: "task.complete" } },
  { of: "task.cancel", event: { type: "task.cancel" } },
];

for (const { of, event } of ENDINGS) {
  Deno.test(`task counts its work up to ${of}, without the time in which it was paused`, () => {
    const task = run();
    task.pass(3 * MINUTE);
    task.send({ type: "task.pause" });
    task.pass(20 * MINUTE);
    task.send({ type: "task.resume" });
    task.send({ type: "slot.granted" });
    task.pass(10 * SECOND);
    task.send(event);
    assertEquals(outputOf(task).workedMs, 3 * MINUTE + 10 * SECOND);
  });
}

Deno.test("task counts its work up to its time limit", () => {
  const task = run({ maxAttempts: 1, timeoutMs: 7 * MINUTE });
  task.pass(7 * MINUTE);
  assertEquals([outputOf(task).state, outputOf(task).workedMs], ["timedOut", 7 * MINUTE]);
});

Deno.test("task counts the work of its last attempt alone", () => {
  const task = run();
  task.pass(5 * MINUTE);
  task.send(ORPHANED);
  task.send({ type: "task.retry" });
  start(task);
  task.pass(2 * SECOND);
  task.send(exit({ exitCode: 0 }));
  assertEquals(outputOf(task).workedMs, 2 * SECOND);
});
