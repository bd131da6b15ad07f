/**
 * Starts a program as the leader of a process group and session of its own, so that everything
 * it starts can be signalled, counted and ended together. It knows nothing of tasks.
 */
import { resolve } from "node:path";
import type { Clock } from "../../runtime/clock.ts";
import { INSTANCE_MARKER, KEY_MARKER } from "./environment.ts";
import { ExecutorError } from "./executor.ts";
import { PIPE_DRAIN_MS } from "./executor_limits.ts";
import { endFamily, type FamilyEnd, familyOf, sendSignal } from "./process_family.ts";
import type { ProcessTable } from "./process_table.ts";
import { settlesWithin } from "./waiting.ts";

export type SpawnOptions = {
  cwd: string;
  /** All of the environment; nothing is inherited. */
  env: Record<string, string>;
  stdin: "piped" | "null";
  table: ProcessTable;
  clock: Clock;
};

/** How the leader ended: by exit or by signal. */
export type Ending = { exitCode: number | null; signal: string | null };

export type ProcessGroup = {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array> | null;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when the leader has ended; others of the group may go on. */
  readonly ended: Promise<Ending>;
  /** Signals the whole group. */
  signal(name: Deno.Signal): void;
  /** Ends all its members and what they started, wherever it moved. */
  end(options: { aloneMs?: number; graceMs: number }): Promise<FamilyEnd>;
};

/** Starts `argv`. Throws `ExecutorError` with what to do where it cannot. */
export function spawnGroup(argv: readonly string[], options: SpawnOptions): ProcessGroup {
  const { table, clock } = options;
  const child = spawn(argv, options);
  const instance = options.env[INSTANCE_MARKER];
  const key = options.env[KEY_MARKER];
  // A member that loses its parent on the way is known by the session it was last seen in.
  const sessions = new Set([child.pid]);
  const living = async () => {
    const family = familyOf(
      await table(),
      (process) =>
        sessions.has(process.session) ||
        (process.key !== null && process.key === key && process.instance === instance),
    );
    for (const { session } of family) sessions.add(session);
    return family;
  };
  return {
    pid: child.pid,
    stdin: options.stdin === "piped" ? child.stdin : null,
    stdout: child.stdout,
    stderr: child.stderr,
    ended: child.status.then(({ code, signal }) => ({
      exitCode: signal === null ? code : null,
      signal,
    })),
    signal: (name) => void sendSignal(-child.pid, name),
    async end(timing) {
      try {
        return await endFamily(living, { ...timing, clock });
      } catch (error) {
        // Without the process table the group is all we know.
        sendSignal(-child.pid, "SIGKILL");
        throw error;
      }
    },
  };
}

/** A pipe that is being read. */
export type Pipe = { readonly ended: Promise<void>; stop(): Promise<void> };

/** Hands all that comes from a pipe to `take`, until its end or until it is stopped. */
export function readPipe(
  stream: ReadableStream<Uint8Array>,
  take: (bytes: Uint8Array) => void,
): Pipe {
  const reader = stream.getReader();
  const readAll = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      take(value);
    }
  };
  return { ended: readAll(), stop: () => reader.cancel() };
}

/** Reads pipes to their end, but no longer than a bound: a stranger may hold them open. */
export async function drain(pipes: readonly Pipe[], clock: Clock): Promise<void> {
  const ended = Promise.all(pipes.map((pipe) => pipe.ended));
  if (await settlesWithin(clock, PIPE_DRAIN_MS, ended)) return;
  await Promise.all(pipes.map((pipe) => pipe.stop()));
}

function spawn(argv: readonly string[], { cwd, env, stdin }: SpawnOptions): Deno.ChildProcess {
  const [program, ...args] = argv;
  if (program === undefined || program === "") {
    throw new ExecutorError("spawn_failed", "Cannot run the command: it is empty");
  }
  try {
    return new Deno.Command(program, {
      args,
      cwd,
      env,
      clearEnv: true,
      detached: true,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw explain(error, program, { cwd, path: env["PATH"] ?? "" });
  }
}

function explain(
  error: unknown,
  program: string,
  { cwd, path }: { cwd: string; path: string },
): ExecutorError {
  const cannot = `Cannot run "${program}"`;
  const fail = (code: ExecutorError["code"], reason: string) =>
    new ExecutorError(code, `${cannot}: ${reason}`, { cause: error });
  if (error instanceof Deno.errors.NotFound) {
    if (!exists(cwd)) return fail("workspace_not_found", `its directory ${cwd} is gone`);
    if (!program.includes("/")) {
      return fail(
        "command_not_found",
        `no such program on PATH (${path}); install it there, or give its full path`,
      );
    }
    return fail(
      "command_not_found",
      exists(resolve(cwd, program))
        ? "the interpreter that its first line names does not exist"
        : `no such file${program.startsWith("/") ? "" : ` in ${cwd}`}`,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return fail("permission_denied", "it is not executable; allow it with chmod +x");
  }
  if (error instanceof Deno.errors.NotCapable) {
    return fail("permission_denied", `Deno does not let this server run it: ${error.message}`);
  }
  return fail("spawn_failed", error instanceof Error ? error.message : String(error));
}

/** Asks a shell, since the server itself may look at nothing but its own data. */
function exists(path: string): boolean {
  const look = new Deno.Command("sh", {
    args: ["-c", 'test -e "$1"', "sh", path],
    stdin: "null",
  });
  return look.outputSync().success;
}
