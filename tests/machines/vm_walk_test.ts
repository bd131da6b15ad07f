/** The VM's statechart, walked through everything that it can do. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import type { Json } from "../../actors/runtime/json.ts";
import { vmLink, vmState } from "../../actors/vm_state.ts";
import { vmMachine } from "../../machines/vm.ts";
import { newContext, type VmContext } from "../../machines/vm_context.ts";
import type { VmInput } from "../../machines/vm_input.ts";
import { activeNodes, statesOf, walk, type WalkEvent } from "./walk.ts";

/** Long after the VMs were made, so that short timers are due and long ones are not. */
const NOW = 1_000_000;
const LONG = 10 * NOW;

const BASE: VmInput = { id: "vm_1", provider: "fake", createdAt: 0 };

const INPUTS: readonly VmInput[] = [
  { ...BASE, idle: { recycleMs: LONG } },
  { ...BASE, idle: { sleepMs: 1_000, recycleMs: 2_000 } },
  { ...BASE, idle: { sleepMs: null, recycleMs: null }, expireAt: NOW + 1, owner: "task:a" },
  { ...BASE, idle: { recycleMs: LONG, notifyBeforeMs: null } },
];

const FAILED = { name: "ProviderError", message: "No answer", code: "unreachable" };
const GONE = { name: "ProviderError", message: "None", code: "not_found" };
const INVALID = { name: "ProviderError", message: "No such image", code: "invalid" };
const CONDITION = { type: "ready", status: "true", reason: "Made", message: "", progress: 100 };

const EVENTS: readonly WalkEvent[] = [
  { type: "vm.wake" },
  { type: "vm.sleep" },
  { type: "vm.retry" },
  { type: "vm.recycle" },
  { type: "vm.attach", task: "task:a" },
  { type: "vm.attach", task: "task:b" },
  { type: "vm.release", task: "task:a" },
  { type: "vm.used", use: "activity" },
  { type: "vm.used", use: "keepAwake" },
  { type: "vm.condition", condition: CONDITION },
  { type: "vm.vanished", reason: "There is none" },
  { type: "vm.heartbeatLost", since: 1 },
  { type: "vm.heartbeatFound" },
  { type: "slot.granted" },
  { type: "actor.ended", address: "task:a", status: "done", state: "succeeded" },
  { type: "xstate.done.actor.create", output: handleOf() },
  { type: "xstate.done.actor.suspend", output: null },
  { type: "xstate.done.actor.resume", output: null },
  { type: "xstate.done.actor.delete", output: null },
  { type: "xstate.error.actor.create", error: FAILED },
  { type: "xstate.error.actor.create", error: INVALID },
  { type: "xstate.error.actor.suspend", error: FAILED },
  { type: "xstate.error.actor.suspend", error: GONE },
  { type: "xstate.error.actor.resume", error: FAILED },
  { type: "xstate.error.actor.resume", error: GONE },
  { type: "xstate.error.actor.resume", error: INVALID },
  { type: "xstate.error.actor.delete", error: FAILED },
];

/** Every state by the name that users know: the commands that it accepts, and its tags. */
const ALWAYS = ["vm.attach", "vm.recycle"];
const STATES: { readonly [state: string]: { accepts: string[]; tags: string[] } } = {
  pending: { accepts: [...ALWAYS, "vm.release", "vm.wake"], tags: ["holdsSlot", "waiting"] },
  provisioning: { accepts: [...ALWAYS, "vm.release", "vm.wake"], tags: ["holdsSlot"] },
  running: {
    accepts: [...ALWAYS, "vm.release", "vm.sleep", "vm.wake"],
    tags: ["active", "waiting"],
  },
  suspending: { accepts: [...ALWAYS, "vm.release", "vm.sleep", "vm.wake"], tags: [] },
  sleeping: { accepts: [...ALWAYS, "vm.release", "vm.sleep", "vm.wake"], tags: ["waiting"] },
  waking: { accepts: [...ALWAYS, "vm.release", "vm.wake"], tags: [] },
  failed: { accepts: [...ALWAYS, "vm.release", "vm.retry"], tags: ["waiting"] },
  recycling: { accepts: ALWAYS, tags: [] },
  recycled: { accepts: ALWAYS, tags: [] },
};

const COMMANDS = [
  "vm.attach",
  "vm.recycle",
  "vm.release",
  "vm.retry",
  "vm.sleep",
  "vm.wake",
];

const walked = walk(vmMachine, { inputs: INPUTS, events: EVENTS, situation, at: NOW });
const active = walked.situations.filter(({ status }) => status === "active");

Deno.test("vm machine reaches every state", () => {
  assertEquals(walked.statesMissed, []);
});

Deno.test("vm machine takes every transition", () => {
  assertEquals(walked.transitionsMissed, []);
});

Deno.test("vm machine has the states that users know, and no other", () => {
  assertEquals([...new Set(walked.situations.map(nameOf))].sort(), Object.keys(STATES).sort());
});

for (const [state, { accepts, tags }] of Object.entries(STATES)) {
  Deno.test(`vm machine accepts ${accepts.join(", ")} in ${state}`, () => {
    const found = new Set<string>();
    for (const situation of active.filter((one) => nameOf(one) === state)) {
      for (const event of EVENTS) {
        if (COMMANDS.includes(event.type) && situation.can({ ...event, at: NOW })) {
          found.add(event.type);
        }
      }
    }
    assertEquals([...found].sort(), accepts);
  });

  Deno.test(`vm machine tags ${state} with ${tags.join(", ") || "nothing"} at most`, () => {
    const found = active.filter((one) => nameOf(one) === state).flatMap((one) => [...one.tags]);
    assertEquals([...new Set(found)].sort(), tags);
  });
}

