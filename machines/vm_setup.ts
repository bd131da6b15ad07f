/**
 * The words of the VM's statechart: its actions, guards and delays by name. They only tie names to
 * functions; how they are put together is in `vm.ts`.
 */
import { and, assign, emit, not, sendTo, setup, stateIn } from "xstate";
import { actorAt, external, slot, watch } from "./lib/builtins.ts";
import * as change from "./vm_changes.ts";
import { isHeld, type VmContext } from "./vm_context.ts";
import { MAX_ATTEMPTS, MAX_DELETE_ATTEMPTS, MAX_WAKE_ATTEMPTS } from "./vm_defaults.ts";
import type { RecycleMethod, VmEmitted, VmEvent } from "./vm_events.ts";
import type { VmHandleRecord, VmInput } from "./vm_input.ts";
import type { CreateInput, HandleInput, VmOperation } from "./vm_requests.ts";
import { failedMessage, readyMessage, recycledMessage } from "./vm_requests.ts";
import { notifyAt, recycleAt, retryDelayMs, sleepAt } from "./vm_timing.ts";

/** What a VM ends with. */
export type VmOutput = { method: RecycleMethod | null; generation: number };

/** Codes of failures that another call cannot cure. */
const HOPELESS: readonly string[] = ["invalid"];

type Args = { readonly context: VmContext; readonly event: { readonly at?: number } };

function until(at: number | null, args: Args): number {
  return Math.max(0, (at ?? 0) - change.timeOf(args));
}

function codeOf(event: VmEvent): string | undefined {
  return "error" in event ? event.error.code : undefined;
}

function senderOf(event: VmEvent) {
  return actorAt(event.type === "vm.attach" ? event.task : "");
}

/** Everything that the statechart names. */
export const vmSetup = setup({
  types: {
    context: {} as VmContext,
    events: {} as VmEvent,
    input: {} as VmInput,
    output: {} as VmOutput,
    emitted: {} as VmEmitted,
    tags: {} as "waiting" | "active" | "holdsSlot",
  },
  actors: {
    slot,
    watch,
    create: external<CreateInput, VmHandleRecord>(),
    suspend: external<HandleInput, null>(),
    resume: external<HandleInput, null>(),
    delete: external<VmOperation, null>(),
  },
  actions: {
    /** Makes an event accepted that changes nothing: XState takes a bare transition for a refusal. */
    doNothing: assign({}),
    holdForTask: assign(change.holdForTask),
    letTaskRest: assign(change.letTaskRest),
    dropTask: assign(change.dropTask),
    startSleepClock: assign(change.startSleepClock),
    startRecycleClock: assign(change.startRecycleClock),
    noteUse: assign(change.noteUse),
    noteActivity: assign(change.noteActivity),
    markNotified: assign(change.markNotified),
    keepCondition: assign(change.keepCondition),
    keepHandle: assign(change.keepHandle),
    forgetFailures: assign(change.forgetFailures),
    endTries: assign(change.endTries),
    countFailure: assign(change.countFailure),
    giveUp: assign(change.giveUp),
    keepVanished: assign(change.keepVanished),
    wantWake: assign(change.wantWake),
    dropWish: assign(change.dropWish),
    endWait: assign(change.endWait),
    beginAgain: assign(change.beginAgain),
    beginRecycling: assign((args, { method }: { method: RecycleMethod | null }) =>
      change.beginRecycling(args, method)
    ),
    oweCleanup: assign(change.oweCleanup),
    settleCleanup: assign(change.settleCleanup),
    markRecycled: assign(change.markRecycled),
    keepSilence: assign(change.keepSilence),
    endSilence: assign(change.endSilence),
    markHibernated: assign((args, { status }: { status: "true" | "false" }) =>
      change.setCondition(args, {
        type: "hibernated",
        status,
        reason: status === "true" ? "Suspended" : "Resumed",
        message: "",
        progress: 100,
      })
    ),
    tellReady: sendTo(({ event }) => senderOf(event), ({ context }) => readyMessage(context)),
    tellFailed: sendTo(({ event }) => senderOf(event), ({ context }) => failedMessage(context)),
    tellRecycled: sendTo(({ event }) => senderOf(event), ({ context }) => recycledMessage(context)),
    announceExpiry: emit(({ context }) => ({
      type: "vm.expiring_soon",
      recycleAt: recycleAt(context) ?? 0,
      lastActivityAt: context.lastActivityAt,
    })),
  },
  guards: {
    isHeld: ({ context }) => isHeld(context),
    mayBeSuspended: not("isHeld"),
    endsLastHold: change.endsLastHold,
    // One that has failed turns tasks away.
    takesTasks: not(stateIn("#failed")),
    neverSleeps: ({ context }) => sleepAt(context) === null,
    isNeverRecycled: ({ context }) => recycleAt(context) === null,
    isNeverAnnounced: ({ context }) => notifyAt(context) === null,
    neverExpires: ({ context }) => context.settings.expireAt === null,
    isNewUse: change.isNewUse,
    isNewActivity: change.isNewActivity,
    wasUsedMeanwhile: (args) => (recycleAt(args.context) ?? Infinity) > change.timeOf(args),
    isNews: change.isNews,
    isGone: ({ event }) => codeOf(event) === "not_found",
    isWanted: ({ context }) => context.wakeWanted,
    mayTryAgain: and([
      ({ context }) => context.failures + 1 < MAX_ATTEMPTS,
      ({ event }) => !HOPELESS.includes(codeOf(event) ?? ""),
    ]),
    mayWakeAgain: and([
      ({ context }) => context.failures + 1 < MAX_WAKE_ATTEMPTS,
      ({ event }) => !HOPELESS.includes(codeOf(event) ?? ""),
    ]),
    mayDeleteAgain: ({ context }) => context.failures + 1 < MAX_DELETE_ATTEMPTS,
  },
  delays: {
    untilSleep: (args) => until(sleepAt(args.context), args),
    untilNotice: (args) => until(notifyAt(args.context), args),
    untilRecycling: (args) => until(recycleAt(args.context), args),
    untilExpiry: (args) => until(args.context.settings.expireAt, args),
    backoff: ({ context }) => retryDelayMs(context),
  },
});
