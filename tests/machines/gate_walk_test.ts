/** The statechart of a session's gate, walked through everything that it can do. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import { MAX_ADDRESS_CHARS } from "../../actors/runtime/limits.ts";
import { gateAddress, type GateContext, gateMachine } from "../../machines/gate.ts";
import { activeNodes, statesOf, walk, type WalkEvent } from "./walk.ts";

const NOW = 1_000;
const [ONE, OTHER] = ["schedule:a", "schedule:b"];

const EVENTS: readonly WalkEvent[] = [
  ...[ONE, OTHER].flatMap((by) => [
    { type: "gate.claim", by },
    { type: "gate.release", by },
    { type: "actor.ended", address: by, status: "done", state: "purged" },
  ]),
  ...["ann", "bob"].flatMap((person) => [
    { type: "gate.take", person },
    { type: "gate.take", person, holdMs: 5 },
    { type: "gate.leave", person },
  ]),
];

const walked = walk(gateMachine, {
  inputs: [{ key: "s" }],
  events: EVENTS,
  situation: (snapshot) => contextOf(snapshot),
  at: NOW,
});

Deno.test("gate machine reaches every state", () => {
  assertEquals(walked.statesMissed, []);
});

Deno.test("gate machine takes every transition that is not overridden", () => {
  assertEquals(walked.transitionsMissed, []);
});

Deno.test("gate machine has one holder or none, and knows since when", () => {
  for (const situation of walked.situations) {
    const { holder, heldSince, heldUntil } = contextOf(situation);
    assertEquals(holder === null, situation.value === "free");
    assertEquals(heldSince === null, situation.value === "free");
    assertEquals(heldUntil !== null, situation.value === "heldByPerson");
  }
});

Deno.test("gate machine has what frees it in every state in which it is held", () => {
  for (const situation of walked.situations) {
    const [timer, watch] = [
      activeNodes(situation).some((node) => node.after.length > 0),
      activeNodes(situation).some((node) => node.invoke.length > 0),
    ];
    assertEquals(timer, situation.value === "heldByPerson");
    assertEquals(watch, situation.value === "heldByRun");
    assert(situation.hasTag("waiting"));
  }
});

Deno.test("gate machine lets nobody take it from a person, and only a person take it from a run", () => {
  for (const { before, after, event } of walked.steps) {
    const [was, is] = [contextOf(before).holder, contextOf(after).holder];
    if (was === null || was === is) continue;
    if (is !== null) assertEquals([before.value, event.type], ["heldByRun", "gate.take"]);
    else if (before.value === "heldByRun") assert([event["by"], event["address"]].includes(was));
    else if (event.type === "gate.leave") assertEquals(event["person"], was);
    else assert(event.type.startsWith("xstate.after."), event.type);
  }
});

Deno.test("gate machine takes a claim and a release in every state, whoever sends them", () => {
  for (const situation of walked.situations) {
    for (const type of ["gate.claim", "gate.release"]) {
      for (const by of [ONE, OTHER]) assert(situation.can({ type, by, at: NOW }));
    }
  }
});

Deno.test("gate machine describes every state", () => {
  for (const { id, description = "" } of statesOf(gateMachine)) assert(description.length > 10, id);
});

Deno.test("gateAddress() gives any key an address that fits, and different ones to different keys", () => {
  const keys = ["s", "s s", "%", "a/b?c", "\ud800", "é".repeat(200), `${"é".repeat(199)}e`];
  const addresses = keys.map(gateAddress);
  assertEquals(new Set(addresses).size, keys.length);
  for (const address of addresses) {
    assert(/^gate:[!-~]+$/.test(address) && address.length <= MAX_ADDRESS_CHARS, address);
  }
  assertEquals(gateAddress("s s"), "gate:s%20s");
  assertNotEquals(gateAddress("é".repeat(60)), gateAddress(encodeURIComponent("é".repeat(60))));
});

function contextOf(snapshot: AnyMachineSnapshot): GateContext {
  return snapshot.context as GateContext;
}
