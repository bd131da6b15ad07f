/** Machines and small parts for the tests of faults that were found. */
import { setup } from "xstate";
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { defineEffect } from "../../actors/runtime/kind.ts";
import { external, slot } from "../../machines/lib/builtins.ts";
import type { SimulatedEvent } from "./machines.ts";

export const HOUR_MS = 3_600_000;

export const events = {} as SimulatedEvent;
export const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** Rests, and works while it is told to. */
export const working = setup({
  types: { events },
  actors: { work: external<undefined, null>() },
}).createMachine({
  id: "working",
  initial: "resting",
  states: {
    resting: { tags: ["waiting"], on: { go: { target: "busy" } } },
    busy: {
      invoke: { src: "work", id: "work", onDone: { target: "done" }, onError: { target: "done" } },
      on: { rest: { target: "resting" } },
      after: { 60_000: { target: "resting" } },
    },
    done: { type: "final" },
  },
});

/** Asks for a place, and holds it until it is told to let go, or to ask again. */
export const holder = setup({
  types: { events, context: {} as { pools: string[] }, input: {} as { pools: string[] } },
  actors: { slot, work: external<undefined, null>() },
}).createMachine({
  id: "holder",
  context: ({ input }) => ({ pools: input.pools }),
  initial: "claiming",
  states: {
    claiming: {
      invoke: { src: "slot", id: "slot", input: ({ context }) => ({ pools: context.pools }) },
      on: { yield: { target: "claiming", reenter: true }, leave: { target: "left" } },
      initial: "queued",
      states: {
        queued: { on: { "slot.granted": { target: "working" } } },
        working: { invoke: { src: "work", id: "work" } },
      },
    },
    left: { type: "final" },
  },
});

export function kindOf(
  name: string,
  machine: KindDefinition["machine"],
  effects: KindDefinition["effects"] = {},
): KindDefinition {
  return { name, version: 1, machine, effects };
}

export const hanging = defineEffect({ run: (_: unknown, { signal }) => untilAborted(signal) });
