import { assertEquals } from "@std/assert";
import { settingsOf, type TaskInput } from "../../machines/task_input.ts";

const MINUTE_MS = 60_000;

Deno.test("settingsOf() fills in every default", () => {
  assertEquals(settingsOf({ id: "task_a", createdAt: 5, command: ["make"] }), {
    id: "task_a",
    title: "make",
    prompt: null,
    session: null,
    executor: "command",
    kind: "command",
    command: ["make"],
    workspace: null,
    vm: null,
    env: {},
    envFrom: [],
    interactive: false,
    priority: 0,
    dependsOn: [],
    startAt: null,
    timeoutMs: 150 * MINUTE_MS,
    dispatchTimeoutMs: 45_000,
    stuckAfterMs: 30 * MINUTE_MS,
    queueTtlMs: null,
    killGraceMs: 3_000,
    maxAttempts: 2,
    maxAttemptsTotal: 10,
    retryOn: ["runtime_offline", "orphaned", "timeout", "network", "rate_limited"],
    labels: {},
    agent: null,
    key: null,
    coalesceKey: null,
    parent: null,
    trigger: "manual",
    createdBy: null,
    retryOf: null,
    requireApproval: false,
    createdAt: 5,
  });
});

Deno.test("settingsOf() keeps all that is given", () => {
  const given = {
    id: "task_a",
    title: "Build",
    prompt: "Build it",
    session: "s",
    executor: "acp",
    kind: "agent",
    command: ["make"],
    vm: { id: "vm_a", make: null },
    workspace: { path: "/srv/app" },
    env: { A: "1" },
    envFrom: ["HOME"],
    interactive: true,
    priority: 3,
    dependsOn: ["task_x"],
    startAt: 9,
    timeoutMs: 1,
    dispatchTimeoutMs: 2,
    stuckAfterMs: 3,
    queueTtlMs: 4,
    killGraceMs: 5,
    maxAttempts: 6,
    maxAttemptsTotal: 7,
    retryOn: [],
    labels: { team: "a" },
    agent: "builder",
    key: { name: "k", exclusive: false },
    coalesceKey: "c",
    parent: "goal:g",
    trigger: "goal",
    createdBy: "u",
    retryOf: "task_z",
    requireApproval: true,
    createdAt: 8,
  } satisfies TaskInput;
  assertEquals<unknown>(settingsOf(given), given);
});

Deno.test("settingsOf() takes the time at which the task was made, where it is known", () => {
  assertEquals(settingsOf({ id: "task_a", createdAt: 5, at: 7 }).createdAt, 7);
});

const LONG = "x".repeat(200);

const TITLES: readonly [input: Partial<TaskInput>, title: string][] = [
  [{ title: "Mine", prompt: "Other" }, "Mine"],
  [{ prompt: "\n Fix the build \nand more" }, "Fix the build"],
  [{ command: ["deno", "--version"] }, "deno --version"],
  [{ prompt: "Do", command: ["make"] }, "Do"],
  [{ command: [LONG] }, `${"x".repeat(79)}…`],
  [{ command: [] }, "task_a"],
  // A text that has moved to a blob.
  [{ command: ["sh", "-c", { $blob: "0a", bytes: 9_000 } as unknown as string] }, "sh -c"],
  [{ prompt: { $blob: "0a", bytes: 9_000 } as unknown as string }, "task_a"],
];

for (const [input, title] of TITLES) {
  Deno.test(`settingsOf() makes the title "${title}" of ${Object.keys(input).join(" and ")}`, () => {
    assertEquals(settingsOf({ id: "task_a", createdAt: 0, ...input }).title, title);
  });
}
