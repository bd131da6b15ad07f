/**
 * Ordinary statecharts for the simulator to torment, each for one part of the runtime: this file
 * has those about time, nesting and versions. States in which an actor waits for its user are
 * tagged so; everywhere else something must be owed to it.
 */
import { assign, cancel, emit, raise, sendTo, setup } from "xstate";
import { external } from "../../machines/lib/builtins.ts";

/** Any event; `n` tells one apart from all others. */
export type SimulatedEvent = {
  type: string;
  at?: number;
  n?: number;
  output?: unknown;
  [field: string]: unknown;
};

/** What a unit of outside work is told and gives back. */
export type WorkInput = { of: string; note?: unknown };
export type WorkOutput = { key: string };

type Counted = { id: string; count: number; outputs: unknown[] };
type Named = { id: string };

const types = {
  context: {} as Counted,
  events: {} as SimulatedEvent,
  input: {} as Named,
};

/** Words of a user, perhaps long ones, and the number of the request that they came with. */
type Noted = Counted & { note: unknown; noteOf: number | null };

/** Six transitions and a timer, as most things in the world have. */
export const life = setup({
  types: { ...types, context: {} as Noted },
  actors: { work: external<WorkInput, WorkOutput>() },
  actions: {
    count: assign(({ context, event }) => ({
      count: context.count + 1,
      ...(event["note"] === undefined ? {} : { note: event["note"], noteOf: event.n ?? null }),
    })),
    keep: assign({ outputs: ({ context, event }) => [...context.outputs, event.output] }),
    explode: assign(() => {
      throw new Error("An assign that throws");
    }),
  },
}).createMachine({
  id: "life",
  context: ({ input }) => ({ id: input.id, count: 0, outputs: [], note: null, noteOf: null }),
  initial: "made",
  on: { explode: { actions: "explode" } },
  states: {
    made: { tags: ["waiting"], on: { next: { target: "armed", actions: "count" } } },
    armed: {
      on: { next: { target: "working", actions: "count" } },
      after: { 60_000: { target: "expired" } },
    },
    working: {
      invoke: {
        src: "work",
        id: "work",
        input: ({ context }) => ({ of: context.id, note: context.note }),
        onDone: { target: "reviewed", actions: "keep" },
        onError: { target: "expired" },
      },
      on: { next: { target: "reviewed", actions: "count" }, again: { target: "armed" } },
    },
    reviewed: {
      tags: ["waiting"],
      on: { next: { target: "closing", actions: "count" }, again: { target: "working" } },
    },
    closing: { on: { next: { target: "closed" } }, after: { 500: { target: "closed" } } },
    closed: { type: "final" },
    expired: { type: "final" },
  },
});

/** Parallel regions, history, raised and delayed events, letters to itself. */
export const shapes = setup({
  types: { ...types, context: {} as Counted & { greetedAt: number | null } },
  actions: {
    greet: raise({ type: "greeting" }),
    noteGreeting: assign({ greetedAt: ({ event }) => event.at ?? null }),
    count: assign({ count: ({ context }) => context.count + 1 }),
    tickLater: raise({ type: "tick" }, { delay: 1_000, id: "tick" }),
    hush: cancel("tick"),
    raiseInner: raise({ type: "inner" }),
    announce: emit(({ context }) => ({ type: "roused", count: context.count })),
    writeLater: sendTo(({ self }) => self, { type: "letter" }, { delay: "postage", id: "letter" }),
    writeNow: sendTo(({ self }) => self, { type: "letter" }),
  },
  delays: { postage: ({ context }) => 200 + context.count },
}).createMachine({
  id: "shapes",
  context: ({ input }) => ({ id: input.id, count: 0, outputs: [], greetedAt: null }),
  type: "parallel",
  entry: "greet",
  on: { greet: { actions: "greet" }, greeting: { actions: "noteGreeting" } },
  states: {
    left: {
      initial: "off",
      states: {
        off: {
          tags: ["waiting"],
          on: {
            enter: { target: "on" },
            resume: { target: "on.last" },
            recall: { target: "on.whole" },
            end: { target: "ended" },
          },
        },
        on: {
          initial: "one",
          tags: ["waiting"],
          on: { leave: { target: "off" }, end: { target: "ended" } },
          states: {
            one: { on: { step: { target: "two" } } },
            two: {
              initial: "early",
              on: { step: { target: "three" } },
              after: { 700: { target: "three" } },
              states: { early: { on: { ripen: { target: "late" } } }, late: {} },
            },
            three: { on: { step: { target: "one", actions: "count" } } },
            last: { type: "history" },
            whole: { type: "history", history: "deep" },
          },
        },
        ended: { type: "final" },
      },
    },
    right: {
      initial: "calm",
      states: {
        calm: {
          tags: ["waiting"],
          on: {
            rouse: { target: "roused" },
            write: { actions: "writeLater" },
            writeNow: { actions: "writeNow" },
            letter: { actions: "count" },
            end: { target: "ended" },
          },
        },
        roused: {
          tags: ["waiting"],
          entry: ["tickLater", "announce"],
          on: {
            tick: { target: "calm", actions: "count" },
            hush: { target: "calm", actions: "hush" },
            rearm: { actions: ["hush", "tickLater"] },
            echo: { actions: "raiseInner" },
            inner: { actions: "count" },
            write: { actions: "writeLater" },
            letter: { target: "calm", actions: "count" },
            end: { target: "ended" },
          },
        },
        ended: { type: "final" },
      },
    },
  },
});

const evolvingSetup = setup({
  types,
  actors: { work: external<WorkInput, WorkOutput>(), check: external<WorkInput, WorkOutput>() },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
});

const workInput = ({ context }: { context: Counted }) => ({ of: context.id });

/** As it was first released. */
export const evolvingOnce = evolvingSetup.createMachine({
  id: "evolving",
  context: ({ input }) => ({ id: input.id, count: 0, outputs: [] }),
  initial: "resting",
  states: {
    resting: { tags: ["waiting"], on: { go: { target: "busy", actions: "count" } } },
    busy: {
      invoke: {
        src: "work",
        id: "work",
        input: workInput,
        onDone: { target: "cooling" },
        onError: { target: "resting" },
      },
    },
    cooling: { after: { 3_000: { target: "resting" } }, on: { end: { target: "ended" } } },
    ended: { type: "final" },
  },
});

/** As it is now: resting ends by itself, being busy has a second pair of eyes, cooling a new time. */
export const evolvingNow = evolvingSetup.createMachine({
  id: "evolving",
  context: ({ input }) => ({ id: input.id, count: 0, outputs: [] }),
  initial: "resting",
  states: {
    resting: {
      tags: ["waiting"],
      on: { go: { target: "busy", actions: "count" } },
      after: { 90_000: { target: "ended" } },
    },
    busy: {
      invoke: [
        {
          src: "work",
          id: "work",
          input: workInput,
          onDone: { target: "cooling" },
          onError: { target: "resting" },
        },
        { src: "check", id: "check", input: workInput },
      ],
      on: {
        "xstate.done.actor.check": { actions: "count" },
        "xstate.error.actor.check": { actions: "count" },
      },
    },
    cooling: { after: { 2_000: { target: "resting" } }, on: { end: { target: "ended" } } },
    ended: { type: "final" },
  },
});
