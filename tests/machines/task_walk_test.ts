/** The task's statechart, walked through everything that it can do. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import { taskState } from "../../actors/task_state.ts";
import type { Json } from "../../actors/runtime/json.ts";
import { taskMachine } from "../../machines/task.ts";
import type { TaskContext } from "../../machines/task_context.ts";
import type { TaskInput } from "../../machines/task_input.ts";
import { activeNodes, walk, type WalkEvent } from "./walk.ts";

const NOW = 10_000;

const BASE: TaskInput = { id: "task_a", command: ["true"], createdAt: NOW, maxAttemptsTotal: 3 };

const INPUTS: readonly TaskInput[] = [
  BASE,
  { ...BASE, startAt: NOW + 1, dependsOn: ["task_x", "task_y"], requireApproval: true },
  { ...BASE, dependsOn: ["task_x"] },
  { ...BASE, queueTtlMs: 1_000, maxAttempts: 1 },
  { ...BASE, interactive: true, retryOn: ["exit_code", "dispatch_timeout"] },
];

const EVENTS: readonly WalkEvent[] = [
  { type: "task.cancel" },
  { type: "task.pause" },
  { type: "task.resume" },
  { type: "task.retry" },
  { type: "task.input", data: "yes\n" },
  { type: "task.input", eof: true },
  { type: "task.interrupt" },
  { type: "task.complete", result: { exitCode: 0 } },
  { type: "task.fail", code: "network", message: "No route" },
  { type: "task.fail", code: "refused", message: "Would not" },
  { type: "task.approve" },
  { type: "task.reject", reason: "No" },
  { type: "executor.preparing", what: "repository" },
  { type: "executor.started", pid: 7, startedTicks: 70, workDir: "/w" },
  { type: "executor.activity" },
  { type: "executor.progress", progress: { step: 1 } },
  { type: "executor.inputRequested", question: "Which?" },
  { type: "executor.permissionRequested", question: "May I?" },
  { type: "slot.granted" },
  { type: "actor.ended", address: "task:task_x", status: "done", state: "succeeded" },
  { type: "actor.ended", address: "task:task_y", status: "done", state: "succeeded" },
  { type: "actor.ended", address: "task:task_y", status: "done", state: "failed" },
  { type: "xstate.done.actor.executor", output: { exitCode: 0 } },
  { type: "xstate.done.actor.executor", output: { exitCode: 3 } },
  { type: "xstate.error.actor.executor", error: { name: "E", message: "Gone", code: "orphaned" } },
  {
    type: "xstate.error.actor.executor",
    error: { name: "E", message: "What", code: "spawn_failed" },
  },
];

/** Every state by the name that users know, and the commands that each accepts. */
const RUNNING = ["task.cancel", "task.complete", "task.fail"];
const ACCEPTED: { readonly [state: string]: readonly string[] } = {
  pending: ["task.approve", "task.cancel", "task.reject"],
  queued: ["task.cancel"],
  dispatched: ["task.cancel", "task.fail"],
  "running.working": [...RUNNING, "task.input", "task.interrupt", "task.pause"],
  "running.waitingForInput": [...RUNNING, "task.input"],
  "running.waitingForPermission": [...RUNNING, "task.approve", "task.reject"],
  "running.paused": [...RUNNING, "task.resume"],
  "running.resuming": RUNNING,
  retrying: ["task.cancel", "task.retry"],
  succeeded: [],
  failed: [],
  cancelled: [],
  timedOut: [],
};

const ENDED: readonly string[] = ["succeeded", "failed", "cancelled", "timedOut"];
const HOLDING: readonly string[] = ["queued", "dispatched", "running.working", "running.resuming"];

const walked = walk(taskMachine, { inputs: INPUTS, events: EVENTS, situation, at: NOW });

Deno.test("task machine reaches every state", () => {
  assertEquals(walked.statesMissed, []);
});

Deno.test("task machine takes every transition", () => {
  assertEquals(walked.transitionsMissed, []);
});

Deno.test("task machine has the states that users know, and no other", () => {
  const names = new Set(walked.situations.map(nameOf));
  assertEquals([...names].sort(), Object.keys(ACCEPTED).sort());
});

