/** What a task waits for before it is handed out. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ended, make, MINUTE, NOW, ORPHANED, SECOND } from "./task_stage.ts";

Deno.test("task without preconditions is queued at once", () => {
  const task = make();
  assertEquals(task.state, "queued");
  assertEquals(task.context.times.queuedAt, NOW);
  assertEquals(task.tags.sort(), ["holdsSlot", "waiting"]);
});

Deno.test("task waits for its start time, not a millisecond less", () => {
  const task = make({ startAt: NOW + MINUTE });
  assertEquals(task.state, "pending");
  assertEquals([...task.children.keys()], []);
  task.pass(MINUTE - 1);
  assertEquals(task.state, "pending");
  task.pass(1);
  assertEquals(task.state, "queued");
  assertEquals(task.context.times.queuedAt, NOW + MINUTE);
});

Deno.test("task whose start time has passed is queued at once", () => {
  assertEquals(make({ startAt: NOW }).state, "queued");
});

Deno.test("task starts when all its dependencies have succeeded", () => {
  const task = make({ dependsOn: ["task_x", "task_y", "task_x"] });
  assertEquals(task.children.get("dependencies")?.input, {
    addresses: ["task:task_x", "task:task_y"],
  });
  task.send(ended("task_x", "succeeded"));
  task.send(ended("task_x", "succeeded"));
  assertEquals(task.state, "pending");
  assertEquals(task.context.waitsFor, ["task_y"]);
  task.send(ended("task_y", "succeeded"));
  assertEquals(task.state, "queued");
  assertEquals([...task.children.keys()], ["slot"]);
});

const BAD_ENDS = [
  { status: "done", state: "failed", says: 'task:task_x ended as "failed"' },
  { status: "done", state: "cancelled", says: 'task:task_x ended as "cancelled"' },
  { status: "done", state: "timedOut", says: 'task:task_x ended as "timedOut"' },
  { status: "error", state: "running.working", says: 'task:task_x ended as "error"' },
  { status: "stopped", state: "succeeded", says: 'task:task_x ended as "stopped"' },
  { status: "missing", state: "", says: "task:task_x does not exist" },
];

for (const { status, state, says } of BAD_ENDS) {
  Deno.test(`task is cancelled when a dependency's end is ${status} ${state}`, () => {
    const task = make({ dependsOn: ["task_x", "task_y"], startAt: NOW + MINUTE });
    task.send({ type: "actor.ended", address: "task:task_x", status, state });
    assertEquals(task.state, "cancelled");
    assertEquals(task.context.error, { code: "dependency_failed", message: `Dependency ${says}` });
    assertEquals(task.children.size, 0);
  });
}

Deno.test("task waits for a person's approval", () => {
  const task = make({ requireApproval: true });
  assertEquals(task.state, "pending");
  task.send({ type: "task.approve" });
  assertEquals(task.state, "queued");
});

Deno.test("task that a person rejects is cancelled", () => {
  const task = make({ requireApproval: true });
  task.send({ type: "task.reject", reason: "Too dear" });
  assertEquals(task.state, "cancelled");
  assertEquals(task.context.error, { code: "rejected", message: "Too dear" });
});

Deno.test("task waits for all its preconditions, and approval is asked for once", () => {
  const task = make({ requireApproval: true, startAt: NOW + MINUTE, dependsOn: ["task_x"] });
  assert(task.send({ type: "task.approve" }));
  assert(!task.send({ type: "task.approve" }));
  task.pass(MINUTE);
  assertEquals(task.state, "pending");
  task.send(ended("task_x", "succeeded"));
  assertEquals(task.state, "queued");
});

Deno.test("task may wait in the queue for ever unless it has a limit", () => {
  const task = make();
  assertEquals(task.timers, {});
  task.pass(365 * 24 * 60 * MINUTE);
  assertEquals(task.state, "queued");
});

Deno.test("task fails when its time in the queue is over", () => {
  const task = make({ queueTtlMs: MINUTE });
  task.pass(MINUTE);
  assertEquals(task.state, "failed");
  assertEquals(task.context.error?.code, "queue_expired");
  assertMatch(task.context.error?.message ?? "", /60000 ms/);
});

Deno.test("task counts its time in the queue over all attempts", () => {
  const task = make({ queueTtlMs: MINUTE });
  task.pass(50 * SECOND);
  task.send({ type: "slot.granted" });
  task.send(ORPHANED);
  task.pass(10 * SECOND);
  assertEquals(task.state, "queued");
  // It has waited again since its backoff of a second at most.
  const waited = task.now - (task.context.times.queuedAt ?? 0);
  assertEquals(task.timers, { queueTtl: 10 * SECOND - waited });
});
