import { assert, assertEquals } from "@std/assert";
import type { JsonObject } from "../../actors/runtime/json.ts";
import type { ActorRecord } from "../../actors/runtime/kind.ts";
import { taskIndex, taskSummary, taskView } from "../../actors/task_view.ts";
import { newContext, type TaskContext } from "../../machines/task_context.ts";
import type { TaskInput } from "../../machines/task_input.ts";

Deno.test("taskView() shows every setting, with the state and the times", () => {
  const view = taskView(record({ input: { labels: { team: "a" }, startAt: 9 } }));
  assertEquals(view, {
    id: "task_a",
    title: "make",
    prompt: null,
    session: null,
    executor: "command",
    kind: "command",
    command: ["make"],
    workspace: null,
    vm: null,
    envNames: [],
    interactive: false,
    priority: 0,
    dependsOn: [],
    startAt: 9,
    timeoutMs: 9_000_000,
    dispatchTimeoutMs: 45_000,
    stuckAfterMs: 1_800_000,
    queueTtlMs: null,
    killGraceMs: 3_000,
    maxAttempts: 2,
    maxAttemptsTotal: 10,
    retryOn: ["runtime_offline", "orphaned", "timeout", "network", "rate_limited"],
    labels: { team: "a" },
    agent: null,
    key: null,
    coalesceKey: null,
    parent: null,
    trigger: "manual",
    createdBy: null,
    retryOf: null,
    requireApproval: false,
    createdAt: 1,
    state: "queued",
    revision: 3,
    attempt: 1,
    epoch: 1,
    waitsFor: [],
    result: null,
    error: null,
    question: null,
    sessionId: null,
    workDir: null,
    progress: {
      lastActivityAt: null,
      currentActivity: null,
      step: null,
      total: null,
      toolCallCount: 0,
      inputTokens: 0,
      outputTokens: 0,
      cacheReadTokens: 0,
      reasoningTokens: 0,
      costUsd: 0,
    },
    queuedAt: null,
    startedAt: null,
    stuckAt: null,
    retryAt: null,
    endedAt: null,
    updatedAt: 2,
  });
});

Deno.test("taskView() names the variables of the environment and shows none of their values", () => {
  const view = taskView(record({ input: { env: { TOKEN: "hunter2" }, envFrom: ["HOME"] } }));
  assertEquals(view.envNames, ["TOKEN", "HOME"]);
  assert(!JSON.stringify(view).includes("hunter2"));
});

Deno.test("taskSummary() leaves out what may be long", () => {
  const result = { exitCode: 0, output: "x".repeat(1_000), truncated: false, tail: "x" };
  const summary = taskSummary(record({ input: { prompt: "p" }, context: { result } }));
  assertEquals(summary.result, { exitCode: 0, truncated: false });
  assertEquals([summary.prompt, summary.command], [undefined, undefined]);
  assertEquals(summary.title, "p");
  assertEquals(taskSummary(record({})).result, null);
});

Deno.test("taskIndex() finds a task by all that lists are filtered by", () => {
  const input: Partial<TaskInput> = {
    labels: { team: "a", area: "web" },
    priority: 3,
    agent: "builder",
    workspace: { repo: "https://example.org/x.git" },
    parent: "goal:g",
    trigger: "goal",
  };
  assertEquals(taskIndex(record({ input })), {
    label: ["team", "team=a", "area", "area=web"],
    priority: "3",
    agent: "builder",
    workspace: "https://example.org/x.git",
    parent: "goal:g",
    trigger: "goal",
  });
  assertEquals(taskIndex(record({})), { label: [], priority: "0", trigger: "manual" });
});

for (const state of ["pending", "queued"]) {
  Deno.test(`taskIndex() finds a task by its coalesceKey while it is ${state}`, () => {
    assertEquals(taskIndex(record({ input: { coalesceKey: "c" }, state })).coalesceKey, "c");
  });
}

for (const state of ["dispatched", "running.working", "retrying", "succeeded"]) {
  Deno.test(`taskIndex() does not find a task by its coalesceKey once it is ${state}`, () => {
    assertEquals(taskIndex(record({ input: { coalesceKey: "c" }, state })).coalesceKey, undefined);
  });
}

function record(
  { input, context, state = "queued" }: {
    input?: Partial<TaskInput>;
    context?: Partial<TaskContext>;
    state?: string;
  },
): ActorRecord {
  const made = newContext({ id: "task_a", command: ["make"], createdAt: 1, ...input });
  return {
    address: "task:task_a",
    kind: "task",
    id: "task_a",
    version: "1.0",
    revision: 3,
    status: "active",
    state,
    value: {},
    context: { ...made, ...context } as unknown as JsonObject,
    tags: [],
    parent: null,
    blocked: null,
    createdAt: 1,
    updatedAt: 2,
    createdSeq: 1,
    archivedAt: null,
  };
}
