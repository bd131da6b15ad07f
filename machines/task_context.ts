/** What a task remembers. How it changes is in `task_changes.ts`. */
import type {
  ExecutorAnswer,
  ProcessMark,
  TaskError,
  TaskProgress,
  TaskResult,
} from "./task_events.ts";
import { settingsOf, type TaskInput, type TaskSettings } from "./task_input.ts";

/** All times are ms since the epoch, null until they are known. */
export type TaskContext = {
  /** What was asked for. It never changes. */
  readonly settings: TaskSettings;
  /** Dependencies that have not succeeded yet. */
  readonly waitsFor: readonly string[];
  /** Which attempt this is since the last real progress; from 1. */
  readonly attempt: number;
  /** Which hand-out to an executor this is; from 1. */
  readonly epoch: number;
  /** When it was queued last. */
  readonly queuedAt: number | null;
  /** In the queue in all, as often as it has left it. */
  readonly queuedMs: number;
  /** When this attempt's work began. */
  readonly startedAt: number | null;
  readonly workingSince: number | null;
  /** Work of this attempt before `workingSince`. */
  readonly workedMs: number;
  readonly lastActivityAt: number | null;
  readonly stuckAt: number | null;
  /** When the next attempt is due. */
  readonly retryAt: number | null;
  readonly endedAt: number | null;
  /** The process last started, dead or alive. */
  readonly process: ProcessMark | null;
  readonly workDir: string | null;
  readonly sessionId: string | null;
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

/** A new task's context. */
export function newContext(input: TaskInput): TaskContext {
  const settings = settingsOf(input);
  return {
    settings,
    waitsFor: settings.dependsOn,
    attempt: 1,
    epoch: 1,
    queuedAt: null,
    queuedMs: 0,
    startedAt: null,
    workingSince: null,
    workedMs: 0,
    lastActivityAt: null,
    stuckAt: null,
    retryAt: null,
    endedAt: null,
    process: null,
    workDir: null,
    sessionId: null,
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
