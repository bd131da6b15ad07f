/**
 * The words of the goal's statechart: its actions, guards and delays by name. They only tie names
 * to functions; how they are put together is in `goal.ts`.
 */
import { assign, cancel, emit, enqueueActions, raise, sendTo, setup } from "xstate";
import { gateAddress } from "./gate.ts";
import * as change from "./goal_changes.ts";
import { goalAddress, type GoalContext, type GoalStep } from "./goal_context.ts";
import type { GoalEmitted, GoalEvent } from "./goal_events.ts";
import {
  GOAL_SESSION_RETRY_MS,
  type GoalInput,
  LAST_ITERATION_MS,
  STOP_LIMIT_MS,
} from "./goal_input.ts";
import { taskMessage } from "./goal_requests.ts";
import { actorAt, createActor, watch } from "./lib/builtins.ts";

/** What a goal ends with. */
export type GoalOutput = { state: string; summary: string | null };

/** Everything that the statechart names. */
export const goalSetup = setup({
  types: {
    context: {} as GoalContext,
    events: {} as GoalEvent,
    input: {} as GoalInput,
    output: {} as GoalOutput,
    emitted: {} as GoalEmitted,
    tags: {} as "waiting" | "active",
  },
  actors: { watch },
  actions: {
    /** Makes an event accepted that changes nothing: XState takes a bare transition for a refusal. */
    doNothing: assign({}),
    /** One timer for the whole life; what it means depends on the state that it finds. */
    armDeadline: raise({ type: "goal.deadline" } as GoalEvent, {
      id: "deadline",
      delay: "untilDeadline",
    }),
    disarmDeadline: cancel("deadline"),
    configure: assign(change.configure),
    beginStep: assign((args, { kind }: { kind: GoalStep["kind"] }) => change.beginStep(args, kind)),
    /** Of a task that cannot be made, its watch tells that there is none. */
    makeTask: enqueueActions(({ context, enqueue }) => {
      const message = taskMessage({ context });
      if (message !== null) enqueue.sendTo(actorAt(context.step?.task ?? ""), message);
    }),
    announceIteration: emit(({ context }) => ({
      type: "goal.iteration",
      iteration: context.iteration,
      task: context.step?.task ?? "",
    })),
    /** Calls the step's task off; its end is told by the task. */
    stopStep: enqueueActions(
      ({ context, enqueue }, { why }: { why: NonNullable<GoalStep["stopped"]> }) => {
        if (context.step === null) return;
        enqueue.sendTo(actorAt(context.step.task), { type: "task.cancel", reason: REASONS[why] });
        enqueue.assign((args) => change.noteStop(args, why));
      },
    ),
    keepIteration: assign(change.keepIteration),
    announceAudit: emit(({ context, event }) => ({
      type: "goal.audited",
      iteration: context.iteration,
      confirmed: event.type === "actor.ended" && change.isConfirmed(event),
      findings: context.guard.findings ?? [],
    })),
    keepStopped: assign(change.keepStopped),
    keepAudit: assign(change.keepAudit),
    noteClaim: assign(change.noteClaim),
    keepDelay: assign(change.keepDelay),
    clearDelay: assign(change.clearDelay),
    pauseByPerson: assign(change.pauseByPerson),
    pauseItself: assign(change.pauseItself),
    resume: assign(change.resume),
    cancel: assign(change.cancel),
    end: assign((args) => ({
      endedAt: change.timeOf(args),
      step: null,
      delay: null,
      paused: null,
    })),
    /** Asks the gate, which is made where there is none yet. */
    claimSession: enqueueActions(({ context, enqueue }) => {
      const { session, id } = context;
      if (session === null) return;
      const gate = actorAt(gateAddress(session));
      enqueue.sendTo(gate, createActor({ key: session }));
      enqueue.sendTo(gate, { type: "gate.claim", by: goalAddress(id) });
    }),
    releaseSession: enqueueActions(({ context, enqueue }) => {
      const session = context.step?.session ?? null;
      if (session === null) return;
      const by = goalAddress(context.id);
      enqueue.sendTo(actorAt(gateAddress(session)), { type: "gate.release", by });
    }),
    /** A gate that is given when nobody waits for it any more goes back. */
    returnSession: sendTo(
      ({ event }) => actorAt("session" in event ? gateAddress(event.session) : ""),
      ({ context }) => ({ type: "gate.release", by: goalAddress(context.id) }),
    ),
  },
  guards: {
    isCancelled: ({ context }) => context.last?.stopped === "cancelled",
    /** The last iteration has been, and nobody has moved the deadline meanwhile. */
    isOver: (args) => args.context.last?.kind === "last" && !change.hasTime(args),
    hasStep: ({ context }) => context.step !== null,
    isPaused: ({ context }) => context.paused !== null,
    isOverBudget: ({ context }) => change.stopReason(context) === "budget",
    isWithinBudget: ({ context }) => change.stopReason(context) !== "budget",
    mustStop: ({ context }) => change.stopReason(context) !== null,
    mayBegin: (args) => change.hasTime(args) && change.stopReason(args.context) === null,
    hasTime: (args) => change.hasTime(args),
    deadlinePassed: (args) => !change.hasTime(args),
    isClaimed: ({ context }) => context.claim !== null,
    isBelieved: ({ context }) => context.claim !== null && context.plan.audit === null,
    isDelayed: (args) => (args.context.delay?.until ?? 0) > change.timeOf(args),
    isOfStep: ({ context, event }) =>
      event.type === "actor.ended" && event.address === context.step?.task,
    isConfirmed: ({ context, event }) =>
      event.type === "actor.ended" && event.address === context.step?.task &&
      change.isConfirmed(event),
    hasNoSession: ({ context }) => context.session === null,
  },
  delays: {
    untilDeadline: (args) => Math.max(0, args.context.plan.deadlineAt - change.timeOf(args)),
    untilDelayOver: (args) => Math.max(0, (args.context.delay?.until ?? 0) - change.timeOf(args)),
    sessionRetry: GOAL_SESSION_RETRY_MS,
    lastLimit: LAST_ITERATION_MS,
    stopLimit: STOP_LIMIT_MS,
  },
});

const REASONS = {
  preempted: "A person took the session",
  paused: "Its goal was paused",
  deadline: "Its goal's deadline passed",
  cancelled: "Its goal was cancelled",
};
