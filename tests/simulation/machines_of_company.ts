/** Statecharts for the simulator about actors among each other: children, messages, watches. */
import { type AnyActorRef, assign, sendParent, sendTo, setup, spawnChild, stopChild } from "xstate";
import { actorAt, external, watch } from "../../machines/lib/builtins.ts";
import type { SimulatedEvent, WorkInput, WorkOutput } from "./machines.ts";

type Counted = { id: string; count: number };
type Named = { id: string };

/** A child's child. */
export const toy = setup({ types: { events: {} as SimulatedEvent } }).createMachine({
  id: "toy",
  initial: "wound",
  states: {
    wound: { after: { 2_000: { target: "still" } }, on: { stop: { target: "still" } } },
    still: { type: "final" },
  },
});

/** A child: works, plays with a child of its own, reports, and may break. */
export const kid = setup({
  types: {
    context: {} as Counted,
    events: {} as SimulatedEvent,
    input: {} as Named,
    output: {} as { count: number },
  },
  actors: { toy, breakage: external<WorkInput, WorkOutput>() },
  actions: {
    count: assign({ count: ({ context }) => context.count + 1 }),
    report: sendParent(({ context }) => ({ type: "kid.told", count: context.count })),
  },
}).createMachine({
  id: "kid",
  context: ({ input }) => ({ id: input.id, count: 0 }),
  output: ({ context }) => ({ count: context.count }),
  initial: "busy",
  states: {
    busy: {
      entry: "report",
      on: {
        hurry: { target: "grown", actions: "count" },
        play: { target: "playing" },
        break: { target: "breaking" },
      },
      after: { 3_000: { target: "grown" } },
    },
    playing: {
      invoke: { src: "toy", id: "toy", onDone: { target: "busy", actions: "count" } },
      on: { hurry: { target: "grown" } },
    },
    // Nobody handles the error of its work: the child itself fails.
    breaking: {
      invoke: {
        src: "breakage",
        id: "breakage",
        input: ({ context }) => ({ of: context.id }),
        onDone: { target: "busy" },
      },
    },
    grown: { type: "final" },
  },
});

type FamilyContext = { id: string; count: number; adopted: AnyActorRef | null };

/** A parent with a child that it invokes and others that it spawns. */
export const family = setup({
  types: {
    context: {} as FamilyContext,
    events: {} as SimulatedEvent,
    input: {} as Named,
    children: {} as { [id: string]: "kid" },
  },
  actors: { kid },
  actions: {
    count: assign({ count: ({ context }) => context.count + 1 }),
    adopt: assign({
      adopted: ({ context, spawn }) =>
        spawn("kid", { id: `adopted-${context.count}`, input: { id: context.id } }),
      count: ({ context }) => context.count + 1,
    }),
    forget: assign({ adopted: null }),
    stopAdopted: stopChild(({ context }) => context.adopted ?? actorAt("family.kid:none")),
    hurryAdopted: sendTo(({ context }) => context.adopted ?? actorAt("family.kid:none"), {
      type: "hurry",
    }),
    fosterWard: spawnChild("kid", { id: "ward", input: ({ context }) => ({ id: context.id }) }),
    dropWard: stopChild("ward"),
    nudge: sendTo("kid", { type: "hurry" }),
    hurt: sendTo("kid", { type: "break" }),
    amuse: sendTo("kid", { type: "play" }),
  },
  guards: { hasAdopted: ({ context }) => context.adopted !== null },
}).createMachine({
  id: "family",
  context: ({ input }) => ({ id: input.id, count: 0, adopted: null }),
  initial: "alone",
  on: {
    "kid.told": { actions: "count" },
    adopt: { actions: "adopt" },
    hurryAdopted: { guard: "hasAdopted", actions: "hurryAdopted" },
    abandon: { guard: "hasAdopted", actions: ["stopAdopted", "forget"] },
    "xstate.done.actor.*": { actions: "count" },
    "xstate.error.actor.*": { actions: "count" },
    end: { target: ".ended" },
  },
  states: {
    alone: {
      tags: ["waiting"],
      on: { raise: { target: "together" }, foster: { target: "fostering" } },
    },
    together: {
      invoke: {
        src: "kid",
        id: "kid",
        input: ({ context }) => ({ id: context.id }),
        onDone: { target: "alone", actions: "count" },
        onError: { target: "alone", actions: "count" },
      },
      on: {
        part: { target: "alone" },
        again: { target: "together", reenter: true },
        nudge: { actions: "nudge" },
        amuse: { actions: "amuse" },
        hurt: { actions: "hurt" },
      },
    },
    fostering: {
      tags: ["waiting"],
      entry: "fosterWard",
      exit: "dropWard",
      on: { part: { target: "alone" } },
    },
    ended: { type: "final" },
  },
});

type MessengerContext = { id: string; peer: string; left: number; missed: number };

/** One of two who play ball by address. */
export const messenger = setup({
  types: {
    context: {} as MessengerContext,
    events: {} as SimulatedEvent,
    input: {} as { id: string; peer: string },
  },
  actions: {
    refill: assign({ left: 5 }),
    hit: sendTo(({ context }) => actorAt(context.peer), ({ context }) => ({
      type: "ball",
      from: context.id,
    })),
    lob: sendTo(({ context }) => actorAt(context.peer), { type: "ball" }, { delay: 400 }),
    countDown: assign({ left: ({ context }) => context.left - 1 }),
    miss: assign({ missed: ({ context }) => context.missed + 1 }),
  },
  guards: { isPlaying: ({ context }) => context.left > 0 },
}).createMachine({
  id: "messenger",
  context: ({ input }) => ({ id: input.id, peer: input.peer, left: 5, missed: 0 }),
  initial: "playing",
  states: {
    playing: {
      tags: ["waiting"],
      on: {
        serve: { actions: ["refill", "hit"] },
        lob: { actions: "lob" },
        ball: [{ guard: "isPlaying", actions: ["countDown", "hit"] }, { actions: "miss" }],
        quit: { target: "gone" },
      },
    },
    gone: { type: "final" },
  },
});

type WatcherContext = { id: string; addresses: string[]; seen: string[] };

/** Waits for the end of others; may look away and back. */
export const watcher = setup({
  types: {
    context: {} as WatcherContext,
    events: {} as SimulatedEvent,
    input: {} as { id: string; addresses: string[] },
  },
  actors: { watch },
  actions: {
    note: assign(({ context, event }) => ({
      seen: [...context.seen, String(event["address"])],
      addresses: context.addresses.filter((address) => address !== event["address"]),
    })),
  },
  guards: { hasSeenAll: ({ context }) => context.addresses.length === 0 },
}).createMachine({
  id: "watcher",
  context: ({ input }) => ({ ...input, seen: [] }),
  initial: "watching",
  on: { end: { target: ".ended" } },
  states: {
    watching: {
      invoke: {
        src: "watch",
        id: "watch",
        input: ({ context }) => ({ addresses: context.addresses }),
      },
      always: { guard: "hasSeenAll", target: "satisfied" },
      on: { "actor.ended": { actions: "note" }, away: { target: "away" } },
    },
    away: { tags: ["waiting"], on: { back: { target: "watching" } } },
    satisfied: { tags: ["waiting"], on: { back: { target: "watching", reenter: true } } },
    ended: { type: "final" },
  },
});
