/** What a task remembers. How it changes is in `task_changes.ts`. */
import type {
  ExecutorAnswer,
  ProcessMark,
  TaskError,
  TaskProgress,
  TaskResult,
  TaskUsage,
} from "./task_events.ts";
import type { ReadyVm } from "./task_vm.ts";
import { settingsOf, type TaskInput, type TaskSettings } from "./task_input.ts";

/** When what happened last: ms since the epoch, null until it has happened. */
export type TaskTimes = {
  /** When it was queued. */
  readonly queuedAt: number | null;
  /** When this attempt's work began. */
  readonly startedAt: number | null;
  readonly workingSince: number | null;
  readonly lastActivityAt: number | null;
  readonly stuckAt: number | null;
  /** When the next attempt is due. */
  readonly retryAt: number | null;
  readonly endedAt: number | null;
};

/** Fewer than 20 fields: an object with more is slow to copy, and every change copies it. */
export type TaskContext = {
  /** What was asked for. It never changes. */
  readonly settings: TaskSettings;
  /** Dependencies that have not succeeded yet. */
  readonly waitsFor: readonly string[];
  /** Which attempt this is since the last real progress; from 1. */
  readonly attempt: number;
  /** Which hand-out to an executor this is; from 1. */
  readonly epoch: number;
  readonly times: TaskTimes;
  /** In the queue in all, as often as it has left it. */
  readonly queuedMs: number;
  /** Work of this attempt before `times.workingSince`. */
  readonly workedMs: number;
  /** What the attempts before this one reported to have used. */
  readonly usedBefore: TaskUsage;
  /** The process last started, dead or alive. */
  readonly process: ProcessMark | null;
  readonly workDir: string | null;
  readonly sessionId: string | null;
  /** The VM in which it works, as it was when it was up last. */
  readonly vm: ReadyVm | null;
  /** What the executor wants to know from a person. */
  readonly question: string | null;
  /** What the executor is told once there is a slot again; null only bids it go on. */
  readonly answer: ExecutorAnswer | null;
  readonly progress: TaskProgress;
  readonly result: TaskResult | null;
  /** Why the last attempt failed or the task ended; null once it has succeeded. */
  readonly error: TaskError | null;
};

/** What an agent has done before it begins. */
export const NO_PROGRESS: TaskProgress = {
  currentActivity: null,
  step: null,
  total: null,
  toolCallCount: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  reasoningTokens: 0,
  costUsd: 0,
};

const NO_USAGE: TaskUsage = { tokens: 0, costUsd: 0 };

/** Nothing has happened yet. */
const NO_TIMES: TaskTimes = {
  queuedAt: null,
  startedAt: null,
  workingSince: null,
  lastActivityAt: null,
  stuckAt: null,
  retryAt: null,
  endedAt: null,
};

/** A new task's context. */
export function newContext(input: TaskInput): TaskContext {
  const settings = settingsOf(input);
  return {
    settings,
    waitsFor: settings.dependsOn,
    attempt: 1,
    epoch: 1,
    times: NO_TIMES,
    queuedMs: 0,
    workedMs: 0,
    usedBefore: NO_USAGE,
    process: null,
    workDir: null,
    sessionId: null,
    vm: null,
    question: null,
    answer: null,
    progress: NO_PROGRESS,
    result: null,
    error: null,
  };
}

/** The address of a task. */
export function taskAddress(id: string): string {
  return `task:${id}`;
}
