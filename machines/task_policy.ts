/**
 * The rules of a task's failures: what they are called, which of them another attempt may cure,
 * and how long it waits.
 */
import type { ActorEnded } from "./lib/builtins.ts";
import { backoffMs } from "./lib/backoff.ts";
import { jitter } from "./lib/jitter.ts";
import { RETRY_BASE_MS, RETRY_MAX_MS } from "./task_defaults.ts";
import type { TaskContext } from "./task_context.ts";
import type { TaskError, TaskResult } from "./task_events.ts";

/** Time limits that end an attempt or the task. */
export type TaskLimit = "queue" | "dispatch" | "work";

/** Whether the policy allows another attempt after the error in the context. */
export function mayRetry({ settings, attempt, epoch, error }: TaskContext): boolean {
  return error !== null && settings.retryOn.includes(error.code) &&
    attempt < settings.maxAttempts && epoch < settings.maxAttemptsTotal;
}

/** Whether the task may be handed to an executor once more. */
export function mayHandOut({ settings, epoch }: TaskContext): boolean {
  return epoch < settings.maxAttemptsTotal;
}

/** The wait before the next attempt. Each hand-out of each task has its own jitter. */
export function retryDelayMs({ settings, attempt, epoch }: TaskContext): number {
  const limits = { baseMs: RETRY_BASE_MS, maxMs: RETRY_MAX_MS };
  return backoffMs(attempt, jitter(settings.id, epoch), limits);
}

/** The error of a time limit that has passed. */
export function limitFailure({ settings, epoch }: TaskContext, limit: TaskLimit): TaskError {
  switch (limit) {
    case "queue":
      return {
        code: "queue_expired",
        message: `No slot was free within ${settings.queueTtlMs} ms in the queue`,
      };
    case "dispatch":
      return {
        code: "dispatch_timeout",
        message: `No executor confirmed the task within ${settings.dispatchTimeoutMs} ms; ` +
          `it was handed out ${epoch} times, which is its limit`,
      };
    case "work":
      return {
        code: "timeout",
        message: `Worked longer than its limit of ${settings.timeoutMs} ms`,
      };
  }
}

/** A command's own failure: it ran, and says that it did not succeed. */
export function exitFailure({ exitCode, signal }: TaskResult): TaskError {
  return typeof exitCode === "number"
    ? { code: "exit_code", message: `Command exited with code ${exitCode}` }
    : { code: "signal", message: `Command was ended by signal ${signal ?? "unknown"}` };
}

/** A failure of the executor. */
export function attemptFailure(error: { message: string; code?: string }): TaskError {
  return { code: error.code ?? "executor_failed", message: error.message };
}

export function dependencyFailure({ address, status, state }: ActorEnded): TaskError {
  const what = `Dependency ${address}`;
  const message = status === "missing"
    ? `${what} does not exist`
    : `${what} ended as "${status === "done" ? state : status}"`;
  return { code: "dependency_failed", message };
}

export function cancellation(reason: string | undefined): TaskError {
  return { code: "cancelled", message: reason ?? "Cancelled" };
}

export function rejection(reason: string | undefined): TaskError {
  return { code: "rejected", message: reason ?? "Rejected" };
}
