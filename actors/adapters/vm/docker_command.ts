/**
 * One command in a container, from its start to its exit code or to its being ended: the exec,
 * its connection and its marker as one thing. Execs, terminals and connections to ports are made
 * of it.
 */
import type { DockerApi } from "./docker_api.ts";
import { deadline } from "./docker_deadline.ts";
import { FrameReader, type Piece } from "./docker_frames.ts";
import { type Greeting, GreetingReader } from "./docker_greeting.ts";
import type { Hijacked } from "./docker_hijack.ts";
import { LIFECYCLE_MS } from "./docker_limits.ts";
import { MARKER, newMarker, type Processes } from "./docker_processes.ts";
import { exitCodeOf, isRunning, makeExec, startExec } from "./docker_session.ts";
import { type ExecExit, ProviderError, type VmHandle } from "./provider.ts";

/** What commands are run with. */
export type Daemon = { api: DockerApi; processes: Processes };

export type CommandOptions = {
  /** A wrapper of `docker_greeting.ts` and its arguments. */
  wrapper: readonly [script: string, ...args: string[]];
  env?: Readonly<Record<string, string>>;
  stdin: boolean;
  /** Run in a terminal; all output then comes as `stdout`. */
  terminal?: boolean;
  action: string;
  signal: AbortSignal;
};

export type Command = {
  /** The daemon's id of the exec. */
  readonly exec: string;
  /** What the wrapper found. */
  readonly greeting: Greeting;
  /** The output to its end, piece by piece. Throws `ProviderError` when it was cut. */
  output(): AsyncGenerator<Piece, void>;
  write(data: Uint8Array): Promise<void>;
  /** The command reads the end of its input. */
  closeInput(): Promise<void>;
  /** How it ended; for when the output has. */
  exit(signal: AbortSignal): Promise<ExecExit>;
  /** Whether the daemon says that it runs no more. */
  hasEnded(signal: AbortSignal): Promise<boolean>;
  /** Ends it and all that it started, and closes. `ended` is when its output ended. */
  end(
    options: { signal: "TERM" | "HUP"; graceMs?: number; ended: Promise<unknown> },
  ): Promise<void>;
  /** Lets go of it; for when it has ended. */
  release(): void;
};

/** Starts a command. Throws `ProviderError` or the signal's reason, and then leaves none behind. */
export async function startCommand(
  { api, processes }: Daemon,
  vm: VmHandle,
  { wrapper, env = {}, stdin, terminal = false, action, signal }: CommandOptions,
): Promise<Command> {
  signal.throwIfAborted();
  const target = { container: vm.providerId, vmId: vm.vmId };
  await processes.meet(target, signal);
  const marker = newMarker();
  processes.begin(marker);
  let exec: string | undefined;
  let connection: Hijacked | undefined;
  try {
    const at = { container: vm.providerId, action, signal };
    exec = await makeExec(api, at, {
      command: ["/bin/sh", "-c", wrapper[0], "sh", ...wrapper.slice(1)],
      env: { ...env, [MARKER]: marker },
      stdin,
      terminal,
    });
    connection = await startExec(api, exec, { action, signal, terminal });
    const pieces = piecesOf(connection, terminal, action);
    const { greeting, first } = await greeted(api, connection, { pieces, marker, exec, at });
    return command({ api, processes }, {
      target,
      marker,
      exec,
      connection,
      greeting,
      output: () => joined(first, pieces),
      action,
    });
  } catch (error) {
    connection?.close();
    // From here on it may have been started, even if nobody said so.
    if (exec !== undefined) {
      await processes.end(target, marker, { signal: "TERM", graceMs: 0, ended: Promise.resolve() });
      processes.forget(vm.providerId);
    }
    processes.done(marker);
    signal.throwIfAborted();
    throw error;
  }
}

function command(
  { api, processes }: Daemon,
  { target, marker, exec, connection, greeting, output, action }: {
    target: { container: string; vmId: string };
    marker: string;
    exec: string;
    connection: Hijacked;
    greeting: Greeting;
    output: Command["output"];
    action: string;
  },
): Command {
  return {
    exec,
    greeting,
    output,
    write: (data) => connection.write(data),
    closeInput: () => connection.closeWrite(),
    async exit(signal) {
      const mayGoOn = !connection.wasReset;
      return exitOf(await exitCodeOf(api, exec, { action, signal, mayGoOn }));
    },
    hasEnded: async (signal) => !await isRunning(api, exec, { action, signal }),
    async end(options) {
      await processes.end(target, marker, options);
      connection.close();
    },
    release() {
      processes.done(marker);
      connection.close();
    },
  };
}

/** Reads up to the greeting. `first` is what came with it. */
async function greeted(
  api: DockerApi,
  connection: Hijacked,
  { pieces, marker, exec, at }: {
    pieces: AsyncGenerator<Piece, void>;
    marker: string;
    exec: string;
    at: { action: string; signal: AbortSignal };
  },
): Promise<{ greeting: Greeting; first: Piece[] }> {
  const limit = deadline(api.clock, { ...at, limitMs: LIFECYCLE_MS, socket: api.socket });
  const close = () => connection.close();
  limit.signal.addEventListener("abort", close, { once: true });
  const reader = new GreetingReader(marker);
  try {
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      const first = reader.take(next.value);
      if (first !== undefined && reader.greeting !== undefined) {
        return { greeting: reader.greeting, first };
      }
    }
    const code = await exitCodeOf(api, exec, at);
    throw reader.failure(at.action, `it ended with exit code ${code} before it began`);
  } catch (error) {
    limit.signal.throwIfAborted();
    throw error;
  } finally {
    limit.signal.removeEventListener("abort", close);
    limit.end();
  }
}

async function* piecesOf(
  connection: Hijacked,
  terminal: boolean,
  action: string,
): AsyncGenerator<Piece, void> {
  const frames = new FrameReader();
  for (let read = await connection.read(); read !== null; read = await connection.read()) {
    // A terminal has one stream; the greeting is on it as well.
    if (terminal) yield { stream: "stderr", data: read };
    else {
      for (const piece of frames.take(read)) if (!isPodmanNoise(piece)) yield piece;
    }
  }
  if (frames.isWhole) return;
  throw new ProviderError("unreachable", `Cannot ${action}: the connection to it was cut`);
}

/** What podman adds to the errors of a command that ended without reading its input. */
const PODMAN_NOISE =
  /^Error: read unixpacket @->\/proc\/self\/fd\/\d+\/attach: read: connection reset by peer\n$/;
const MAX_NOISE_BYTES = 200;

function isPodmanNoise({ stream, data }: Piece): boolean {
  if (stream !== "stderr" || data.length > MAX_NOISE_BYTES) return false;
  return PODMAN_NOISE.test(new TextDecoder().decode(data));
}

async function* joined(
  first: readonly Piece[],
  pieces: AsyncGenerator<Piece, void>,
): AsyncGenerator<Piece, void> {
  yield* first;
  yield* pieces;
}

/** Signals by number, those that end programs. A shell and Docker add 128. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** Docker tells a signal only by the exit code that shells use for it. */
export function exitOf(code: number): ExecExit {
  const signal = SIGNALS[code - 128];
  return signal === undefined ? { exitCode: code, signal: null } : { exitCode: null, signal };
}
