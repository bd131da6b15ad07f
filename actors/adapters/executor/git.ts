/**
 * Runs git for ourselves: with a signal and a time limit, without prompts, hooks, background
 * work or unexpected transports. It knows nothing of mirrors and worktrees.
 */
import type { Clock } from "../../runtime/clock.ts";
import { ExecutorError } from "./executor.ts";
import { GIT_OUTPUT_BYTES, KILL_WAIT_MS } from "./executor_limits.ts";
import { drain, readPipe, spawnGroup } from "./process_group.ts";
import type { ProcessTable } from "./process_table.ts";
import { unlessAborted } from "./waiting.ts";

export type GitOptions = {
  /** As `gitEnvironment` makes it. */
  env: Record<string, string>;
  signal: AbortSignal;
  table: ProcessTable;
  clock: Clock;
};

/** One git command: its standard output, or a throw. */
export type Git = (
  args: readonly string[],
  at: { cwd: string; limitMs: number },
) => Promise<string>;

/** Git ran and said no. */
export class GitError extends Error {
  override name = "GitError";
  constructor(readonly args: readonly string[], readonly stderr: string) {
    super(`git ${args[0]} failed: ${stderr.trim()}`);
  }
}

/**
 * What holds for each of our commands, whatever the user's configuration says. Hooks and
 * background maintenance would run as ours and outlive the task.
 */
const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "advice.detachedHead=false",
  "protocol.version=2",
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=120",
].flatMap((setting) => ["-c", setting]);

/** Binds git to an attempt. The commands throw `GitError`, `ExecutorError` or the signal's reason. */
export function createGit({ env, signal, table, clock }: GitOptions): Git {
  return async (args, { cwd, limitMs }) => {
    signal.throwIfAborted();
    const group = spawnGroup(["git", ...SETTINGS, ...args], {
      cwd,
      env,
      stdin: "null",
      table,
      clock,
    });
    const stdout = createCapture();
    const stderr = createCapture();
    const pipes = [readPipe(group.stdout, stdout.take), readPipe(group.stderr, stderr.take)];
    const limit = new AbortController();
    const cancelLimit = clock.wake(clock.now() + limitMs, () => limit.abort());
    try {
      const stop = AbortSignal.any([signal, limit.signal]);
      const ending = await unlessAborted(stop, group.ended);
      if (ending === undefined) await group.end({ graceMs: KILL_WAIT_MS });
      await drain(pipes, clock);
      signal.throwIfAborted();
      if (ending === undefined) {
        throw new ExecutorError("network", `git ${args[0]} took longer than ${limitMs} ms`);
      }
      if (ending.exitCode === 0) return stdout.text();
      throw new GitError(args, stderr.text());
    } finally {
      cancelLimit();
    }
  };
}

/** Keeps the last bytes of a pipe. */
function createCapture(): { take(bytes: Uint8Array): void; text(): string } {
  let kept = new Uint8Array();
  return {
    take(bytes) {
      const all = new Uint8Array(kept.length + bytes.length);
      all.set(kept);
      all.set(bytes, kept.length);
      kept = all.subarray(-GIT_OUTPUT_BYTES);
    },
    text: () => new TextDecoder().decode(kept),
  };
}
