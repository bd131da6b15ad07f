/**
 * Statecharts for the simulator about work with the outside: places in pools, effects of every
 * sort, hooks.
 */
import { assign, fromCallback, fromPromise, sendTo, setup } from "xstate";
import { external, type PoolRequest, slot } from "../../machines/lib/builtins.ts";
import type { SimulatedEvent, WorkInput, WorkOutput } from "./machines.ts";

type Counted = { id: string; count: number };
type Named = { id: string };

export type SlotUserInput = {
  id: string;
  pools: PoolRequest[];
  priority: number;
  share?: string;
  rounds: number;
};

/** Waits for its places, works, rests, and comes again for some rounds. */
export const slotUser = setup({
  types: {
    context: {} as SlotUserInput,
    events: {} as SimulatedEvent,
    input: {} as SlotUserInput,
  },
  actors: { slot, hold: external<WorkInput, WorkOutput>() },
  actions: { countRound: assign({ rounds: ({ context }) => context.rounds - 1 }) },
  guards: { isLastRound: ({ context }) => context.rounds <= 1 },
}).createMachine({
  id: "slotUser",
  context: ({ input }) => input,
  initial: "claiming",
  on: { cancel: { target: ".cancelled" } },
  states: {
    claiming: {
      tags: ["holdsSlot"],
      invoke: {
        src: "slot",
        id: "slot",
        input: ({ context: { pools, priority, share } }) => ({
          pools,
          priority,
          ...(share === undefined ? {} : { share }),
        }),
      },
      on: { yield: { target: "claiming", reenter: true } },
      initial: "queued",
      states: {
        queued: { tags: ["waiting"], on: { "slot.granted": { target: "working" } } },
        working: {
          invoke: {
            src: "hold",
            id: "hold",
            input: ({ context }) => ({ of: context.id }),
            onDone: { target: "#slotUser.resting" },
            onError: { target: "#slotUser.resting" },
          },
          after: { 40_000: { target: "#slotUser.resting" } },
        },
      },
    },
    resting: {
      always: { guard: "isLastRound", target: "done" },
      after: { 100: { target: "claiming", actions: "countRound" } },
    },
    done: { type: "final" },
    cancelled: { type: "final" },
  },
});

/** Effects of every sort, one after another, with actions beside them. */
export const worker = setup({
  types: {
    context: {} as Counted,
    events: {} as SimulatedEvent,
    input: {} as Named,
  },
  actors: {
    steady: external<WorkInput, WorkOutput>(),
    fragile: external<WorkInput, WorkOutput>(),
    linked: external<WorkInput, WorkOutput>(),
    /** These two are logic of the machine itself. */
    doubled: fromPromise<unknown, Named>(() => Promise.resolve()),
    echoing: fromCallback<SimulatedEvent, Named>(() => {}),
  },
  actions: {
    count: assign({ count: ({ context }) => context.count + 1 }),
    /** Carried out by the kind, several attempts. */
    notify: (_, _params: { count: number }) => {},
    /** Carried out by a function of the machine itself. */
    remark: () => {},
    passOn: sendTo("echoing", ({ event }) => ({ type: "say", n: event.n })),
    passOnLater: sendTo("echoing", { type: "say" }, { delay: 300 }),
  },
}).createMachine({
  id: "worker",
  context: ({ input }) => ({ id: input.id, count: 0 }),
  initial: "idle",
  on: { "effect.failed": { actions: "count" } },
  states: {
    idle: {
      tags: ["waiting"],
      on: {
        job: {
          target: "steady",
          actions: [
            { type: "notify", params: ({ context }) => ({ count: context.count }) },
            "remark",
          ],
        },
        jump: { target: "linked" },
        chat: { target: "chatting" },
        retire: {
          target: "retired",
          actions: { type: "notify", params: ({ context }) => ({ count: context.count }) },
        },
      },
    },
    steady: {
      invoke: {
        src: "steady",
        id: "steady",
        input: ({ context }) => ({ of: context.id }),
        onDone: { target: "fragile" },
        onError: { target: "idle" },
      },
      on: {
        progress: { actions: "count" },
        cancel: { target: "idle" },
        again: { target: "steady", reenter: true, actions: "count" },
      },
    },
    fragile: {
      invoke: {
        src: "fragile",
        id: "fragile",
        input: ({ context }) => ({ of: context.id }),
        onDone: { target: "linked" },
        onError: { target: "linked", actions: "count" },
      },
      on: { progress: { actions: "count" }, cancel: { target: "idle" } },
    },
    linked: {
      invoke: {
        src: "linked",
        id: "linked",
        input: ({ context }) => ({ of: context.id }),
        onDone: { target: "doubling" },
        onError: { target: "idle" },
      },
      on: { progress: { actions: "count" }, cancel: { target: "idle" } },
    },
    doubling: {
      invoke: {
        src: "doubled",
        id: "doubled",
        input: ({ context }) => ({ id: context.id }),
        onDone: { target: "chatting" },
        onError: { target: "idle" },
      },
    },
    chatting: {
      invoke: { src: "echoing", id: "echoing", input: ({ context }) => ({ id: context.id }) },
      on: {
        say: { actions: "passOn" },
        sayLater: { actions: "passOnLater" },
        echoed: { actions: "count" },
        cancel: { target: "idle" },
      },
      after: { 8_000: { target: "idle" } },
    },
    retired: { type: "final" },
  },
});

/** Goes round and round, with hooks on its way. */
export const hooked = setup({
  types: { context: {} as Counted, events: {} as SimulatedEvent, input: {} as Named },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
}).createMachine({
  id: "hooked",
  context: ({ input }) => ({ id: input.id, count: 0 }),
  initial: "draft",
  on: { noted: { actions: "count" }, "effect.failed": { actions: "count" } },
  states: {
    draft: { tags: ["waiting"], on: { publish: { target: "published" } } },
    published: {
      tags: ["waiting"],
      on: { withdraw: { target: "draft" }, end: { target: "ended" } },
      initial: "fresh",
      states: { fresh: { after: { 2_000: { target: "stale" } } }, stale: {} },
    },
    ended: { type: "final" },
  },
});
