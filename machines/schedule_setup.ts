/**
 * The words of the schedule's statechart: its actions, guards and delays by name. They only tie
 * names to functions; how they are put together is in `schedule.ts`.
 */
import { assign, emit, enqueueActions, sendTo, setup } from "xstate";
import { gateAddress } from "./gate.ts";
import { actorAt, createActor, external, watch } from "./lib/builtins.ts";
import * as change from "./schedule_changes.ts";
import { scheduleAddress, type ScheduleContext, type ScheduleRunNow } from "./schedule_context.ts";
import type { JobInput, JobReport, ScheduleEmitted, ScheduleEvent } from "./schedule_events.ts";
import { PURGE_AFTER_MS, type ScheduleInput, SESSION_RETRY_MS } from "./schedule_input.ts";
import { cancelMessage, taskMessage } from "./schedule_requests.ts";
import { takeDue } from "./schedule_slots.ts";

/** Everything that the statechart names. */
export const scheduleSetup = setup({
  types: {
    context: {} as ScheduleContext,
    events: {} as ScheduleEvent,
    input: {} as ScheduleInput,
    emitted: {} as ScheduleEmitted,
    tags: {} as "waiting" | "active",
  },
  actors: { watch, job: external<JobInput, JobReport>() },
  actions: {
    /** Makes an event accepted that changes nothing: XState takes a bare transition for a refusal. */
    doNothing: assign({}),
    announceDue: emit((args) => takeDue(args.context, change.timeOf(args)).word),
    keepDue: assign(change.keepDue),
    addManual: assign(change.addManual),
    configure: assign(change.configure),
    resume: assign(change.resume),
    pauseByPerson: assign(change.pauseByPerson),
    pauseItself: assign(change.pauseItself),
    remove: assign(change.remove),
    restore: assign(change.restore),
    beginRun: assign(change.beginRun),
    /** Of a task that cannot be made, its watch tells that there is none. */
    makeTask: enqueueActions(({ context, enqueue }) => {
      const message = taskMessage({ context });
      if (message !== null) enqueue.sendTo(actorAt(context.run?.task ?? ""), message);
    }),
    /** Calls a run off that has a task; its end is told by the task. */
    stopRun: enqueueActions(
      ({ context, enqueue }, { why }: { why: NonNullable<ScheduleRunNow["stopped"]> }) => {
        if (context.run === null || context.run.task === null) return;
        enqueue.sendTo(actorAt(context.run.task), cancelMessage(REASONS[why]));
        enqueue.assign(({ context, event }) => change.noteStop({ context, event }, why));
      },
    ),
    keepTaskEnd: assign(change.keepTaskEnd),
    keepJobReport: assign(change.keepJobReport),
    keepJobError: assign(change.keepJobError),
    /** Asks the gate, which is made where there is none yet. */
    claimSession: enqueueActions(({ context, enqueue }) => {
      const session = change.targetSession(context);
      if (session === null) return;
      const gate = actorAt(gateAddress(session));
      enqueue.sendTo(gate, createActor({ key: session }));
      enqueue.sendTo(gate, { type: "gate.claim", by: scheduleAddress(context.id) });
    }),
    releaseSession: enqueueActions(({ context, enqueue }) => {
      const session = context.run?.session ?? null;
      if (session === null) return;
      const by = scheduleAddress(context.id);
      enqueue.sendTo(actorAt(gateAddress(session)), { type: "gate.release", by });
    }),
    /** A gate that is given when nobody waits for it any more goes back. */
    returnSession: sendTo(
      ({ event }) => actorAt("session" in event ? gateAddress(event.session) : ""),
      ({ context }) => ({ type: "gate.release", by: scheduleAddress(context.id) }),
    ),
  },
  guards: {
    hasNoSlot: ({ context }) => context.nextSlot === null,
    /** Longer waits than a timer's longest come in parts. */
    isEarly: (args) => change.timeOf(args) < (args.context.nextSlot ?? 0),
    /** Nothing runs, and of what waits nothing may. */
    isOver: (args) => args.context.run === null && !change.mayRun(args),
    mustPause: ({ context }) =>
      context.run === null && (change.hasRunAll(context) || change.hasFailedOut(context)),
    canResume: (args) => change.canResume(args),
    mayAsk: (args) => change.mayAsk(args),
    mayAskInstead: (args) => args.context.plan.overlap === "replace" && change.mayAsk(args),
    dueReplaces: (args) => takeDue(args.context, change.timeOf(args)).replaces,
    mayRun: (args) => change.mayRun(args),
    isOfSession: ({ context, event }) =>
      "session" in event && event.session === context.run?.session,
    isOfRun: ({ context, event }) =>
      event.type === "actor.ended" && event.address === context.run?.task,
    mayNotRun: (args) => !change.mayRun(args),
    mayRunAtOnce: (args) => change.mayRun(args) && change.targetSession(args.context) === null,
    isJob: ({ context }) => "job" in context.plan.run,
  },
  delays: {
    untilSlot: (args) => Math.max(0, (args.context.nextSlot ?? 0) - change.timeOf(args)),
    sessionRetry: SESSION_RETRY_MS,
    untilPurge: PURGE_AFTER_MS,
  },
});

const REASONS = {
  preempted: "A person took the session",
  replaced: "The next slot of its schedule came due",
  deleted: "Its schedule was deleted",
};