Deno.test("vm machine is recycled by vm.recycle from every state, and twice is once", () => {
  const recycles = walked.steps.filter(({ event }) => event.type === "vm.recycle");
  assertEquals(
    [...new Set(recycles.map(({ before }) => nameOf(before)))].sort(),
    Object.keys(STATES).sort(),
  );
  for (const { before, after } of recycles) {
    const isOver = ["recycling", "recycled"].includes(nameOf(before));
    if (isOver) assertEquals([after.value, after.context], [before.value, before.context]);
    else assertEquals([nameOf(after), contextOf(after).method], ["recycling", "manual"]);
  }
});

Deno.test("vm machine never rests without a timer, a child or a reason to wait", () => {
  for (const situation of active) {
    // The watch over its tasks, the link and the other timers go on in every state.
    const life = activeNodes(situation).filter(({ id }) => !/\.live\.(?!life)/.test(id));
    const timer = life.some((node) => node.after.length > 0);
    const child = life.some((node) => node.invoke.length > 0);
    assert(timer || child || situation.hasTag("waiting"), JSON.stringify(situation.value));
  }
});

Deno.test("vm machine never puts to sleep, nor recycles for idleness, what a task holds", () => {
  for (const { before, after, event } of walked.steps) {
    if (!Object.values(contextOf(before).tasks).includes("holds")) continue;
    if (event.type !== "actor.ended" && event.type !== "vm.release") {
      const isNew = nameOf(before) === "running" && nameOf(after) === "suspending";
      assert(!isNew, JSON.stringify([before.value, event]));
    }
    const isTurned = nameOf(before) !== "recycling" && nameOf(after) === "recycling";
    if (isTurned) assert(contextOf(after).method !== "idle", JSON.stringify(before.value));
  }
});

Deno.test("vm machine counts its time until recycling exactly while no task holds it", () => {
  for (const situation of active) {
    const text = JSON.stringify(situation.value);
    if (!text.includes('"live"')) continue;
    const isHeld = Object.values(contextOf(situation).tasks).includes("holds");
    const isCounted = text.includes('"counted"');
    if (contextOf(situation).settings.idle.recycleMs === null) assert(!isCounted);
    else assertEquals(isCounted, !isHeld, text);
  }
});

Deno.test("vm machine remembers what is open only while it is", () => {
  for (const situation of walked.situations) {
    const name = nameOf(situation);
    const { retryAt, method, cleanup, endedAt, error, wakeWanted, silentSince, handle } = contextOf(
      situation,
    );
    const text = JSON.stringify(situation.value);
    assertEquals(retryAt !== null, text.includes('"pausing"'), text);
    assertEquals(method !== null, ["recycling", "recycled"].includes(name), text);
    assertEquals(cleanup === "owed", name === "recycled" && situation.status === "active", text);
    assertEquals(endedAt !== null, name === "recycled", text);
    if (name === "failed") assert(error !== null);
    if (wakeWanted) assertEquals(name, "suspending");
    const link = vmLink(situation.value as Json);
    if (link !== null) assertEquals(silentSince !== null, link === "offline", text);
    if (["running", "suspending", "sleeping", "waking"].includes(name)) assert(handle !== null);
  }
});

Deno.test("vm machine raises its generation with each retry, and else never", () => {
  for (const { before, after, event } of walked.steps) {
    const risen = contextOf(after).generation - contextOf(before).generation;
    const isRetried = nameOf(before) === "failed" && event.type === "vm.retry";
    assertEquals(risen, isRetried ? 1 : 0);
    if (isRetried) assertEquals(nameOf(after), "pending");
  }
});

Deno.test("vm machine announces its end once for each idle period", () => {
  for (const { before, after } of walked.steps) {
    const [was, is] = [contextOf(before).notifiedAt, contextOf(after).notifiedAt];
    const isIdleOn = contextOf(after).recycleFrom === contextOf(before).recycleFrom;
    if (was !== null && isIdleOn) assertEquals(is, was);
  }
});

Deno.test("vm machine keeps nothing in its context that JSON cannot hold", () => {
  for (const { context } of walked.situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

Deno.test("vm machine remembers so few things that they are copied fast", () => {
  assert(Object.keys(newContext(BASE)).length < 20);
});

Deno.test("vm machine describes every state", () => {
  for (const { id, description = "" } of statesOf(vmMachine)) assert(description.length > 10, id);
});

function situation(snapshot: AnyMachineSnapshot): unknown {
  const { tasks, failures, wakeWanted, conditions, sleepFrom } = contextOf(snapshot);
  const name = nameOf(snapshot);
  if (["recycling", "recycled"].includes(name)) return Math.min(failures, 5);
  const isMade = name === "provisioning";
  const isUsed = name === "running" && sleepFrom > NOW;
  return [tasks, wakeWanted, isUsed, isMade && [Math.min(failures, 2), conditions.length]];
}

function contextOf(snapshot: AnyMachineSnapshot): VmContext {
  return snapshot.context as VmContext;
}

function nameOf(snapshot: AnyMachineSnapshot): string {
  return vmState(snapshot.value as Json);
}

function handleOf() {
  return { vmId: "vm_1", generation: 1, providerId: "p", workDir: "/", details: {} };
}
