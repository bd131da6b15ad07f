/** The exit code that a shell would have given, had the task been a command of its own. */
import { constants } from "node:os";
import type { Task } from "./answers.ts";
import { EXIT } from "./exit_codes.ts";

/** What `timeout` of coreutils ends with. */
export const TIMED_OUT = 124;
/** What shells say of a program that may not be run, and of one that is not there. */
const NOT_EXECUTABLE = 126;
export const NOT_FOUND = 127;
/** Shells add the signal's number to this. */
const SIGNALLED = 128;

/** What Ctrl-C ends a program with. */
export const INTERRUPTED = SIGNALLED + constants.signals.SIGINT;

/** What `run` says of its exit codes in its help. */
export const TASK_CODES = {
  "1…255": "The command's own exit code, or 128 and the signal that ended it",
  [TIMED_OUT]: "The task took too long",
  [NOT_EXECUTABLE]: "The program may not be run",
  [NOT_FOUND]: "There is no such program",
  [INTERRUPTED]: "The task was cancelled",
} as const;

/** The exit code of an ended task. */
export function taskExitCode({ state, result, error }: Task): number {
  if (state === "succeeded") return EXIT.ok;
  if (state === "cancelled") return INTERRUPTED;
  if (state === "timedOut") return TIMED_OUT;
  if (error?.code === "command_not_found") return NOT_FOUND;
  if (error?.code === "permission_denied") return NOT_EXECUTABLE;
  if (result?.signal) return signalCode(result.signal);
  return result?.exitCode || EXIT.failed;
}

/** The exit code of a program that a signal ended. */
export function signalCode(name: string): number {
  const numbers: { readonly [name: string]: number } = constants.signals;
  return SIGNALLED + (numbers[name] ?? 0);
}
