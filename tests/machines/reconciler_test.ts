/** The reconciler's statechart, walked through everything that it can do, and timed. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import { createReconcilerKind } from "../../actors/reconciler.ts";
import {
  type ReconcilerContext,
  reconcilerMachine,
  type RoundReport,
} from "../../machines/reconciler.ts";
import { Rehearsal } from "./rehearsal.ts";
import { activeNodes, statesOf, walk, type WalkEvent } from "./walk.ts";

const MINUTE = 60_000;
/** Rounds of one reconciler. */
const ROUNDS = 1_000;

const EMPTY: RoundReport = { looked: 0, findings: [], found: 0, unreachableSince: {} };
const BUSY: RoundReport = { ...EMPTY, looked: 3, findings: ["A VM has vanished"], found: 1 };

const EVENTS: readonly WalkEvent[] = [
  { type: "reconciler.run" },
  { type: "xstate.done.actor.round", output: BUSY },
  { type: "xstate.error.actor.round", error: { message: "No answer" } },
];

const walked = walk(reconcilerMachine, {
  inputs: [{ name: "vms" }],
  events: EVENTS,
  situation: (snapshot) => contextOf(snapshot).rounds,
  at: 1_000,
});

Deno.test("reconciler machine reaches every state and takes every transition", () => {
  assertEquals([walked.statesMissed, walked.transitionsMissed], [[], []]);
});

Deno.test("reconciler machine never rests without a timer or a round", () => {
  for (const situation of walked.situations) {
    if (situation.status !== "active") continue;
    const nodes = activeNodes(situation);
    assert(nodes.some((node) => node.after.length > 0 || node.invoke.length > 0));
  }
});

Deno.test("reconciler machine describes every state, and keeps only JSON", () => {
  for (const { id, description = "" } of statesOf(reconcilerMachine)) {
    assert(description.length > 10, id);
  }
  for (const { context } of walked.situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

Deno.test("reconciler machine makes its successor when it has done its rounds, whatever became of them", () => {
  for (const situation of walked.situations) {
    assertEquals(situation.status === "done", contextOf(situation).rounds === ROUNDS);
  }
});

Deno.test("reconciler machine looks each minute while there is something, and each two while not", () => {
  const reconciler = rehearse();
  reconciler.send({ type: "xstate.done.actor.round", output: EMPTY });
  assertEquals(reconciler.timers, { pause: 2 * MINUTE });
  reconciler.pass(2 * MINUTE);
  assertEquals(reconciler.state, "looking");
  reconciler.send({ type: "xstate.done.actor.round", output: BUSY });
  assertEquals(reconciler.timers, { pause: MINUTE });
});

Deno.test("reconciler machine looks at once when it is asked to, but not twice at a time", () => {
  const reconciler = rehearse();
  assertEquals(reconciler.send({ type: "reconciler.run" }), false);
  reconciler.send({ type: "xstate.done.actor.round", output: EMPTY });
  assertEquals(reconciler.send({ type: "reconciler.run" }), true);
  assertEquals([reconciler.state, reconciler.children.size], ["looking", 1]);
});

Deno.test("reconciler machine goes on after a round that failed, and remembers what was found last", () => {
  const reconciler = rehearse();
  reconciler.send({ type: "xstate.done.actor.round", output: BUSY });
  reconciler.pass(MINUTE);
  reconciler.send({ type: "xstate.error.actor.round", error: { message: "No answer" } });
  assertEquals(reconciler.context.error, "No answer");
  assertEquals(reconciler.context.lastFindings?.findings, BUSY.findings);
  assertEquals(Object.keys(reconciler.timers), ["pause"]);
});

function rehearse(): Rehearsal<ReconcilerContext> {
  const round = () => Promise.resolve(EMPTY);
  return new Rehearsal(createReconcilerKind({ round }), { name: "vms" }, { now: 1_000 });
}

function contextOf(snapshot: AnyMachineSnapshot): ReconcilerContext {
  return snapshot.context as ReconcilerContext;
}
