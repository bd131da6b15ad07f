/**
 * Runs a program of the host for a VM provider: as a process group of its own with an environment
 * of its own, its output handed on as fast as it is taken, and all of it gone when the signal
 * aborts. What that program is, and how it gets into a VM, is the provider's business.
 */
import { systemClock } from "../../runtime/clock.ts";
import { ExecutorError } from "../executor/executor.ts";
import { type Ending, type ProcessGroup, spawnGroup } from "../executor/process_group.ts";
import { processTable } from "../executor/process_table.ts";
import { settlesWithin, unlessAborted } from "../executor/waiting.ts";
import { type ExecExit, type ExecRequest, ProviderError } from "./provider.ts";
import { KILL_GRACE_MS, MAX_KILL_GRACE_MS, MAX_PIPE_BYTES, PIPE_SILENCE_MS } from "./vm_limits.ts";

/** A program of the host. */
export type HostRequest = Pick<ExecRequest, "onOutput" | "stdin" | "killGraceMs"> & {
  argv: readonly string[];
  /**
   * All of the environment, PATH above all. Whatever carries its `HOLDFAST_INSTANCE` and
   * `HOLDFAST_EFFECT_KEY` belongs to the program and ends with it when the signal aborts.
   */
  env: { readonly [name: string]: string };
  /** On the host; default `/`. */
  cwd?: string;
};

/**
 * Runs a program to its end; what it leaves in the background goes on. When the signal aborts, all
 * of it ends, and the signal's reason is thrown. Throws `ProviderError` where it cannot start:
 * `command_not_found`, `cwd_not_found`, `invalid` or `failed`.
 */
export async function runOnHost(request: HostRequest, signal: AbortSignal): Promise<ExecExit> {
  signal.throwIfAborted();
  const { onOutput = () => {}, stdin, killGraceMs } = request;
  const group = startOnHost(request, { stdin: stdin === undefined ? "null" : "piped" });
  const handOver = inTurn(onOutput);
  const outputs = (["stdout", "stderr"] as const).map((stream) =>
    readOutput(group[stream], (data) => handOver({ stream, data }))
  );
  const input = stdin === undefined ? null : feed(stdin, group);
  // Whoever takes output or gives input may fail, and then nobody is left to work for.
  const failed = new AbortController();
  Promise.all([...outputs.map(({ ended }) => ended), input?.ended])
    .catch((error) => failed.abort(error));
  const stop = AbortSignal.any([signal, failed.signal]);
  const attend = async () => {
    const ending = await group.ended;
    await Promise.all(outputs.map((output) => output.finish()));
    return ending;
  };
  try {
    const ending = await unlessAborted(stop, attend());
    if (ending !== undefined) return ending;
    throw stop.reason;
  } catch (error) {
    await endGroup(group, killGraceMs);
    throw error;
  } finally {
    await Promise.all([input?.stop(), ...outputs.map((output) => output.stop())]);
  }
}

/** Starts a program; throws `ProviderError` where it cannot. */
export function startOnHost(
  { argv, env, cwd = "/" }: Pick<HostRequest, "argv" | "env" | "cwd">,
  { stdin }: { stdin: "piped" | "null" },
): ProcessGroup {
  try {
    const table = processTable();
    return spawnGroup(argv, { cwd, env: { ...env }, stdin, table, clock: systemClock });
  } catch (error) {
    throw asProviderError(error);
  }
}

/** Ends a program and all that belongs to it: SIGTERM, then SIGKILL. */
export async function endGroup(
  group: ProcessGroup,
  killGraceMs: number = KILL_GRACE_MS,
): Promise<Ending> {
  await group.end({ graceMs: Math.min(Math.max(0, killGraceMs), MAX_KILL_GRACE_MS) });
  return await group.ended;
}

function asProviderError(error: unknown): unknown {
  if (!(error instanceof ExecutorError)) return error;
  const { message: reason } = error;
  switch (error.code) {
    case "command_not_found":
      return new ProviderError("command_not_found", reason, { cause: error });
    case "workspace_not_found":
      return new ProviderError("cwd_not_found", reason, { cause: error });
    case "permission_denied":
      return new ProviderError("invalid", reason, { cause: error });
    default:
      return new ProviderError("failed", reason, { cause: error });
  }
}

/** Calls `take` with one value after the other, whoever brings them. */
function inTurn<T>(take: (value: T) => void | Promise<void>): (value: T) => Promise<void> {
  let last = Promise.resolve();
  return (value) => {
    last = last.then(() => take(value));
    return last;
  };
}

type Output = {
  /** Settles when all is taken; rejects as `take` does. */
  readonly ended: Promise<void>;
  /** The program has ended: reads what it wrote, and no more. */
  finish(): Promise<void>;
  stop(): Promise<void>;
};

/** Reads a pipe no faster than it is taken. */
function readOutput(
  stream: ReadableStream<Uint8Array>,
  take: (data: Uint8Array) => Promise<void>,
): Output {
  const reader = stream.getReader();
  let leftBytes = Infinity;
  let finished = false;
  let waiting: Promise<unknown> | null = null;
  // What the program left may hold the pipe for as long as it likes.
  const notForEver = async (read: Promise<unknown>) => {
    if (!await settlesWithin(systemClock, PIPE_SILENCE_MS, read)) await reader.cancel();
  };
  const readAll = async () => {
    while (leftBytes > 0) {
      const read = reader.read();
      waiting = read;
      if (finished) await notForEver(read);
      const { done, value } = await read;
      waiting = null;
      if (done) return;
      leftBytes -= value.length;
      await take(value);
    }
  };
  const ended = readAll();
  return {
    ended,
    async finish() {
      finished = true;
      leftBytes = Math.min(leftBytes, MAX_PIPE_BYTES);
      if (waiting !== null) await notForEver(waiting);
      await ended;
    },
    stop: () => reader.cancel(),
  };
}

type Input = { readonly ended: Promise<void>; stop(): Promise<void> };

/** Passes input on as fast as the program reads; it need not read all. */
function feed(source: ReadableStream<Uint8Array>, { stdin }: ProcessGroup): Input {
  if (stdin === null) throw new Error("Cannot pass on input: the program was started without");
  const reader = source.getReader();
  const writer = stdin.getWriter();
  const writeAll = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return await hangUp(writer);
      if (!await writes(writer, value)) return await reader.cancel();
    }
  };
  return {
    ended: writeAll(),
    async stop() {
      await reader.cancel();
      // Not awaited: what the program left may hold the pipe, and never read it.
      void hangUp(writer);
    },
  };
}

async function writes(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  data: Uint8Array,
): Promise<boolean> {
  try {
    await writer.write(data);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}

/** Closes a program's input, whatever waits to be written; it may be closed already. */
function hangUp(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  return writer.abort();
}
