/** A task on a stage: what the tests of its rules share. */
import { createTaskKind } from "../../actors/task.ts";
import type { TaskContext } from "../../machines/task_context.ts";
import type { TaskInput } from "../../machines/task_input.ts";
import { Rehearsal } from "./rehearsal.ts";

export type TaskOnStage = Rehearsal<TaskContext>;

export const NOW = Date.UTC(2026, 0, 31, 12);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

export const STARTED = { type: "executor.started", pid: 7, startedTicks: 70, workDir: "/w" };
export const ORPHANED = failure("orphaned", "Its process is gone");

/** The rest of the output of a task that nobody said more of, at no time. */
export const NOTHING_MORE = { sessionId: null, usage: { tokens: 0, costUsd: 0 }, workedMs: 0 };

export function make(input: Partial<TaskInput> = {}): TaskOnStage {
  const base = { id: "task_a", command: ["make", "all"], createdAt: NOW - 5 };
  return new Rehearsal(createTaskKind({ executors: {} }), { ...base, ...input }, { now: NOW });
}

/** A task that works. */
export function run(input: Partial<TaskInput> = {}): TaskOnStage {
  const task = make(input);
  start(task);
  return task;
}

export function start(task: TaskOnStage): void {
  task.send({ type: "slot.granted" });
  task.send(STARTED);
}

/** The incarnation of a child. */
export function keyOf(task: TaskOnStage, child: string): string | undefined {
  return task.children.get(child)?.key;
}

export function ended(id: string, state: string) {
  return { type: "actor.ended", address: `task:${id}`, status: "done", state };
}

export function exit<O>(output: O) {
  return { type: "xstate.done.actor.executor", output };
}

export function failure(code: string | undefined, message: string) {
  const error = { name: "ExecutorError", message, ...code === undefined ? {} : { code } };
  return { type: "xstate.error.actor.executor", error };
}
