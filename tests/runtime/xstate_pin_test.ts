/**
 * Holds the shapes of XState's internals that `actors/runtime/step.ts` relies on. If one of these
 * fails after an update of xstate, the step has to be looked at before the version is taken.
 */
import { assert, assertEquals } from "@std/assert";
import { type AnyMachineSnapshot, createActor, fromPromise, raise, setup } from "xstate";
import config from "../../deno.json" with { type: "json" };

const machine = setup({ actors: { work: fromPromise(() => Promise.resolve(1)) } }).createMachine({
  id: "pin",
  initial: "a",
  entry: raise({ type: "x" }, { delay: 5, id: "t" }),
  states: {
    a: { invoke: { src: "work", id: "w" }, after: { 10: "b" }, on: { go: "b" } },
    b: {},
  },
});

/** A scope that records what XState asks of it. */
function record() {
  const seen: { type: string; params: unknown }[] = [];
  const inspected: Record<string, unknown>[] = [];
  let booked = 0;
  const system = {
    _bookId: () => `id${booked++}`,
    _register() {},
    _unregister() {},
    _set() {},
    _sendInspectionEvent: (event: Record<string, unknown>) => inspected.push(event),
  };
  const self = { id: "self", sessionId: "self", system, send() {} };
  const scope = {
    self,
    id: "self",
    sessionId: "self",
    system,
    defer() {},
    stopChild() {},
    actionExecutor: (action: { type: string; params: unknown }) => seen.push(action),
  };
  return { scope, seen, inspected };
}

Deno.test("xstate is pinned to one version", () => {
  assertEquals(config.imports.xstate, "npm:xstate@5.33.3");
});

Deno.test("xstate hands every action to the scope's executor, with its params", () => {
  const { scope, seen } = record();
  machine.getInitialSnapshot(scope as never);
  assertEquals(seen.map((action) => action.type), [
    "xstate.raise",
    "xstate.raise",
    "xstate.spawnChild",
  ]);
  const params = seen[0]?.params as { id: string; delay: number };
  assertEquals([params.id, params.delay], ["t", 5]);
});

Deno.test("xstate tells the scope's system of each microstep with its transitions", () => {
  const { scope, inspected } = record();
  const before = machine.getInitialSnapshot(scope as never);
  inspected.length = 0;
  machine.transition(before, { type: "go" }, scope as never);
  const microstep = inspected.find((event) => event.type === "@xstate.microstep");
  const [transition] = microstep?._transitions as Record<string, unknown>[];
  assertEquals((transition?.source as { id: string }).id, "pin.a");
  assertEquals((transition?.target as { id: string }[]).map((node) => node.id), ["pin.b"]);
  assertEquals([transition?.actions, transition?.reenter], [[], false]);
});

Deno.test("xstate books the ids of children with the scope's system", () => {
  const { scope } = record();
  const snapshot = machine.getInitialSnapshot(scope as never) as AnyMachineSnapshot;
  const child = snapshot.children.w as unknown as { sessionId: string; _snapshot: unknown };
  assertEquals(child.sessionId, "id0");
  assert(child._snapshot !== undefined);
});

Deno.test("xstate's persisted snapshot has the parts that are stored", () => {
  const actor = createActor(machine);
  const persisted = actor.getPersistedSnapshot() as unknown as Record<string, unknown>;
  for (const part of ["status", "value", "context", "children", "historyValue"]) {
    assert(part in persisted, part);
  }
});

Deno.test("xstate's snapshots list their active nodes with own events and transitions", () => {
  const { scope } = record();
  const snapshot = machine.getInitialSnapshot(scope as never) as AnyMachineSnapshot;
  const nodes = snapshot._nodes as unknown as {
    id: string;
    ownEvents: string[];
    transitions: Map<string, { delay?: number }[]>;
  }[];
  const node = nodes.find(({ id }) => id === "pin.a");
  assertEquals(node?.ownEvents, ["go", "xstate.after.10.pin.a"]);
  assertEquals(node?.transitions.get("xstate.after.10.pin.a")?.[0]?.delay, 10);
});
