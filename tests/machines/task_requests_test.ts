import { assertEquals } from "@std/assert";
import type { SlotInput } from "../../machines/lib/builtins.ts";
import { newContext, type TaskContext } from "../../machines/task_context.ts";
import type { TaskInput } from "../../machines/task_input.ts";
import { attemptRequest, slotRequest } from "../../machines/task_requests.ts";

const CASES: readonly { of: string; input: Partial<TaskInput>; asks: SlotInput }[] = [
  {
    of: "a plain task",
    input: {},
    asks: { pools: ["system"], priority: 0 },
  },
  {
    of: "an urgent task in a directory",
    input: { priority: 4, workspace: { path: "/srv/app" } },
    asks: { pools: ["system", "workspace:/srv/app"], priority: 4, share: "/srv/app" },
  },
  {
    of: "a task in a repository, whatever its ref",
    input: { workspace: { repo: "git@example.org:a/b.git", ref: "next" } },
    asks: {
      pools: ["system", "workspace:git@example.org:a/b.git"],
      priority: 0,
      share: "git@example.org:a/b.git",
    },
  },
  {
    of: "an agent's task",
    input: { agent: "reviewer" },
    asks: { pools: ["system", { name: "agent:reviewer", limit: 1 }], priority: 0 },
  },
  {
    of: "a task that goes on with a session",
    input: { session: "web" },
    asks: { pools: ["system", { name: "session:web", limit: 1 }], priority: 0 },
  },
  {
    of: "a task with a key, which is exclusive",
    input: { key: { name: "deploy" } },
    asks: { pools: ["system", { name: "key:deploy", limit: 1 }], priority: 0, share: "deploy" },
  },
  {
    of: "a task with a key that is said to be exclusive",
    input: { key: { name: "deploy", exclusive: true } },
    asks: { pools: ["system", { name: "key:deploy", limit: 1 }], priority: 0, share: "deploy" },
  },
  {
    of: "a task with a key that may be shared, before its workspace",
    input: { key: { name: "docs", exclusive: false }, workspace: { path: "/srv/app" } },
    asks: {
      pools: ["system", "workspace:/srv/app", "key:docs"],
      priority: 0,
      share: "docs",
    },
  },
];

for (const { of, input, asks } of CASES) {
  Deno.test(`slotRequest() asks for the places of ${of}`, () => {
    const context = newContext({ id: "task_a", createdAt: 0, ...input });
    assertEquals(slotRequest({ context }), asks);
  });
}

Deno.test("attemptRequest() hands on the prompt and the session that the task was given", () => {
  const plain = attemptRequest({ context: newContext({ id: "task_a", createdAt: 0 }) });
  assertEquals([plain.prompt, plain.session], [null, null]);
  const input = { id: "task_a", createdAt: 0, prompt: "Fix it", session: "s-1" };
  const { prompt, session } = attemptRequest({ context: newContext(input) });
  assertEquals([prompt, session], ["Fix it", "s-1"]);
});

Deno.test("attemptRequest() knows no session of a task from before there were any", () => {
  const { settings: { session: _, ...older }, ...rest } = newContext({ id: "a", createdAt: 0 });
  const context = { ...rest, settings: older } as unknown as TaskContext;
  assertEquals(attemptRequest({ context }).session, null);
});

Deno.test("attemptRequest() goes on with the session of an earlier attempt", () => {
  const context = newContext({ id: "task_a", createdAt: 0, session: "s-1" });
  assertEquals(attemptRequest({ context: { ...context, sessionId: "s-2" } }).session, "s-2");
});
