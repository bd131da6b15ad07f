import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { assign, createMachine, fromPromise, setup } from "xstate";
import { NotDurableError } from "../../actors/runtime/errors.ts";
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { createRegistry } from "../../actors/runtime/registry.ts";

const work = fromPromise(() => Promise.resolve(1));

function problemsOf(machine: unknown): readonly string[] {
  const kind = { name: "bad", version: 1, machine } as KindDefinition;
  return assertThrows(() => createRegistry([kind]), NotDurableError).problems;
}

const refused: { name: string; machine: unknown; state: string; advice: string }[] = [
  {
    name: "an inline action",
    machine: createMachine({ id: "m", initial: "a", states: { a: { entry: () => {} } } }),
    state: 'state "m.a", entry',
    advice: "name it in setup({ actions })",
  },
  {
    name: "an unknown action",
    machine: createMachine({ id: "m", on: { go: { actions: "missing" } } }),
    state: 'state "m", on "go"',
    advice: 'action "missing" is not known',
  },
  {
    name: "an inline guard",
    machine: createMachine({ id: "m", on: { go: { guard: () => true, target: "#m" } } }),
    state: 'state "m", on "go"',
    advice: "name it in setup({ guards })",
  },
  {
    name: "an unknown guard",
    machine: createMachine({ id: "m", on: { go: { guard: "missing", target: "#m" } } }),
    state: 'state "m", on "go"',
    advice: 'guard "missing" is not known',
  },
  {
    name: "an unknown delay",
    machine: createMachine({ id: "m", initial: "a", states: { a: { after: { soon: "a" } } } }),
    state: 'state "m.a"',
    advice: 'delay "soon" is not known',
  },
  {
    name: "an inline invoke",
    machine: createMachine({ id: "m", initial: "a", states: { a: { invoke: { src: work } } } }),
    state: 'state "m.a", invoke',
    advice: "name it in setup({ actors })",
  },
  {
    name: "an unknown invoke",
    machine: createMachine({ id: "m", initial: "a", states: { a: { invoke: { src: "gone" } } } }),
    state: 'state "m.a", invoke',
    advice: 'actor "gone" is not known',
  },
  {
    name: "onSnapshot",
    machine: setup({ actors: { work } }).createMachine({
      id: "m",
      initial: "a",
      states: { a: { invoke: { src: "work", onSnapshot: {} } } },
    }),
    state: 'state "m.a", invoke',
    advice: "sendParent",
  },
  {
    name: "systemId",
    machine: setup({ actors: { work } }).createMachine({
      id: "m",
      initial: "a",
      states: { a: { invoke: { src: "work", systemId: "w" } } },
    }),
    state: 'state "m.a", invoke',
    advice: "actorAt",
  },
];

for (const { name, machine, state, advice } of refused) {
  Deno.test(`createRegistry() refuses ${name}, naming the state and what to write instead`, () => {
    const [problem] = problemsOf(machine);
    assertStringIncludes(problem ?? "", state);
    assertStringIncludes(problem ?? "", advice);
  });
}

Deno.test("createRegistry() names every problem at once", () => {
  assertEquals(problemsOf(createMachine({ id: "m", entry: () => {}, exit: "gone" })).length, 2);
});

Deno.test("createRegistry() takes inline assign and actions that the kind provides", () => {
  const machine = createMachine({ id: "m", entry: [assign({ n: 1 }), "provided"] });
  const effects = { provided: { run: () => {} } };
  createRegistry([{ name: "good", version: 1, machine, effects }]);
});

Deno.test("createRegistry() makes a child machine a kind of its own, or finds it", () => {
  const child = createMachine({ id: "child" });
  const parent = (name: string) => ({
    name,
    version: 1,
    machine: setup({ actors: { child } }).createMachine({ id: name }),
  });
  const own = createRegistry([parent("a")]);
  assertEquals(own.all().map((kind) => kind.name), ["a", "a.child"]);
  const shared = createRegistry([parent("a"), { name: "kid", version: 1, machine: child }]);
  assertEquals(shared.all().map((kind) => kind.name), ["a", "kid"]);
  assertEquals(shared.get("a").durable.childKinds.get("child"), "kid");
});

Deno.test("createRegistry() refuses a name that is taken or no name", () => {
  const machine = createMachine({ id: "m" });
  const kind = { name: "a", version: 1, machine };
  assertThrows(() => createRegistry([kind, { ...kind }]), TypeError, "taken");
  assertThrows(() => createRegistry([{ ...kind, name: "Bad name" }]), TypeError, "Bad name");
});

Deno.test("createRegistry() gives another version when the statechart changes", () => {
  const version = (config: object) => {
    const machine = createMachine({ id: "m", ...config });
    return createRegistry([{ name: "a", version: 1, machine }]).get("a").version;
  };
  const plain = version({ initial: "a", states: { a: {} } });
  assertEquals(version({ initial: "a", states: { a: { description: "words" } } }), plain);
  const changed = version({ initial: "a", states: { a: { on: { go: "b" } }, b: {} } });
  assertEquals(changed === plain, false);
});
