/** The task's statechart, walked through everything that it can do. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import { taskState } from "../../actors/task_state.ts";
import type { Json } from "../../actors/runtime/json.ts";
import { taskMachine } from "../../machines/task.ts";
import { newContext, type TaskContext } from "../../machines/task_context.ts";
import { outputOf } from "../../machines/task_ending.ts";
import type { TaskInput } from "../../machines/task_input.ts";
import { activeNodes, statesOf, walk, type WalkEvent } from "./walk.ts";

const NOW = 10_000;

const BASE: TaskInput = { id: "task_a", command: ["true"], createdAt: NOW, maxAttemptsTotal: 3 };

const OWN_VM = { id: "vm_1", provider: "process", createdAt: NOW };

const INPUTS: readonly TaskInput[] = [
  BASE,
  { ...BASE, startAt: NOW + 1, dependsOn: ["task_x", "task_y"], requireApproval: true },
  { ...BASE, dependsOn: ["task_x"] },
  { ...BASE, queueTtlMs: 1_000, maxAttempts: 1 },
  { ...BASE, interactive: true, retryOn: ["exit_code", "dispatch_timeout"] },
  { ...BASE, interactive: true, vm: { id: "vm_1", make: null } },
  { ...BASE, startAt: NOW + 1, vm: { id: "vm_1", make: null } },
  { ...BASE, vm: { id: "vm_1", make: OWN_VM } },
  { ...BASE, startAt: NOW + 1, vm: { id: "vm_1", make: OWN_VM } },
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
  { type: "actor.ended", address: "vm:vm_1", status: "done", state: "recycled" },
  { type: "vm.ready", vm: "vm:vm_1", provider: "process", handle: { vmId: "vm_1" } },
  { type: "vm.failed", vm: "vm:vm_1", error: { code: "unreachable", message: "No answer" } },
  { type: "vm.recycled", vm: "vm:vm_1", method: "idle" },
  { type: "xstate.done.actor.executor", output: { exitCode: 0 } },
  { type: "xstate.done.actor.executor", output: { exitCode: 3 } },
  { type: "xstate.error.actor.executor", error: { name: "E", message: "Gone", code: "orphaned" } },
  {
    type: "xstate.error.actor.executor",
    error: { name: "E", message: "What", code: "spawn_failed" },
  },
];

/** States that users do not know: for them it is paused as before, or goes on. */
const SUSPENDED = "running.paused (suspended)";
const WAKING_VM = "running.resuming (wakingVm)";

/** Every state by the name that users know: its tags, and the commands that it accepts. */
const RUNNING = ["task.cancel", "task.complete", "task.fail"];
const STATES: { readonly [state: string]: { tags: string[]; accepts: string[] } } = {
  pending: { tags: ["waiting"], accepts: ["task.approve", "task.cancel", "task.reject"] },
  queued: { tags: ["holdsSlot", "waiting"], accepts: ["task.cancel"] },
  dispatched: { tags: ["active", "holdsSlot"], accepts: ["task.cancel", "task.fail"] },
  "running.working": {
    tags: ["active", "holdsSlot"],
    accepts: [...RUNNING, "task.input", "task.interrupt", "task.pause"],
  },
  "running.waitingForInput": {
    tags: ["active", "waiting"],
    accepts: [...RUNNING, "task.input"],
  },
  "running.waitingForPermission": {
    tags: ["active", "waiting"],
    accepts: ["task.approve", ...RUNNING, "task.reject"],
  },
  "running.paused": { tags: ["active", "waiting"], accepts: [...RUNNING, "task.resume"] },
  [SUSPENDED]: { tags: ["waiting"], accepts: ["task.cancel", "task.resume"] },
  "running.resuming": { tags: ["active", "holdsSlot", "waiting"], accepts: RUNNING },
  [WAKING_VM]: { tags: ["active", "waiting"], accepts: RUNNING },
  retrying: { tags: ["waiting"], accepts: ["task.cancel", "task.retry"] },
  succeeded: { tags: [], accepts: [] },
  failed: { tags: [], accepts: [] },
  cancelled: { tags: [], accepts: [] },
  timedOut: { tags: [], accepts: [] },
};

const ENDED: readonly string[] = ["succeeded", "failed", "cancelled", "timedOut"];

const walked = walk(taskMachine, { inputs: INPUTS, events: EVENTS, situation, at: NOW });

Deno.test("task machine reaches every state", () => {
  assertEquals(walked.statesMissed, []);
});

Deno.test("task machine takes every transition", () => {
  assertEquals(walked.transitionsMissed, []);
});

Deno.test("task machine has the states that users know, and no other", () => {
  const names = new Set(walked.situations.map(nameOf));
  assertEquals([...names].sort(), Object.keys(STATES).sort());
});

