import { assertEquals, assertRejects } from "@std/assert";
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
  type ExecutorResult,
} from "../../actors/adapters/executor/executor.ts";
import type { EffectContext } from "../../actors/runtime/kind.ts";
import { createRegistry } from "../../actors/runtime/registry.ts";
import { createTaskKind } from "../../actors/task.ts";
import { newContext } from "../../machines/task_context.ts";
import { type AttemptInput, attemptRequest } from "../../machines/task_requests.ts";

const RESULT: ExecutorResult = {
  exitCode: 0,
  signal: null,
  output: "",
  truncated: false,
  outputBytes: 0,
  workDir: null,
  durationMs: 1,
};

Deno.test("createTaskKind() makes a kind that can be durable", () => {
  const kind = createRegistry([createTaskKind({ executors: {} })]).get("task");
  assertEquals(kind.name, "task");
});

Deno.test("createTaskKind() hands its redaction to the runtime", () => {
  const redact = (text: string) => text.replaceAll("s3cret", "***");
  assertEquals(createTaskKind({ executors: {}, redact }).redact?.("a s3cret"), "a ***");
  assertEquals("redact" in createTaskKind({ executors: {} }), false);
});

Deno.test("executor effect runs an attempt with the executor that the task names", async () => {
  const { executor, calls } = stub();
  const effect = effectOf({ command: executor });
  assertEquals(await effect.run(attempt("command"), context()), RESULT);
  assertEquals(await effect.reattach?.(attempt("command"), context()), RESULT);
  assertEquals(calls.map(([call, { taskId }]) => [call, taskId]), [
    ["run", "task_a"],
    ["reattach", "task_a"],
  ]);
});

Deno.test("executor effect adds what the output tells, without secrets", async () => {
  const output = '@holdfast {"summary": "with hunter2"}';
  const redact = (text: string) => text.replaceAll("hunter2", "***");
  const effect = effectOf({ command: stub({ ...RESULT, output }).executor }, redact);
  const told = { ...RESULT, output, report: { summary: "with ***" } };
  assertEquals(await effect.run(attempt("command"), context()), told);
  assertEquals(await effect.reattach?.(attempt("command"), context()), told);
});

Deno.test("executor effect leaves time and retries to the statechart", () => {
  const { timeoutMs, maxAttempts, onRestart } = effectOf({});
  assertEquals([timeoutMs, maxAttempts, onRestart], [Infinity, 1, "reattach"]);
});

for (const name of ["acp", "toString"]) {
  Deno.test(`executor effect refuses executor "${name}", which is not there`, async () => {
    const effect = effectOf({ command: stub().executor });
    const error = await assertRejects(
      async () => await effect.run(attempt(name), context()),
      ExecutorError,
      `Cannot run task "task_a": executor "${name}" is not one of command`,
    );
    assertEquals(error.code, "spawn_failed");
  });
}

/** The effect with its input's type back. */
function effectOf(executors: { [name: string]: Executor }, redact = (text: string) => text) {
  const effect = createTaskKind({ executors, redact }).effects?.executor;
  if (effect === undefined) throw new Error("The kind has no effect named executor");
  return effect as Omit<typeof effect, "run" | "reattach"> & {
    run(input: AttemptInput, context: EffectContext): unknown;
    reattach?(input: AttemptInput, context: EffectContext): unknown;
  };
}

function stub(result = RESULT) {
  const calls: [call: string, input: ExecutorInput][] = [];
  const note = (call: string) => (input: ExecutorInput) => {
    calls.push([call, input]);
    return Promise.resolve(result);
  };
  const available = () => Promise.resolve({ ok: true, reason: null, details: {} });
  const executor = { name: "command", run: note("run"), reattach: note("reattach"), available };
  return { executor, calls };
}

function attempt(executor: string): AttemptInput {
  return attemptRequest({ context: newContext({ id: "task_a", createdAt: 0, executor }) });
}

function context(): EffectContext {
  return {
    key: "task:task_a/2/0",
    attempt: 1,
    address: "task:task_a",
    signal: new AbortController().signal,
    send: () => Promise.resolve(),
    receive: () => {},
    append: () => {},
  };
}
