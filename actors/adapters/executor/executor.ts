/**
 * The executor port: what carries out one attempt of a task. An executor gets its input, a key
 * and a signal, reports through `context`, and returns the result or throws `ExecutorError`. It
 * never sees the system.
 *
 * Events it sends while it runs: `executor.started {pid?, workDir?}` once when the work has
 * really begun; `executor.activity {at?}` when it produced something, at most every
 * `activityEveryMs`. Events it receives: `executor.pause`, `executor.resume`,
 * `executor.input {data}`.
 */
import type { EffectContext } from "../../runtime/kind.ts";
import type { JsonObject } from "../../runtime/json.ts";

/** Where the work is done. */
export type WorkspaceInput = { path: string } | { repo: string; ref?: string } | null;

export type ExecutorInput = {
  taskId: string;
  attempt: number;
  /** Raised when an attempt is handed out anew. */
  epoch: number;
  command: string[];
  workspace: WorkspaceInput;
  /** Literal values added to the environment. */
  env: { readonly [name: string]: string };
  activityEveryMs: number;
  /** Between SIGTERM and SIGKILL. */
  killGraceMs: number;
};

/** What became of the work when it ran to its end. */
export type ExecutorResult = {
  /** Null when a signal ended it. */
  exitCode: number | null;
  signal: string | null;
  /** Standard output and error as they came, capped. */
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
  | "orphaned"
  | "spawn_failed";

/** The work could not be done, for a reason that is not the command's own. */
export class ExecutorError extends Error {
  override name = "ExecutorError";
  constructor(readonly code: ExecutorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface Executor {
  readonly name: string;
  run(input: ExecutorInput, context: EffectContext): Promise<ExecutorResult>;
  /**
   * After a restart: clears away whatever the earlier process left of this attempt, then throws
   * `ExecutorError("orphaned")`, or returns the result if it can still be had.
   */
  reattach(input: ExecutorInput, context: EffectContext): Promise<ExecutorResult>;
  /** Whether it can run here, and if not why and what to do. */
  available(): Promise<{ ok: boolean; reason: string | null; details: JsonObject }>;
}
