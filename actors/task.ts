/**
 * The task as a kind: its statechart, the executors that do its work, its view. An executor is
 * chosen by name for each attempt; how it works is its own business.
 */
import { taskMachine } from "../machines/task.ts";
import type { AttemptInput } from "../machines/task_requests.ts";
import { type Executor, ExecutorError } from "./adapters/executor/executor.ts";
import { defineEffect, type Effect, type KindDefinition } from "./runtime/kind.ts";
import { withReport } from "./task_report.ts";
import { taskState } from "./task_state.ts";
import { taskIndex, taskView } from "./task_view.ts";
import { taskVitals } from "./task_vitals.ts";

/** What tasks are carried out with. */
export type TaskKindOptions = {
  /** By the name that a task gives. */
  executors: { readonly [name: string]: Executor };
  /** The same for tasks that work in a VM. */
  vmExecutors?: { readonly [name: string]: Executor };
  /** Takes secrets out of a text. */
  redact?: (text: string) => string;
};

/** Makes the kind `task`. */
export function createTaskKind(options: TaskKindOptions): KindDefinition {
  const { redact } = options;
  return {
    name: "task",
    version: 1,
    machine: taskMachine,
    effects: { executor: executorEffect(options) },
    state: taskState,
    view: taskView,
    index: taskIndex,
    vitals: taskVitals,
    conceal: ["env"],
    ...(redact === undefined ? {} : { redact }),
  };
}

/**
 * One attempt. Its time limit and its retries are the statechart's; an attempt that a restart cut
 * off is given to its executor to clear away, so that the retry policy hears of it as `orphaned`.
 * Whichever executor it was, what its output tells is in the result.
 */
function executorEffect(options: TaskKindOptions): Effect {
  return defineEffect({
    run: async (input: AttemptInput, context) =>
      withReport(await pick(options, input).run(input, context), options.redact),
    reattach: async (input: AttemptInput, context) =>
      withReport(await pick(options, input).reattach(input, context), options.redact),
    timeoutMs: Infinity,
    maxAttempts: 1,
    onRestart: "reattach",
  });
}

function pick(
  { executors: here, vmExecutors = {} }: TaskKindOptions,
  { executor, taskId, vm }: AttemptInput,
): Executor {
  const executors = vm === null ? here : vmExecutors;
  const found = Object.hasOwn(executors, executor) ? executors[executor] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(executors).join(", ");
  throw new ExecutorError(
    "spawn_failed",
    `Cannot run task "${taskId}": executor "${executor}" is not one of ${known}`,
  );
}
