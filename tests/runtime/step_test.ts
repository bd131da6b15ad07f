import { assertEquals, assertThrows } from "@std/assert";
import {
  assign,
  cancel,
  emit,
  type EventObject,
  fromCallback,
  fromPromise,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from "xstate";
import { createRegistry } from "../../actors/runtime/registry.ts";
import {
  acceptedEvents,
  childrenOf,
  type Command,
  firstStep,
  persist,
  restore,
  step,
} from "../../actors/runtime/step.ts";
import { actorAt, slot, watch } from "../../machines/lib/builtins.ts";

type Context = { n: number; seen?: number };
type Event = EventObject & { at: number };

const child = setup({ types: { context: {} as Context, input: {} as { n: number } } })
  .createMachine({
    context: ({ input }) => ({ n: input.n }),
    initial: "on",
    states: { on: { on: { stop: "off" } }, off: { type: "final" } },
  });

const machine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Partial<Context> },
  actors: {
    slot,
    watch,
    child,
    promise: fromPromise<number, number>(({ input }) => Promise.resolve(input)),
    callback: fromCallback(() => {}),
  },
  actions: {
    charge: (_, _params: { cents: number }) => {},
    tellChild: sendTo("kid", { type: "stop" }),
    tellCallback: sendTo("work", { type: "poke", deep: { x: 1 } }),
    tellOther: sendTo(() => actorAt("other:7"), { type: "hello" }),
    tellLater: sendTo(() => actorAt("other:7"), { type: "late" }, { delay: 500, id: "later" }),
    tellParent: sendParent({ type: "up" }),
    announce: emit({ type: "announced" }),
    write: log(({ context }) => context.n, "n"),
    raiseLater: raise({ type: "tick" } as Event, {
      delay: ({ context }) => context.n * 10,
      id: "tick",
    }),
    callOff: cancel("tick"),
    see: assign({ seen: ({ event }) => event.at }),
    raiseNow: raise({ type: "now" } as Event),
    explode: assign({
      n: () => {
        throw new Error("boom");
      },
    }),
  },
  guards: {
    never: () => false,
    broken: () => {
      throw new Error("broken guard");
    },
  },
  delays: { computed: ({ context, event }) => context.n + event.at },
}).createMachine({
  id: "m",
  context: ({ input }) => ({ n: input?.n ?? 3 }),
  initial: "idle",
  states: {
    idle: {
      on: {
        act: { actions: { type: "charge", params: { cents: 5 } } },
        send: { actions: ["tellOther", "tellLater", "tellParent"] },
        out: { actions: ["announce", "write"] },
        delayed: { actions: ["raiseLater", "callOff"] },
        now: { actions: "see" },
        raise: { actions: "raiseNow" },
        timed: "timed",
        invoked: "invoked",
        slotted: "slotted",
        kid: "kid",
        spawn: { actions: spawnChild("promise", { id: "spawned", input: 9 }) },
        unspawn: { actions: stopChild("spawned") },
        loop: "ping",
        bad: { actions: "explode" },
        badGuard: { guard: "broken", target: "timed" },
        guarded: { guard: "never", target: "timed" },
        nothing: {},
        finish: "end",
      },
    },
    timed: { after: { 100: "idle", computed: "end" }, on: { back: "idle" } },
    invoked: {
      invoke: { src: "callback", id: "work" },
      entry: "tellCallback",
      on: { back: "idle", again: { target: "invoked", reenter: true } },
    },
    slotted: {
      invoke: [
        { src: "slot", id: "slot", input: { pools: ["p"] } },
        { src: "watch", id: "watch", input: { addresses: ["other:7"] } },
      ],
      on: { back: "idle" },
    },
    kid: {
      invoke: { src: "child", id: "kid", input: { n: 1 } },
      exit: "tellChild",
      on: { back: "idle" },
    },
    ping: { always: "pong" },
    pong: { always: "ping" },
    end: { type: "final" },
  },
});

const { durable } = createRegistry([{ name: "m", version: 1, machine }]).get("m");
const owner = (revision: number) => ({ address: "m:1", parent: "p:1", revision });

function run(...types: string[]) {
  let result = firstStep(durable, owner(1), { input: { n: 3 }, at: 1 });
  for (const [index, type] of types.entries()) {
    const { snapshot } = result;
    result = step(durable, owner(index + 2), { snapshot, event: { type, at: 1_000 } });
  }
  return result;
}

