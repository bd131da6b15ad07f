/** One attempt of a task: how it is handed out, and how it ends. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  exit,
  keyOf,
  make,
  MINUTE,
  NOTHING_MORE,
  NOW,
  ORPHANED,
  run,
  SECOND,
  STARTED,
} from "./task_stage.ts";

Deno.test("task is handed to its executor when it has its slot, with all that it needs", () => {
  const task = make({
    workspace: { repo: "https://example.org/x.git", ref: "main" },
    env: { A: "1" },
    envFrom: ["HOME"],
    interactive: true,
  });
  task.send({ type: "slot.granted" });
  assertEquals(task.state, "dispatched");
  assertEquals(task.tags.sort(), ["active", "holdsSlot"]);
  assertEquals(task.children.get("executor")?.input, {
    executor: "command",
    taskId: "task_a",
    attempt: 1,
    epoch: 1,
    command: ["make", "all"],
    prompt: null,
    session: null,
    vm: null,
    workspace: { repo: "https://example.org/x.git", ref: "main" },
    env: { A: "1" },
    envFrom: ["HOME"],
    interactive: true,
    activityEveryMs: 10 * SECOND,
    killGraceMs: 3 * SECOND,
    previous: null,
  });
});

Deno.test("task that no executor confirms in 45 s goes back to the queue with a new epoch", () => {
  const task = make();
  task.send({ type: "slot.granted" });
  const [slot, executor] = [keyOf(task, "slot"), keyOf(task, "executor")];
  task.pass(45 * SECOND - 1);
  assertEquals(task.state, "dispatched");
  task.pass(1);
  assertEquals(task.state, "queued");
  assertEquals([task.context.attempt, task.context.epoch], [1, 2]);
  assert(!task.children.has("executor"));
  assert(keyOf(task, "slot") !== slot, "the slot was given back and asked for anew");
  task.send({ type: "slot.granted" });
  assert(keyOf(task, "executor") !== executor);
});

Deno.test("task that is never confirmed fails after its hand-outs in all", () => {
  const task = make({ maxAttemptsTotal: 3 });
  for (let handOut = 1; handOut <= 3; handOut++) {
    assertEquals(task.state, "queued");
    task.send({ type: "slot.granted" });
    task.pass(45 * SECOND);
  }
  assertEquals(task.state, "failed");
  assertEquals(task.context.epoch, 3);
  assertEquals(task.context.error?.code, "dispatch_timeout");
  assertMatch(task.context.error?.message ?? "", /45000 ms.*3 times/);
});

Deno.test("task whose executor gets the workspace ready is confirmed", () => {
  const task = make();
  task.send({ type: "slot.granted" });
  task.send({ type: "executor.preparing", what: "repository" });
  assertEquals(task.timers, {});
  task.pass(20 * MINUTE);
  assertEquals(task.state, "dispatched");
  task.send(STARTED);
  assertEquals(task.state, "running.working");
});

Deno.test("task remembers what was started", () => {
  const task = make();
  task.send({ type: "slot.granted" });
  task.send({ ...STARTED, sessionId: "session_1" });
  assertEquals(task.context.sessionId, "session_1");
  assertEquals(task.state, "running.working");
  const { process, times, workDir } = task.context;
  assertEquals([times.startedAt, times.lastActivityAt, workDir], [NOW, NOW, "/w"]);
  assertEquals(process, { pid: 7, startedTicks: 70 });
});

Deno.test("task remembers a process only by pid and start together", () => {
  const task = make();
  task.send({ type: "slot.granted" });
  task.send({ type: "executor.started", pid: 7 });
  assertEquals(task.state, "running.working");
  assertEquals(task.context.process, null);
});

Deno.test("task succeeds with the result of a command that exits with 0", () => {
  const task = run();
  const output = { exitCode: 0, signal: null, output: "done\n", truncated: false };
  task.pass(SECOND);
  task.send({ type: "xstate.done.actor.executor", output });
  assertEquals(task.state, "succeeded");
  assertEquals(task.output, {
    ...NOTHING_MORE,
    state: "succeeded",
    result: output,
    error: null,
    workedMs: SECOND,
  });
  assertEquals(task.context.times.endedAt, NOW + SECOND);
  assertEquals(task.children.size, 0);
  assertEquals(task.timers, {});
});

Deno.test("task ends also when its command was over before it was confirmed", () => {
  const task = make();
  task.send({ type: "slot.granted" });
  task.send(exit({ exitCode: 0 }));
  assertEquals(task.state, "succeeded");
});

Deno.test("task that is cancelled lets its executor and its slot go and says why", () => {
  const task = run();
  task.pass(SECOND);
  task.send({ type: "task.cancel", reason: "Not needed" });
  assertEquals(task.state, "cancelled");
  assertEquals(task.children.size, 0);
  assertEquals(task.context.times.endedAt, NOW + SECOND);
  const error = { code: "cancelled", message: "Not needed" };
  assertEquals(task.output, {
    ...NOTHING_MORE,
    state: "cancelled",
    result: null,
    error,
    workedMs: SECOND,
  });
});

Deno.test("task that is cancelled before its next attempt does not count that attempt", () => {
  const task = run();
  task.send(ORPHANED);
  task.send({ type: "task.cancel" });
  assertEquals([task.context.attempt, task.context.epoch], [1, 1]);
  assertEquals(task.context.times.retryAt, null);
});

Deno.test("task that others report as complete succeeds with their result", () => {
  const task = run();
  task.send({ type: "task.complete", result: { summary: "All green" } });
  assertEquals(task.output, {
    state: "succeeded",
    result: { summary: "All green" },
    error: null,
    ...NOTHING_MORE,
  });
});

Deno.test("task that others report as failed follows the retry policy", () => {
  const task = run();
  task.send({ type: "task.fail", code: "network", message: "No route" });
  assertEquals(task.state, "retrying");
  task.send({ type: "task.retry" });
  task.send({ type: "slot.granted" });
  task.send({ type: "task.fail", code: "refused", message: "Would not" });
  assertEquals(task.state, "failed");
  assertEquals(task.context.error, { code: "refused", message: "Would not" });
});
