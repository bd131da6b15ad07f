/** The walk finds what a machine cannot do, else no test that rests on it could fail. */
import { assertEquals } from "@std/assert";
import { setup } from "xstate";
import { walk } from "./walk.ts";

const machine = setup({ guards: { never: () => false } }).createMachine({
  id: "door",
  initial: "closed",
  states: {
    closed: { on: { open: "passing", kick: { guard: "never", target: "broken" } } },
    passing: { always: "opened" },
    opened: { after: { 1_000: "closed" }, on: { lock: "closed" } },
    broken: { on: { mend: "closed" } },
  },
});

Deno.test("walk() names the states and transitions that no way leads to", () => {
  const { statesMissed, transitionsMissed, situations, steps } = walk(machine, {
    inputs: [undefined],
    events: [{ type: "open" }, { type: "kick" }, { type: "mend" }],
    situation: () => "",
    at: 0,
  });
  assertEquals(statesMissed, ["door.broken"]);
  assertEquals(transitionsMissed, [
    "door.closed | kick [never] -> door.broken",
    "door.opened | lock -> door.closed",
    "door.broken | mend -> door.closed",
  ]);
  assertEquals(situations.map(({ value }) => value), ["closed", "opened"]);
  const taken = steps.filter(({ before, after }) => before.value !== after.value);
  assertEquals(taken.map(({ event }) => event.type), ["open", "xstate.after.1000.door.opened"]);
});