const table: { name: string; events: string[]; commands: unknown[] }[] = [
  {
    name: "an action with its params, event and context",
    events: ["act"],
    commands: [{
      type: "action",
      src: "charge",
      params: { cents: 5 },
      event: { type: "act", at: 1_000 },
      context: { n: 3 },
    }],
  },
  {
    name: "a message, a delayed message and a message to the parent",
    events: ["send"],
    commands: [
      { type: "message", target: "other:7", event: { type: "hello" } },
      { type: "timer", id: "later", delayMs: 500, target: "other:7", event: { type: "late" } },
      { type: "message", target: "p:1", event: { type: "up" } },
    ],
  },
  {
    name: "emit and log",
    events: ["out"],
    commands: [
      { type: "emit", event: { type: "announced" } },
      { type: "log", label: "n", value: 3 },
    ],
  },
  {
    name: "a delayed raise and its cancel, in order",
    events: ["delayed"],
    commands: [
      { type: "timer", id: "tick", delayMs: 30, target: "m:1", event: { type: "tick" } },
      { type: "cancelTimer", id: "tick" },
    ],
  },
  {
    name: "timers with fixed and computed delays",
    events: ["timed"],
    commands: [
      {
        type: "timer",
        id: "xstate.after.100.m.timed",
        delayMs: 100,
        target: "m:1",
        event: { type: "xstate.after.100.m.timed" },
      },
      {
        type: "timer",
        id: "xstate.after.computed.m.timed",
        delayMs: 1_003,
        target: "m:1",
        event: { type: "xstate.after.computed.m.timed" },
      },
    ],
  },
  {
    name: "the cancelling of timers on leaving their state",
    events: ["timed", "back"],
    commands: [
      { type: "cancelTimer", id: "xstate.after.100.m.timed" },
      { type: "cancelTimer", id: "xstate.after.computed.m.timed" },
    ],
  },
  {
    name: "an effect, and what is told to it as it starts",
    events: ["invoked"],
    commands: [
      { type: "start", child: effect("work", "m:1/2/0", "callback"), input: undefined },
      { type: "tell", key: "m:1/2/0", event: { type: "poke", deep: { x: 1 } } },
    ],
  },
  {
    name: "a new incarnation on re-entering a state",
    events: ["invoked", "again"],
    commands: [
      { type: "start", child: effect("work", "m:1/3/0", "callback"), input: undefined },
      { type: "tell", key: "m:1/3/0", event: { type: "poke", deep: { x: 1 } } },
      { type: "stop", child: effect("work", "m:1/2/0", "callback") },
    ],
  },
  {
    name: "a slot and a watch",
    events: ["slotted"],
    commands: [
      {
        type: "start",
        child: { id: "slot", key: "m:1/2/0", role: "slot", src: "slot" },
        input: { pools: ["p"] },
      },
      {
        type: "start",
        child: { id: "watch", key: "m:1/2/1", role: "watch", src: "watch" },
        input: { addresses: ["other:7"] },
      },
    ],
  },
  {
    name: "a child machine as an actor, told before it is stopped",
    events: ["kid", "back"],
    commands: [
      { type: "message", target: "m.child:1~2~0", event: { type: "stop" } },
      {
        type: "stop",
        child: { id: "kid", key: "m.child:1~2~0", role: "actor", src: "child" },
      },
    ],
  },
  {
    name: "a spawned child",
    events: ["spawn"],
    commands: [{ type: "start", child: effect("spawned", "m:1/2/0", "promise"), input: 9 }],
  },
  {
    name: "the stopping of a spawned child",
    events: ["spawn", "unspawn"],
    commands: [{ type: "stop", child: effect("spawned", "m:1/2/0", "promise") }],
  },
  {
    name: "the stopping of children when the machine ends",
    events: ["spawn", "finish"],
    commands: [{ type: "stop", child: effect("spawned", "m:1/2/0", "promise") }],
  },
];

for (const { name, events, commands } of table) {
  Deno.test(`step() reads off ${name}`, () => {
    assertEquals(run(...events).commands, commands as Command[]);
  });
}

Deno.test("step() gives a raised event the time of the event that raised it", () => {
  assertEquals(run("raise").snapshot.context, { n: 3, seen: 1_000 });
});

Deno.test("step() says which transitions were taken", () => {
  assertEquals(run("timed").edges, ["m.idle -> m.timed"]);
});

Deno.test("step() does not accept an event that no transition takes", () => {
  for (const type of ["unknown", "guarded", "nothing"]) {
    assertEquals(run(type).accepted, false, type);
  }
  assertEquals(run("act").accepted, true);
});

Deno.test("step() leaves the snapshot that it was given as it was", () => {
  const before = run("invoked");
  const text = JSON.stringify(persist(before.snapshot));
  step(durable, owner(3), { snapshot: before.snapshot, event: { type: "back", at: 1 } });
  assertEquals(JSON.stringify(persist(before.snapshot)), text);
});

Deno.test("step() throws what an assign or a guard threw", () => {
  assertThrows(() => run("bad"), Error, "boom");
  assertThrows(() => run("badGuard"), Error, "broken guard");
});

Deno.test("step() ends an endless chain of transitions with an error", () => {
  assertThrows(() => run("loop"), Error, "Infinite loop");
});

Deno.test("firstStep() throws what the context factory threw", () => {
  const broken = setup({}).createMachine({
    context: () => {
      throw new Error("no context");
    },
  });
  const kind = createRegistry([{ name: "broken", version: 1, machine: broken }]).get("broken");
  assertThrows(() => firstStep(kind.durable, owner(1), { input: {}, at: 1 }), Error, "no context");
});

Deno.test("restore() brings back children with their incarnations, and steps on", () => {
  for (const events of [["invoked"], ["kid"], ["spawn"], ["slotted"]]) {
    const { snapshot } = run(...events);
    const persisted = JSON.parse(JSON.stringify(persist(snapshot)));
    const revived = restore(durable, owner(2), structuredClone(persisted));
    assertEquals(childrenOf(revived), childrenOf(snapshot));
    assertEquals(JSON.parse(JSON.stringify(persist(revived))), persisted);
  }
});

Deno.test("acceptedEvents() names the events of the active states and none of XState's", () => {
  assertEquals(acceptedEvents(run("timed").snapshot), ["back"]);
  assertEquals(acceptedEvents(run("finish").snapshot), []);
});

function effect(id: string, key: string, src: string) {
  return { id, key, role: "effect", src };
}