for (const [state, { accepts, tags }] of Object.entries(STATES)) {
  Deno.test(`task machine accepts ${accepts.join(", ") || "no command"} in ${state}`, () => {
    const found = new Set<string>();
    for (const situation of inState(state)) {
      if (situation.status !== "active") continue;
      for (const event of EVENTS) {
        if (event.type.startsWith("task.") && situation.can(event)) found.add(event.type);
      }
    }
    assertEquals([...found].sort(), accepts);
  });

  Deno.test(`task machine tags ${state} with ${tags.join(", ") || "nothing"}`, () => {
    for (const situation of inState(state)) assertEquals([...situation.tags].sort(), tags);
  });
}

Deno.test("task machine is cancelled by task.cancel from every state that is not an end", () => {
  const cancels = walked.steps.filter(({ event }) => event.type === "task.cancel");
  const from = new Set(cancels.map(({ before }) => nameOf(before)));
  assertEquals(
    [...from].sort(),
    Object.keys(STATES).filter((name) => !ENDED.includes(name)).sort(),
  );
  for (const { after } of cancels) assertEquals(nameOf(after), "cancelled");
});

Deno.test("task machine ends with its state, result and error as output", () => {
  for (const situation of walked.situations) {
    const { result, error } = contextOf(situation);
    const name = nameOf(situation);
    assertEquals(situation.status, ENDED.includes(name) ? "done" : "active");
    const output = ENDED.includes(name) ? outputOf(contextOf(situation), name) : undefined;
    assertEquals(situation.output, output);
    if (name === "succeeded") assert(result !== null && error === null);
    else if (ENDED.includes(name)) assert(error !== null);
  }
});

Deno.test("task machine has a slot and an executor exactly where its tags say so", () => {
  for (const situation of walked.situations.filter(({ status }) => status === "active")) {
    const name = nameOf(situation);
    assertEquals("slot" in situation.children, situation.hasTag("holdsSlot"), name);
    assertEquals("executor" in situation.children, situation.hasTag("active"), name);
  }
});

Deno.test("task machine remembers what is open only while it is", () => {
  for (const situation of walked.situations) {
    const name = nameOf(situation);
    const { times, question, answer } = contextOf(situation);
    const { endedAt, retryAt, workingSince, stuckAt } = times;
    assertEquals(endedAt !== null, ENDED.includes(name), name);
    assertEquals(retryAt !== null, name === "retrying", name);
    assertEquals(workingSince !== null, name === "running.working", name);
    if (stuckAt !== null) assertEquals(name, "running.working");
    if (question !== null) assert(name.startsWith("running.waitingFor"), name);
    if (answer !== null) assert(["running.resuming", WAKING_VM].includes(name), name);
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

Deno.test("task machine hands no work out to the server's own machine that is meant for a VM", () => {
  for (const { before, after } of walked.steps) {
    const isHandOut = !("executor" in before.children) && "executor" in after.children;
    const { settings, vm } = contextOf(after);
    if (isHandOut && settings.vm !== null) assert(vm !== null, nameOf(before));
  }
});

Deno.test("task machine never counts back its hand-outs", () => {
  for (const { before, after } of walked.steps) {
    const risen = contextOf(after).epoch - contextOf(before).epoch;
    assert(risen === 0 || risen === 1);
    const isWithoutVm = contextOf(after).settings.vm === null;
    if (risen === 1 && isWithoutVm) assertEquals(nameOf(after), "queued");
    else if (risen === 1) assert(["queued", "pending"].includes(nameOf(after)));
  }
});

Deno.test("task machine keeps nothing in its context that JSON cannot hold", () => {
  for (const { context } of walked.situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

Deno.test("task machine remembers so few things that they are copied fast", () => {
  assert(Object.keys(newContext(BASE)).length < 20);
});

Deno.test("task machine describes every state", () => {
  for (const { id, description = "" } of statesOf(taskMachine)) assert(description.length > 10, id);
});

function inState(state: string): AnyMachineSnapshot[] {
  return walked.situations.filter((situation) => nameOf(situation) === state);
}

function situation(snapshot: AnyMachineSnapshot): unknown {
  const { attempt, epoch, waitsFor, error, answer, vm } = contextOf(snapshot);
  return [attempt, epoch, waitsFor.length, error?.code, answer?.type, vm === null];
}

function contextOf(snapshot: AnyMachineSnapshot): TaskContext {
  return snapshot.context as TaskContext;
}

function nameOf(snapshot: AnyMachineSnapshot): string {
  if (snapshot.matches({ active: { work: "suspended" } })) return SUSPENDED;
  const running = { resuming: "wakingVm" };
  if (snapshot.matches({ active: { work: { attempt: { running } } } })) return WAKING_VM;
  return taskState(snapshot.value as Json);
}
