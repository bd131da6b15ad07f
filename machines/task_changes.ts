/**
 * How each event changes what a task remembers, one change a function. Which events it takes, and
 * when, is the statechart's to say.
 */
import { assertEvent } from "xstate";
import { NO_PROGRESS, taskAddress, type TaskContext, type TaskTimes } from "./task_context.ts";
import type { ExecutorAnswer, TaskEvent } from "./task_events.ts";
import { reportedUsage } from "./task_ending.ts";
import {
  attemptFailure,
  cancellation,
  dependencyFailure,
  exitFailure,
  rejection,
  retryDelayMs,
} from "./task_policy.ts";

/** What a transition starts from. */
type Args<E = TaskEvent> = { readonly context: TaskContext; readonly event: E };
type Change = Partial<TaskContext>;

export function dropDependency({ context, event }: Args): Change {
  assertEvent(event, "actor.ended");
  return { waitsFor: context.waitsFor.filter((id) => taskAddress(id) !== event.address) };
}

export function failDependency({ event }: Args): Change {
  assertEvent(event, "actor.ended");
  return { error: dependencyFailure(event) };
}

export function reject({ event }: Args): Change {
  assertEvent(event, "task.reject");
  return { error: rejection(event.reason) };
}

export function cancel({ event }: Args): Change {
  assertEvent(event, "task.cancel");
  return { error: cancellation(event.reason) };
}

export function enterQueue(args: Args): Change {
  return timed(args.context, { queuedAt: timeOf(args) });
}

export function leaveQueue(args: Args): Change {
  return { queuedMs: queuedMs(args) };
}

/** A new attempt has its whole time before it. What those before it used is not forgotten. */
export function beginAttempt({ context }: Args): Change {
  const usedBefore = reportedUsage(context);
  return { ...timed(context, { startedAt: null }), workedMs: 0, result: null, usedBefore };
}

/** What an executor asked, and what it was to be told, is nothing to the next one. */
export function closeAttempt(): Change {
  return { question: null, answer: null };
}

export function keepStart({ context, event }: Args): Change {
  assertEvent(event, "executor.started");
  const { at, pid, startedTicks } = event;
  const known = pid !== undefined && startedTicks !== undefined;
  return {
    ...timed(context, { startedAt: at, lastActivityAt: at }),
    process: known ? { pid, startedTicks } : context.process,
    workDir: event.workDir ?? context.workDir,
    sessionId: event.sessionId ?? context.sessionId,
  };
}

export function noteActivity({ context, event }: Args): Change {
  return timed(context, { lastActivityAt: event.at });
}

/** After real progress the attempts are counted anew; hand-outs are not. */
export function noteProgress({ context, event }: Args): Change {
  assertEvent(event, "executor.progress");
  const known = Object.keys(NO_PROGRESS);
  const told = Object.entries(event.progress ?? {}).filter(([name]) => known.includes(name));
  return { attempt: 1, progress: { ...context.progress, ...Object.fromEntries(told) } };
}

export function startClock({ context, event }: Args): Change {
  return timed(context, { workingSince: event.at });
}

export function stopClock({ context, event }: Args): Change {
  const workedMs = context.workedMs + event.at - (context.times.workingSince ?? event.at);
  return { ...timed(context, { workingSince: null }), workedMs };
}

export function markStuck({ context, event }: Args): Change {
  return timed(context, { stuckAt: event.at });
}

export function unmarkStuck({ context }: Args): Change {
  return timed(context, { stuckAt: null });
}

export function keepQuestion({ event }: Args): Change {
  assertEvent(event, ["executor.inputRequested", "executor.permissionRequested"]);
  return { question: event.question ?? null };
}

/** Keeps what a person said until there is a slot in which the executor can go on. */
export function keepAnswer({ event }: Args): Change {
  return { answer: answerOf(event), question: null };
}

export function dropAnswer(): Change {
  return { answer: null };
}

export function keepResult({ event }: Args): Change {
  assertEvent(event, "xstate.done.actor.executor");
  return { result: event.output, error: null };
}

export function keepReportedResult({ event }: Args): Change {
  assertEvent(event, "task.complete");
  return { result: event.result ?? {}, error: null };
}

export function keepExit({ event }: Args): Change {
  assertEvent(event, "xstate.done.actor.executor");
  return { result: event.output, error: exitFailure(event.output) };
}

export function keepError({ event }: Args): Change {
  assertEvent(event, "xstate.error.actor.executor");
  return { error: attemptFailure(event.error) };
}

export function keepReport({ event }: Args): Change {
  assertEvent(event, "task.fail");
  return { error: { code: event.code, message: event.message } };
}

export function planRetry(args: Args): Change {
  return timed(args.context, { retryAt: timeOf(args) + retryDelayMs(args.context) });
}

export function countRetry({ context }: Args): Change {
  return {
    ...timed(context, { retryAt: null }),
    attempt: context.attempt + 1,
    epoch: context.epoch + 1,
  };
}

export function countHandOut({ context }: Args): Change {
  return { epoch: context.epoch + 1 };
}

export function end(args: Args): Change {
  return timed(args.context, { endedAt: timeOf(args), retryAt: null });
}

/** The event's time. The event by which XState makes an actor has none. */
export function timeOf({ context, event }: Args<{ readonly at?: number }>): number {
  return event.at ?? context.settings.createdAt;
}

function timed({ times }: TaskContext, change: Partial<TaskTimes>): Change {
  return { times: { ...times, ...change } };
}

/** In the queue in all. */
function queuedMs(args: Args): number {
  const at = timeOf(args);
  return args.context.queuedMs + at - (args.context.times.queuedAt ?? at);
}

/** What an executor is told for what a person did. */
export function answerOf(event: TaskEvent): ExecutorAnswer {
  assertEvent(event, ["task.input", "task.approve", "task.reject"]);
  switch (event.type) {
    case "task.input":
      return event.eof === true
        ? { type: "executor.input", eof: true }
        : { type: "executor.input", data: event.data ?? "" };
    case "task.approve":
      return { type: "executor.permission", granted: true };
    case "task.reject":
      return { type: "executor.permission", granted: false };
  }
}
