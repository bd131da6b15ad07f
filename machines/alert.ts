/**
 * The statechart of an alert: something is wrong with one actor, in one way. It lives for as long
 * as that holds, and half an hour after it was last told, so that what comes and goes is told once
 * in that time. Whether it holds is the watchdog's to say; how people are told is the notifier's.
 */
import { assertEvent, assign, emit, setup } from "xstate";

/** What can be wrong with an actor. */
export const ALERT_KINDS = ["overdue", "stuck", "orphaned", "silent", "unattended"] as const;
export type AlertKind = typeof ALERT_KINDS[number];

/** How long after an alert was told it is told again, and no sooner, ms. */
export const TELL_EVERY_MS = 30 * 60_000;

/** Who has seen an alert, and what they say of it. */
export type Acknowledgement = {
  /** Ms since the epoch. */
  readonly at: number;
  readonly by: string | null;
  readonly note: string | null;
};

export type AlertContext = {
  readonly id: string;
  /** The address of the actor that it is about. */
  readonly actor: string;
  readonly kind: AlertKind;
  /** A sentence with the evidence. */
  readonly reason: string;
  /** When it was raised, ms since the epoch. */
  readonly since: number;
  readonly toldAt: number;
  /** How often it was told. */
  readonly told: number;
  readonly acknowledged: Acknowledgement | null;
  /** When it was not found any more. */
  readonly recededAt: number | null;
};

export type AlertInput = {
  readonly id: string;
  readonly actor: string;
  readonly kind: AlertKind;
  readonly reason: string;
  /** Ms since the epoch; the runtime fills it in. */
  readonly at?: number;
};

export type AlertEvent =
  | {
    readonly type: "alert.acknowledge";
    readonly at: number;
    readonly by?: string;
    readonly note?: string;
  }
  /** It holds no longer. */
  | { readonly type: "alert.clear"; readonly at: number }
  /** It holds again. */
  | { readonly type: "alert.found"; readonly at: number; readonly reason: string };

/** What an alert tells the feed, and those who are notified. */
export type AlertRaised = {
  readonly type: "alert.raised";
  readonly address: string;
  readonly reason: string;
};

type AlertEmitted = AlertRaised & { readonly kind: AlertKind; readonly told: number };

type Args = { readonly context: AlertContext; readonly event: { readonly at?: number } };

const alertSetup = setup({
  types: {
    context: {} as AlertContext,
    events: {} as AlertEvent,
    input: {} as AlertInput,
    emitted: {} as AlertEmitted,
    tags: {} as "waiting",
  },
  actions: {
    noteTold: assign(({ context, event }) => ({
      toldAt: timeOf({ context, event }),
      told: context.told + 1,
    })),
    announce: emit(({ context }) => ({
      ...raisedOf(context),
      kind: context.kind,
      told: context.told,
    })),
    /** Carried out by the kind. */
    tell: (_, _raised: AlertRaised) => {},
    acknowledge: assign(({ event }) => {
      assertEvent(event, "alert.acknowledge");
      const { at, by = null, note = null } = event;
      return { acknowledged: { at, by, note } };
    }),
    noteReceded: assign(({ event }) => ({ recededAt: event.at })),
    noteFound: assign(({ event }) => {
      assertEvent(event, "alert.found");
      return { reason: event.reason, recededAt: null };
    }),
  },
  guards: { isAcknowledged: ({ context }) => context.acknowledged !== null },
  delays: { sinceTold: ({ context, event }) => untilTellable({ context, event }) },
});

const raised = alertSetup.createStateConfig({
  description: "It held when the watchdog looked last.",
  tags: ["waiting"],
  initial: "telling",
  on: { "alert.clear": { target: "receded", actions: "noteReceded" } },
  states: {
    telling: {
      description: "People are told, at once.",
      entry: ["noteTold", "announce", { type: "tell", params: ({ context }) => raisedOf(context) }],
      always: "told",
    },
    told: {
      description: "People know. They are told again while nobody says that they have seen it.",
      after: { sinceTold: "telling" },
      on: { "alert.acknowledge": { target: "acknowledged", actions: "acknowledge" } },
    },
    acknowledged: {
      description: "Somebody has seen it: nobody is told again.",
      on: { "alert.acknowledge": { actions: "acknowledge" } },
    },
  },
});

/** An alert. Made with `AlertInput` when something is found. */
export const alertMachine = alertSetup.createMachine({
  id: "alert",
  description: "Something is wrong with one actor, in one way.",
  context: ({ input: { at = 0, ...input } }) => ({
    ...input,
    since: at,
    toldAt: at,
    told: 0,
    acknowledged: null,
    recededAt: null,
  }),
  initial: "raised",
  states: {
    raised,
    receded: {
      description:
        "It holds no longer. Where it comes back soon it is the same alert, and not news.",
      tags: ["waiting"],
      after: { sinceTold: "cleared" },
      on: {
        "alert.found": [
          { guard: "isAcknowledged", target: "raised.acknowledged", actions: "noteFound" },
          { target: "raised.told", actions: "noteFound" },
        ],
        "alert.acknowledge": { actions: "acknowledge" },
      },
    },
    cleared: { description: "It has not come back.", type: "final" },
  },
});

function raisedOf({ actor, reason }: AlertContext): AlertRaised {
  return { type: "alert.raised", address: actor, reason };
}

/** The event by which XState makes an actor has no time. */
function timeOf({ context, event }: Args): number {
  return event.at ?? context.since;
}

/** A clock that was set back holds nobody up for longer than the whole span. */
function untilTellable(args: Args): number {
  const passedMs = timeOf(args) - args.context.toldAt;
  return Math.min(TELL_EVERY_MS, Math.max(0, TELL_EVERY_MS - passedMs));
}
