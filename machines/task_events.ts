/**
 * What can happen to a task: commands of its users, facts that its executor reports, and those
 * that the runtime delivers. All carry the time at which they apply.
 */
import type { ActorEnded, SlotGranted } from "./lib/builtins.ts";
import type { VmWord } from "./task_vm.ts";

/** A process for good: a pid is used again, the pair is not. */
export type ProcessMark = { readonly pid: number; readonly startedTicks: number };

/**
 * What the program itself told of its work, by report lines in its output. Members with these
 * names have these forms; whatever else it told is kept beside them.
 */
export type TaskReport = {
  /** It claims that the goal is reached. */
  readonly goal?: "complete";
  readonly summary?: string;
  /** What an audit came to. */
  readonly audit?: "confirmed" | "missing";
  /** What is missing, one text each. */
  readonly findings?: readonly string[];
  /** It wants to be called again only after so long. */
  readonly delay?: { readonly seconds: number; readonly reason: string };
  /** What the work took, none of it below zero. */
  readonly usage?: { readonly tokens?: number; readonly costUsd?: number };
  /** The session that a later run can continue. */
  readonly session?: string;
  readonly [member: string]: unknown;
};

/** What an attempt that ran to its end came to. */
export type TaskResult = {
  /** Null when a signal ended the command. */
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly output?: string;
  readonly truncated?: boolean;
  readonly outputBytes?: number;
  readonly durationMs?: number;
  readonly workDir?: string | null;
  /** What the program told; absent where it told nothing. */
  readonly report?: TaskReport;
  /** The end of `output` where that is long: a machine may get a reference in its place. */
  readonly tail?: string;
  /** Whatever else a caller reported with `task.complete`. */
  readonly [field: string]: unknown;
};

export type TaskError = { readonly code: string; readonly message: string };

/** What work took. */
export type TaskUsage = { readonly tokens: number; readonly costUsd: number };

/** How far an agent has got; a command reports none of it. */
export type TaskProgress = {
  readonly currentActivity: string | null;
  readonly step: number | null;
  readonly total: number | null;
  readonly toolCallCount: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly reasoningTokens: number;
  readonly costUsd: number;
};

/** What a task tells its executor when it goes on after a wait. */
export type ExecutorAnswer =
  | { readonly type: "executor.resume" }
  | { readonly type: "executor.input"; readonly data: string }
  | { readonly type: "executor.input"; readonly eof: true }
  | { readonly type: "executor.permission"; readonly granted: boolean };

/** What users ask for. */
export type TaskCommand =
  | {
    readonly type: "task.cancel";
    readonly at: number;
    readonly reason?: string;
    /** It is stopped because somebody deletes it. */
    readonly deleted?: boolean;
  }
  | { readonly type: "task.pause"; readonly at: number }
  | { readonly type: "task.resume"; readonly at: number }
  | { readonly type: "task.retry"; readonly at: number }
  | {
    readonly type: "task.input";
    readonly at: number;
    readonly data?: string;
    /** Nothing more will come. */
    readonly eof?: boolean;
  }
  | { readonly type: "task.interrupt"; readonly at: number }
  | { readonly type: "task.complete"; readonly at: number; readonly result?: TaskResult }
  | {
    readonly type: "task.fail";
    readonly at: number;
    readonly code: string;
    readonly message: string;
  }
  | { readonly type: "task.approve"; readonly at: number }
  | { readonly type: "task.reject"; readonly at: number; readonly reason?: string };

/** What an executor reports while it runs. */
export type ExecutorFact =
  | { readonly type: "executor.preparing"; readonly at: number }
  | {
    readonly type: "executor.started";
    readonly at: number;
    readonly pid?: number;
    readonly startedTicks?: number;
    readonly workDir?: string;
    readonly sessionId?: string;
  }
  | { readonly type: "executor.activity"; readonly at: number }
  | {
    /** A turn or a tool call has been finished: real progress. */
    readonly type: "executor.progress";
    readonly at: number;
    readonly progress?: Partial<TaskProgress>;
  }
  | { readonly type: "executor.inputRequested"; readonly at: number; readonly question?: string }
  | {
    readonly type: "executor.permissionRequested";
    readonly at: number;
    readonly question?: string;
  };

/** How an executor ended, and what other actors did. */
export type TaskOutcome =
  | {
    readonly type: "xstate.done.actor.executor";
    readonly at: number;
    readonly output: TaskResult;
  }
  | {
    readonly type: "xstate.error.actor.executor";
    readonly at: number;
    readonly error: { readonly name: string; readonly message: string; readonly code?: string };
  };

export type TaskEvent =
  | TaskCommand
  | ExecutorFact
  | TaskOutcome
  | VmWord
  | ActorEnded
  | SlotGranted;

/** What a task tells the feed beside its transitions. */
export type TaskEmitted = {
  type: "task.stuck";
  /** When it last showed a sign of life. */
  lastActivityAt: number | null;
  stuckAfterMs: number;
};
