/**
 * The statechart of a session's gate: whoever works in a session holds its gate, so that a person's
 * turn and a scheduled run never work in it at once. A person goes before a run: the run is told
 * that it has lost the gate. A run that finds it taken asks again later; the gate keeps no queue,
 * but whoever is told first that it is busy goes before others, so that none waits for ever.
 */
import { assertEvent, assign, sendTo, setup } from "xstate";
import { actorAt, type ActorEnded, watch } from "./lib/builtins.ts";

/** Longest id of a gate, and what is kept of a longer one. An address has 255 characters at most. */
const MAX_GATE_ID_CHARS = 240;
const KEPT_ID_CHARS = 200;
/** The largest prime below 2 ** 43, so that the sums stay exact. */
const LARGEST_PRIME = 8_796_093_022_151;

/** Longest hold of a person who does not say how long, ms. */
export const PERSON_HOLD_MS = 10 * 60_000;

/**
 * How long the gate is kept for a run that was told that it is busy: longer than runs wait before
 * they ask again.
 */
export const KEPT_FOR_MS = 15_000;

export type GateInput = { readonly key: string };

export type GateContext = {
  /** The session. */
  readonly key: string;
  /** Address of the actor that holds it, or a person's name; null while it is free. */
  readonly holder: string | null;
  /** Ms since the epoch; null while it is free. */
  readonly heldSince: number | null;
  /** When a person's hold ends, ms since the epoch. */
  readonly heldUntil: number | null;
  /** The run that goes before others, and when it asked last. */
  readonly next: { readonly by: string; readonly at: number } | null;
};

export type GateEvent =
  /** A run asks for it, and is told `session.granted` or `session.busy`. */
  | { readonly type: "gate.claim"; readonly at: number; readonly by: string }
  | { readonly type: "gate.release"; readonly at: number; readonly by: string }
  /** A person takes it, or holds it for longer. */
  | {
    readonly type: "gate.take";
    readonly at: number;
    readonly person: string;
    readonly holdMs?: number;
  }
  | { readonly type: "gate.leave"; readonly at: number; readonly person: string }
  | ActorEnded;

/** What a gate tells runs. */
export type GateWord = {
  readonly type: "session.granted" | "session.busy" | "session.preempted";
  readonly at: number;
  readonly session: string;
};

/**
 * The address of a session's gate. Any key has one: what an id cannot hold is written as `%xx`, and
 * a key that is then too long for an address is told from others by two sums of it.
 */
export function gateAddress(key: string): string {
  const id = encodeURIComponent(key.toWellFormed());
  if (id.length <= MAX_GATE_ID_CHARS) return `gate:${id}`;
  return `gate:${id.slice(0, KEPT_ID_CHARS)}~${sumOf(id, 31)}~${sumOf(id, 131)}`;
}

/** A sum of a text's characters to which their order matters, of 52 bits at most. */
function sumOf(text: string, factor: number): string {
  let sum = 0;
  for (const char of text) sum = (sum * factor + char.charCodeAt(0)) % LARGEST_PRIME;
  return sum.toString(36);
}

const word = (type: GateWord["type"]) => ({ context }: { context: GateContext }) => ({
  type,
  session: context.key,
});

const claimant = ({ event }: { event: GateEvent }) =>
  actorAt(event.type === "gate.claim" ? event.by : "");

const holder = ({ context }: { context: GateContext }) => actorAt(context.holder ?? "");

/**
 * Whether the gate is kept for another run than the one that asks. A clock that was set back must
 * not keep it for longer.
 */
function isKept({ next }: GateContext, { by, at }: { by: string; at: number }): boolean {
  return next !== null && next.by !== by && Math.abs(at - next.at) < KEPT_FOR_MS;
}

/** A session's gate. Made with `GateInput`; it has no end. */
export const gateMachine = setup({
  types: {
    context: {} as GateContext,
    events: {} as GateEvent,
    input: {} as GateInput,
    tags: {} as "waiting",
  },
  actors: { watch },
  actions: {
    /** Makes an event accepted that changes nothing: XState takes a bare transition for a refusal. */
    doNothing: assign({}),
    give: assign(({ event }) => {
      assertEvent(event, "gate.claim");
      return { holder: event.by, heldSince: event.at, heldUntil: null, next: null };
    }),
    giveToPerson: assign(({ context, event }) => {
      assertEvent(event, "gate.take");
      const isLonger = context.holder === event.person && context.heldUntil !== null;
      return {
        holder: event.person,
        heldSince: isLonger ? context.heldSince : event.at,
        heldUntil: event.at + (event.holdMs ?? PERSON_HOLD_MS),
      };
    }),
    keepForNext: assign(({ context, event }) => {
      assertEvent(event, "gate.claim");
      const { by, at } = event;
      return isKept(context, event) ? {} : { next: { by, at } };
    }),
    takeBack: assign({ holder: null, heldSince: null, heldUntil: null }),
    tellGranted: sendTo(claimant, word("session.granted")),
    tellBusy: sendTo(claimant, word("session.busy")),
    tellPreempted: sendTo(holder, word("session.preempted")),
  },
  guards: {
    isKeptForOther: ({ context, event }) => event.type === "gate.claim" && isKept(context, event),
    isHolder: ({ context, event }) => {
      switch (event.type) {
        case "gate.claim":
        case "gate.release":
          return event.by === context.holder;
        case "gate.take":
        case "gate.leave":
          return event.person === context.holder;
        case "actor.ended":
          return event.address === context.holder;
      }
    },
  },
  delays: {
    untilLeft: ({ context, event }) => Math.max(0, (context.heldUntil ?? 0) - event.at),
  },
}).createMachine({
  id: "gate",
  description: "Lets one at a time work in a session, people before runs.",
  context: ({ input }) => ({
    key: input.key,
    holder: null,
    heldSince: null,
    heldUntil: null,
    next: null,
  }),
  initial: "free",
  // Who has lost the gate meanwhile may give it back all the same.
  on: { "gate.release": { actions: "doNothing" } },
  states: {
    free: {
      description: "Nobody works in the session.",
      tags: ["waiting"],
      entry: "takeBack",
      on: {
        "gate.claim": [
          { guard: "isKeptForOther", actions: "tellBusy" },
          { target: "heldByRun", actions: ["give", "tellGranted"] },
        ],
        "gate.take": { target: "heldByPerson", actions: "giveToPerson" },
      },
    },
    heldByRun: {
      description: "A run works in the session.",
      tags: ["waiting"],
      invoke: {
        src: "watch",
        id: "holder",
        input: ({ context }) => ({ addresses: [context.holder ?? ""] }),
      },
      on: {
        "gate.claim": [
          { guard: "isHolder", actions: "tellGranted" },
          { actions: ["tellBusy", "keepForNext"] },
        ],
        "gate.release": [
          { guard: "isHolder", target: "free" },
          { actions: "doNothing" },
        ],
        "gate.take": { target: "heldByPerson", actions: ["tellPreempted", "giveToPerson"] },
        "actor.ended": { guard: "isHolder", target: "free" },
      },
    },
    heldByPerson: {
      description: "A person works in the session, until they leave it or their time is over.",
      tags: ["waiting"],
      after: { untilLeft: { target: "free" } },
      on: {
        "gate.claim": { actions: ["tellBusy", "keepForNext"] },
        "gate.take": {
          guard: "isHolder",
          target: "heldByPerson",
          reenter: true,
          actions: "giveToPerson",
        },
        "gate.leave": { guard: "isHolder", target: "free" },
      },
    },
  },
});
