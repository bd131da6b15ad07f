/**
 * The executor port: what carries out one attempt of a task. An executor gets its input, a key
 * and a signal, reports through `context`, and returns the result or throws `ExecutorError`. It
 * never sees the system.
 *
 * Events it sends while it runs: `executor.preparing {what}` once, when getting the workspace
 * ready may take long (`what` is "repository"); `executor.started {pid?, startedTicks?, workDir?}`
 * once, when the work has really begun; `executor.activity` when it produced something, at most
 * every `activityEveryMs`. Events it receives: `executor.pause`, `executor.resume`,
 * `executor.interrupt`, `executor.input {data}` and `executor.input {eof: true}`; those that it
 * cannot act on it leaves.
 *
 * When the signal aborts, `run` ends all it started, then throws the signal's reason.
 */
import type { EffectContext } from "../../runtime/kind.ts";
import type { JsonObject } from "../../runtime/json.ts";

/** Where the work is done; null is a directory of the task's own, empty at first. */
export type WorkspaceInput = { path: string } | { repo: string; ref?: string } | null;

/** The VM in which a command runs; `handle` is its provider's. */
export type VmPlace = {
  readonly vmId: string;
  readonly provider: string;
  readonly handle: {
    readonly vmId: string;
    readonly generation: number;
    readonly providerId: string;
    readonly workDir: string;
    readonly details: { readonly [name: string]: unknown };
  };
};

/** A process for good: the pid is used again, the pair is not. */
export type ProcessMark = { pid: number; startedTicks: number };

/** What one attempt is to do. */
export type ExecutorInput = {
  taskId: string;
  attempt: number;
  /** Raised when an attempt is handed out anew. */
  epoch: number;
  command: string[];
  /** What is asked for in words; a command finds it in its environment. */
  prompt: string | null;
  /** The session that the work goes on with. */
  session: string | null;
  workspace: WorkspaceInput;
  /** Literal values added to the environment. */
  env: { readonly [name: string]: string };
  /** Names whose values are taken from the server's environment when the attempt starts. */
  envFrom: string[];
  /** Keeps standard input open for `executor.input`; else the command reads end of file. */
  interactive: boolean;
  /** Shortest time between two `executor.activity`. */
  activityEveryMs: number;
  /** Between SIGTERM and SIGKILL; at most `MAX_KILL_GRACE_MS`. */
  killGraceMs: number;
  /** The process of an earlier attempt, which must not outlive it. */
  previous: ProcessMark | null;
  /** Null is this machine. */
  vm: VmPlace | null;
};

/** What became of the work when it ran to its end. */
export type ExecutorResult = {
  /** Null when a signal ended it. */
  exitCode: number | null;
  signal: string | null;
  /** Standard output and error as they came: the beginning and the end where it is long. */
  output: string;
  /** Whether `output` is not all of it. */
  truncated: boolean;
  /** All that was written, bytes. */
  outputBytes: number;
  workDir: string | null;
  durationMs: number;
};

/** Codes that a retry policy decides on. */
export type ExecutorErrorCode =
  | "command_not_found"
  | "workspace_not_found"
  | "clone_failed"
  | "permission_denied"
  | "network"
  | "runtime_offline"
  | "orphaned"
  | "spawn_failed";

/** The work could not be done, for a reason that is not the command's own. */
export class ExecutorError extends Error {
  /** Always `ExecutorError`. */
  override name = "ExecutorError";
  /** `message` is for people; `code` decides whether the task is tried again. */
  constructor(readonly code: ExecutorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Carries out attempts of tasks. One executor serves any number of them at once. */
export interface Executor {
  /** The name that tasks choose it by. */
  readonly name: string;
  /**
   * Does the work of one attempt, and resolves when all that it started has ended. Throws
   * `ExecutorError` where the work could not be done, and the signal's reason once it aborts.
   */
  run(input: ExecutorInput, context: EffectContext): Promise<ExecutorResult>;
  /**
   * After a restart: clears away whatever the earlier process left of this attempt, then throws
   * `ExecutorError("orphaned")`, or returns the result if it can still be had.
   */
  reattach(input: ExecutorInput, context: EffectContext): Promise<ExecutorResult>;
  /** Whether it can run here; `reason` says what is missing and what to do about it. */
  available(): Promise<{ ok: boolean; reason: string | null; details: JsonObject }>;
}
