/**
 * The statechart of a reconciler: a job of the system that holds what there should be against what
 * there is, now and then, for ever. So that its history does not grow for ever too, it ends after
 * many rounds and makes its successor in the same commit.
 */
import { assign, sendTo, setup } from "xstate";
import { actorAt, createActor, external } from "./lib/builtins.ts";

/** Between two rounds while there is something to look after, and while there is nothing, ms. */
const BUSY_EVERY_MS = 60_000;
const IDLE_EVERY_MS = 2 * 60_000;
/** Rounds of one reconciler. */
const MAX_ROUNDS = 1_000;

/** What a round found and did. Lists are cut to the first hundred; `found` counts all. */
export type RoundReport = {
  /** Things that were looked at. */
  readonly looked: number;
  /** What was not as it should be, and what was done about it, one line each. */
  readonly findings: readonly string[];
  readonly found: number;
  /** Since when each provider has not answered, ms since the epoch. */
  readonly unreachableSince: { readonly [provider: string]: number };
};

export type RoundInput = { readonly unreachableSince: RoundReport["unreachableSince"] };

export type ReconcilerContext = {
  /** Its id, with the number of reconcilers before it. */
  readonly name: string;
  readonly generation: number;
  readonly rounds: number;
  readonly lastRoundAt: number | null;
  readonly lastReport: RoundReport | null;
  /** The last round that found something. */
  readonly lastFindings: { readonly at: number; readonly findings: readonly string[] } | null;
  readonly error: string | null;
};

export type ReconcilerInput = { readonly name: string; readonly generation?: number };

type ReconcilerEvent =
  | { readonly type: "reconciler.run"; readonly at: number }
  | {
    readonly type: "xstate.done.actor.round";
    readonly at: number;
    readonly output: RoundReport;
  }
  | {
    readonly type: "xstate.error.actor.round";
    readonly at: number;
    readonly error: { readonly message: string };
  };

/** The address of a reconciler. */
export function reconcilerId(name: string, generation: number): string {
  return `${name}_${generation}`;
}

/** A reconciler. Made with `ReconcilerInput`. */
export const reconcilerMachine = setup({
  types: {
    context: {} as ReconcilerContext,
    events: {} as ReconcilerEvent,
    input: {} as ReconcilerInput,
    tags: {} as "active",
  },
  actors: { round: external<RoundInput, RoundReport>() },
  actions: {
    keepReport: assign(({ context, event }) => {
      if (event.type !== "xstate.done.actor.round") return {};
      const { output: report, at } = event;
      const { findings } = report;
      return {
        rounds: context.rounds + 1,
        lastRoundAt: at,
        lastReport: report,
        lastFindings: findings.length === 0 ? context.lastFindings : { at, findings },
        error: null,
      };
    }),
    keepError: assign(({ context, event }) =>
      event.type === "xstate.error.actor.round"
        ? { rounds: context.rounds + 1, lastRoundAt: event.at, error: event.error.message }
        : {}
    ),
    makeSuccessor: sendTo(
      ({ context }) => actorAt(`reconciler:${reconcilerId(context.name, context.generation + 1)}`),
      ({ context }) => createActor({ name: context.name, generation: context.generation + 1 }),
    ),
  },
  guards: { hasDoneItsPart: ({ context }) => context.rounds >= MAX_ROUNDS },
  delays: {
    pause: ({ context }) => (context.lastReport?.looked ?? 0) > 0 ? BUSY_EVERY_MS : IDLE_EVERY_MS,
  },
}).createMachine({
  id: "reconciler",
  description: "Holds what there should be against what there is, now and then.",
  context: ({ input }) => ({
    name: input.name,
    generation: input.generation ?? 1,
    rounds: 0,
    lastRoundAt: null,
    lastReport: null,
    lastFindings: null,
    error: null,
  }),
  initial: "looking",
  states: {
    looking: {
      description: "Looks at what there is, and sets it right.",
      tags: ["active"],
      invoke: {
        src: "round",
        id: "round",
        input: ({ context }) => ({ unreachableSince: context.lastReport?.unreachableSince ?? {} }),
        onDone: { target: "pausing", actions: "keepReport" },
        onError: { target: "pausing", actions: "keepError" },
      },
    },
    pausing: {
      description: "Waits until the next round.",
      always: { guard: "hasDoneItsPart", target: "succeeded" },
      after: { pause: { target: "looking" } },
      on: { "reconciler.run": { target: "looking" } },
    },
    succeeded: {
      description: "Has made its successor.",
      type: "final",
      entry: "makeSuccessor",
    },
  },
});
