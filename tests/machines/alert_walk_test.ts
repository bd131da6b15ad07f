/** The alert's statechart, walked through everything that it can do. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import { topOf } from "../../actors/state_value.ts";
import { type AlertContext, type AlertInput, alertMachine } from "../../machines/alert.ts";
import { statesOf, walk, type WalkEvent } from "./walk.ts";

const NOW = 1_000_000;

const INPUT: AlertInput = { id: "a", actor: "task:a", kind: "stuck", reason: "Too long", at: 0 };

const EVENTS: readonly WalkEvent[] = [
  { type: "alert.acknowledge", by: "anna" },
  { type: "alert.clear" },
  { type: "alert.found", reason: "Again" },
];

/** Every state by the name that users know: what it accepts, and its tags. */
const STATES: { readonly [state: string]: { accepts: string[]; tags: string[] } } = {
  raised: { accepts: ["alert.acknowledge", "alert.clear"], tags: ["waiting"] },
  receded: { accepts: ["alert.acknowledge", "alert.found"], tags: ["waiting"] },
  cleared: { accepts: [], tags: [] },
};

const walked = walk(alertMachine, { inputs: [INPUT], events: EVENTS, situation, at: NOW });

Deno.test("alert machine reaches every state and takes every transition", () => {
  assertEquals([walked.statesMissed, walked.transitionsMissed], [[], []]);
});

Deno.test("alert machine has the states that users know, and no other", () => {
  assertEquals([...new Set(walked.situations.map(nameOf))].sort(), Object.keys(STATES).sort());
});

for (const [state, { accepts, tags }] of Object.entries(STATES)) {
  const inState = walked.situations.filter((one) => nameOf(one) === state);

  Deno.test(`alert machine accepts ${accepts.join(", ") || "nothing"} in ${state}`, () => {
    for (const situation of inState) {
      const found = EVENTS.filter((event) => situation.can({ ...event, at: NOW } as never));
      const taken = situation.status === "active" ? found.map(({ type }) => type).sort() : [];
      assertEquals(taken, accepts);
    }
  });

  Deno.test(`alert machine tags ${state} with ${tags.join(", ") || "nothing"}`, () => {
    for (const { tags: found } of inState) assertEquals([...found], tags);
  });
}

Deno.test("alert machine tells when it is raised and when its time has passed, and else never", () => {
  for (const { before, event, after } of walked.steps) {
    const isDue = event.type.startsWith("xstate.after") && nameOf(after) === "raised";
    assertEquals(contextOf(after).told - contextOf(before).told, isDue ? 1 : 0, event.type);
    if (isDue) assertEquals(contextOf(after).toldAt, NOW);
  }
});

Deno.test("alert machine stays silent once somebody has seen it, also when it comes back", () => {
  const seen = walked.situations.filter((one) =>
    nameOf(one) === "raised" && contextOf(one).acknowledged !== null
  );
  assert(seen.length > 0);
  for (const { value } of seen) assertEquals(value, { raised: "acknowledged" });
});

Deno.test("alert machine keeps when it was raised, and when it receded only while it has", () => {
  for (const situation of walked.situations) {
    const { since, recededAt } = contextOf(situation);
    assertEquals(since, 0);
    assertEquals(recededAt !== null, nameOf(situation) !== "raised");
  }
});

Deno.test("alert machine describes every state, and keeps nothing that JSON cannot hold", () => {
  for (const { id, description = "" } of statesOf(alertMachine)) {
    assert(description.length > 10, id);
  }
  for (const { context } of walked.situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

function situation(snapshot: AnyMachineSnapshot): unknown {
  const { acknowledged, told, recededAt } = contextOf(snapshot);
  return [acknowledged !== null, Math.min(told, 2), recededAt !== null];
}

function contextOf(snapshot: AnyMachineSnapshot): AlertContext {
  return snapshot.context as AlertContext;
}

function nameOf(snapshot: AnyMachineSnapshot): string {
  return topOf(snapshot.value);
}