for (const [state, accepted] of Object.entries(ACCEPTED)) {
  Deno.test(`task machine accepts ${accepted.join(", ") || "no command"} in ${state}`, () => {
    const found = new Set<string>();
    for (const situation of walked.situations.filter((one) => nameOf(one) === state)) {
      if (situation.status !== "active") continue;
      for (const event of EVENTS) {
        if (event.type.startsWith("task.") && situation.can(event)) found.add(event.type);
      }
    }
    assertEquals([...found].sort(), [...accepted].sort());
  });
}

Deno.test("task machine is cancelled by task.cancel from every state that is not an end", () => {
  const cancels = walked.steps.filter(({ event }) => event.type === "task.cancel");
  const from = new Set(cancels.map(({ before }) => nameOf(before)));
  assertEquals(
    [...from].sort(),
    Object.keys(ACCEPTED).filter((name) => !ENDED.includes(name)).sort(),
  );
  for (const { after } of cancels) assertEquals(nameOf(after), "cancelled");
});

Deno.test("task machine ends with its state, result and error as output", () => {
  for (const situation of walked.situations) {
    const { result, error } = contextOf(situation);
    const name = nameOf(situation);
    assertEquals(situation.status, ENDED.includes(name) ? "done" : "active");
    assertEquals(
      situation.output,
      ENDED.includes(name) ? { state: name, result, error } : undefined,
    );
    if (name === "succeeded") assert(result !== null && error === null);
    else if (ENDED.includes(name)) assert(error !== null);
  }
});

Deno.test("task machine holds or asks for a slot exactly while it works or wants to", () => {
  for (const situation of walked.situations) {
    const holds = HOLDING.includes(nameOf(situation));
    assertEquals(situation.hasTag("holdsSlot"), holds, nameOf(situation));
    if (situation.status === "active") assertEquals("slot" in situation.children, holds);
  }
});

Deno.test("task machine has an executor exactly while it is dispatched or running", () => {
  for (const situation of walked.situations) {
    const name = nameOf(situation);
    const active = name === "dispatched" || name.startsWith("running.");
    assertEquals(situation.hasTag("active"), active);
    if (situation.status === "active") assertEquals("executor" in situation.children, active, name);
  }
});

Deno.test("task machine never rests without a timer, a child or a reason to wait", () => {
  for (const situation of walked.situations) {
    if (situation.status !== "active") continue;
    const nodes = activeNodes(situation);
    const timer = nodes.some((node) => node.after.length > 0);
    const child = nodes.some((node) => node.invoke.length > 0);
    assert(timer || child || situation.hasTag("waiting"), nameOf(situation));
  }
});

Deno.test("task machine stays within its attempts and hand-outs", () => {
  for (const situation of walked.situations) {
    const { attempt, epoch, settings } = contextOf(situation);
    assert(attempt <= settings.maxAttempts, `attempt ${attempt}`);
    assert(epoch <= settings.maxAttemptsTotal, `epoch ${epoch}`);
    assert(attempt <= epoch);
  }
});

Deno.test("task machine never counts back its hand-outs", () => {
  for (const { before, after } of walked.steps) {
    const risen = contextOf(after).epoch - contextOf(before).epoch;
    assert(risen === 0 || risen === 1);
    if (risen === 1) assertEquals(nameOf(after), "queued");
  }
});

Deno.test("task machine keeps nothing in its context that JSON cannot hold", () => {
  for (const { context } of walked.situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

Deno.test("task machine describes every state", () => {
  for (const node of walked.situations.flatMap(activeNodes)) {
    assert((node.description ?? "").length > 10, node.id);
  }
});

function situation(snapshot: AnyMachineSnapshot): unknown {
  const { attempt, epoch, waitsFor, error, answer } = contextOf(snapshot);
  return [attempt, epoch, waitsFor.length, error?.code, answer?.type];
}

function contextOf(snapshot: AnyMachineSnapshot): TaskContext {
  return snapshot.context as TaskContext;
}

function nameOf(snapshot: AnyMachineSnapshot): string {
  return taskState(snapshot.value as Json);
}
