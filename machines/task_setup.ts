/**
 * The words of the task's statechart: its actions, guards and delays by name. They only tie names
 * to functions; how they are put together is in `task.ts`.
 */
import { and, assign, emit, enqueueActions, not, or, sendTo, setup, stateIn } from "xstate";
import { actorAt, external, slot, watch } from "./lib/builtins.ts";
import * as change from "./task_changes.ts";
import type { TaskContext } from "./task_context.ts";
import type { TaskEmitted, TaskError, TaskEvent, TaskResult, TaskUsage } from "./task_events.ts";
import type { TaskInput } from "./task_input.ts";
import { limitFailure, mayHandOut, mayRetry, retryDelayMs, type TaskLimit } from "./task_policy.ts";
import type { AttemptInput } from "./task_requests.ts";
import * as vm from "./task_vm.ts";

/** What a task ends with. */
export type TaskOutput = {
  state: string;
  result: TaskResult | null;
  error: TaskError | null;
  /** The session that a later run can continue. */
  sessionId: string | null;
  /** What the work took, as far as it was told. */
  usage: TaskUsage;
  /** Work of the last attempt; the time in which it waited for a person does not count. */
  workedMs: number;
};

/** Everything that the statechart names. */
export const taskSetup = setup({
  types: {
    context: {} as TaskContext,
    events: {} as TaskEvent,
    input: {} as TaskInput,
    output: {} as TaskOutput,
    emitted: {} as TaskEmitted,
    tags: {} as "waiting" | "active" | "holdsSlot",
  },
  actors: { slot, watch, executor: external<AttemptInput, TaskResult>() },
  actions: {
    dropDependency: assign(change.dropDependency),
    failDependency: assign(change.failDependency),
    reject: assign(change.reject),
    cancel: assign(change.cancel),
    enterQueue: assign(change.enterQueue),
    leaveQueue: assign(change.leaveQueue),
    beginAttempt: assign(change.beginAttempt),
    closeAttempt: assign(change.closeAttempt),
    keepStart: assign(change.keepStart),
    noteActivity: assign(change.noteActivity),
    noteProgress: assign(change.noteProgress),
    startClock: assign(change.startClock),
    stopClock: assign(change.stopClock),
    markStuck: assign(change.markStuck),
    unmarkStuck: assign(change.unmarkStuck),
    keepQuestion: assign(change.keepQuestion),
    keepAnswer: assign(change.keepAnswer),
    dropAnswer: assign(change.dropAnswer),
    keepResult: assign(change.keepResult),
    keepReportedResult: assign(change.keepReportedResult),
    keepExit: assign(change.keepExit),
    keepError: assign(change.keepError),
    keepReport: assign(change.keepReport),
    keepLimit: assign(({ context }, { limit }: { limit: TaskLimit }) => ({
      error: limitFailure(context, limit),
    })),
    planRetry: assign(change.planRetry),
    countRetry: assign(change.countRetry),
    countHandOut: assign(change.countHandOut),
    end: assign(change.end),
    makeVm: sendTo(({ context }) => actorAt(vm.vmOf(context)), vm.makeVmMessage),
    attachToVm: sendTo(({ context }) => actorAt(vm.vmOf(context)), vm.attachMessage),
    releaseVm: enqueueActions(({ context, enqueue }) => {
      if (context.settings.vm === null) return;
      enqueue.sendTo(actorAt(vm.vmOf(context)), vm.releaseMessage({ context }));
    }),
    recycleOwnVm: enqueueActions(({ context, event, enqueue }) => {
      if (!vm.leavesOwnVm(context)) return;
      enqueue.sendTo(actorAt(vm.vmOf(context)), vm.recycleMessage({ event }));
    }),
    keepVm: assign(vm.keepVm),
    forgetVm: assign({ vm: null }),
    keepVmFailure: assign(vm.keepVmFailure),
    keepVmEnd: assign(vm.keepVmEnd),
    announceStuck: emit(({ context }) => ({
      type: "task.stuck",
      lastActivityAt: context.times.lastActivityAt,
      stuckAfterMs: context.settings.stuckAfterMs,
    })),
    pauseExecutor: sendTo("executor", { type: "executor.pause" }),
    interruptExecutor: sendTo("executor", { type: "executor.interrupt" }),
    passInput: sendTo("executor", ({ event }) => change.answerOf(event)),
    passAnswer: sendTo("executor", ({ context }) => context.answer ?? { type: "executor.resume" }),
  },
  guards: {
    startTimeReached: (args) => (args.context.settings.startAt ?? 0) <= change.timeOf(args),
    awaitsNoTask: ({ context }) => context.waitsFor.length === 0,
    dependencySucceeded: ({ event }) =>
      event.type === "actor.ended" && event.status === "done" && event.state === "succeeded",
    needsVm: ({ context }) => context.settings.vm !== null,
    lacksVm: ({ context }) => context.settings.vm !== null && context.vm === null,
    ownsVm: ({ context }) => context.settings.vm !== null && context.settings.vm.make !== null,
    isOfVm: ({ context, event }) => vm.isOfVm(context, event),
    needsNoApproval: ({ context }) => !context.settings.requireApproval,
    hasNoPreconditions: and(["startTimeReached", "awaitsNoTask", "needsNoApproval"]),
    needsNothing: and(["hasNoPreconditions", not("needsVm")]),
    lacksOnlyVm: and(["preconditionsMet", "needsVm"]),
    preconditionsMet: and([
      stateIn("#task.pending.startTime.reached"),
      stateIn("#task.pending.dependencies.succeeded"),
      stateIn("#task.pending.approval.given"),
    ]),
    waitsForPerson: or([
      stateIn("#task.active.work.attempt.running.waitingForInput"),
      stateIn("#task.active.work.attempt.running.waitingForPermission"),
      stateIn("#task.active.work.attempt.running.paused"),
      stateIn("#task.active.work.attempt.running.resuming.wakingVm"),
      stateIn("#task.active.work.suspended"),
    ]),
    needsSlot: not("waitsForPerson"),
    queueIsLimited: ({ context }) => context.settings.queueTtlMs !== null,
    isInteractive: ({ context }) => context.settings.interactive,
    exitedCleanly: ({ event }) =>
      event.type === "xstate.done.actor.executor" && event.output.exitCode === 0,
    mayBeginAnew: ({ context, event }) =>
      event.type === "xstate.error.actor.executor" && event.error.code === "orphaned" &&
      mayHandOut(context),
    mayHandOut: ({ context }) => mayHandOut(context),
    mayRetry: ({ context }) => mayRetry(context),
    ranOutOfTime: ({ context }) => context.error?.code === "timeout",
  },
  delays: {
    startTime: (args) => Math.max(0, (args.context.settings.startAt ?? 0) - change.timeOf(args)),
    queueTtl: ({ context }) => Math.max(0, (context.settings.queueTtlMs ?? 0) - context.queuedMs),
    dispatchTimeout: ({ context }) => context.settings.dispatchTimeoutMs,
    stuckAfter: ({ context }) => context.settings.stuckAfterMs,
    timeLimit: ({ context }) => Math.max(0, context.settings.timeoutMs - context.workedMs),
    retryBackoff: ({ context }) => retryDelayMs(context),
  },
});
