/**
 * Commands in a container by the daemon's exec: making one, its connection, its exit code, and our
 * own small scripts as one call. What a command leaves running is not looked at here.
 */
import { sleep } from "../executor/waiting.ts";
import { execSchema, madeSchema } from "./docker_answers.ts";
import { check, type DockerApi, parse } from "./docker_api.ts";
import { deadline } from "./docker_deadline.ts";
import { FrameReader } from "./docker_frames.ts";
import { hijack, type Hijacked } from "./docker_hijack.ts";
import {
  EXIT_POLL_MS,
  EXIT_WAIT_MS,
  MAX_EXIT_POLL_MS,
  MAX_REASON_CHARS,
  MAX_SCRIPT_OUTPUT_BYTES,
} from "./docker_limits.ts";
import { ProviderError } from "./provider.ts";
import { SCRIPT_MS } from "./vm_limits.ts";

/** What every command in a container needs. */
export type In = {
  /** The container's id. */
  container: string;
  action: string;
  signal: AbortSignal;
};

export type SessionOptions = {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  stdin: boolean;
  terminal: boolean;
};

/** Makes an exec; nothing runs yet. Returns its id. */
export async function makeExec(
  api: DockerApi,
  { container, action, signal }: In,
  { command, env, stdin, terminal }: SessionOptions,
): Promise<string> {
  const answer = await api.send("POST", `/containers/${encodeURIComponent(container)}/exec`, {
    action,
    signal,
    body: {
      AttachStdin: stdin,
      AttachStdout: true,
      AttachStderr: true,
      Tty: terminal,
      Cmd: command,
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    },
  });
  return parse(madeSchema, answer, action).Id;
}

/** Starts an exec and connects to it. */
export async function startExec(
  api: DockerApi,
  exec: string,
  { action, signal, terminal }: { action: string; signal: AbortSignal; terminal: boolean },
): Promise<Hijacked> {
  return await hijack(api, `/exec/${encodeURIComponent(exec)}/start`, {
    action,
    signal,
    body: { Detach: false, Tty: terminal },
  });
}

/**
 * The exit code of an exec whose output has ended. A command may have closed its output and go on,
 * which is waited for if `mayGoOn`; else it was the connection that ended, and
 * `ProviderError("unreachable")` is thrown.
 */
export async function exitCodeOf(
  api: DockerApi,
  exec: string,
  { action, signal, mayGoOn = false }: { action: string; signal: AbortSignal; mayGoOn?: boolean },
): Promise<number> {
  const giveUpAt = mayGoOn ? Infinity : api.clock.now() + EXIT_WAIT_MS;
  for (let waitMs = EXIT_POLL_MS;; waitMs = Math.min(waitMs * 2, MAX_EXIT_POLL_MS)) {
    const answer = await api.send("GET", `/exec/${encodeURIComponent(exec)}/json`, {
      action,
      signal,
    });
    const { Running, ExitCode } = parse(execSchema, answer, action);
    if (!Running && typeof ExitCode === "number") return ExitCode;
    if (api.clock.now() >= giveUpAt) {
      throw new ProviderError("unreachable", `Cannot ${action}: the connection to it was cut`);
    }
    await sleep(api.clock, waitMs);
  }
}

/** Whether an exec runs now. */
export async function isRunning(
  api: DockerApi,
  exec: string,
  { action, signal }: { action: string; signal: AbortSignal },
): Promise<boolean> {
  const answer = await api.send("GET", `/exec/${encodeURIComponent(exec)}/json`, {
    action,
    signal,
  });
  return answer.status !== 404 && parse(execSchema, answer, action).Running;
}

/** Sets the size of an exec's terminal. */
export async function resizeExec(
  api: DockerApi,
  exec: string,
  { columns, rows, action, signal }: {
    columns: number;
    rows: number;
    action: string;
    signal: AbortSignal;
  },
): Promise<void> {
  const path = `/exec/${encodeURIComponent(exec)}/resize`;
  check(await api.send("POST", path, { action, signal, query: { h: rows, w: columns } }), action);
}

/** Runs a POSIX shell script of ours, as the container's user, and returns what it wrote. */
export async function runScript(
  api: DockerApi,
  at: In,
  script: string,
  ...args: string[]
): Promise<string> {
  const { action } = at;
  const limit = deadline(api.clock, { ...at, limitMs: SCRIPT_MS, socket: api.socket });
  const { signal } = limit;
  try {
    const exec = await makeExec(api, { ...at, signal }, {
      command: ["/bin/sh", "-c", script, "sh", ...args],
      env: {},
      stdin: false,
      terminal: false,
    });
    const connection = await startExec(api, exec, { action, signal, terminal: false });
    const { stdout, stderr } = await collect(connection, action, signal);
    const exitCode = await exitCodeOf(api, exec, { action, signal });
    if (exitCode === 0) return stdout;
    const reason = stderr.trim().slice(0, MAX_REASON_CHARS) || `exit code ${exitCode}`;
    throw new ProviderError("failed", `Cannot ${action}: ${reason}`);
  } finally {
    limit.end();
  }
}

async function collect(
  connection: Hijacked,
  action: string,
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
  const close = () => connection.close();
  signal.addEventListener("abort", close, { once: true });
  const frames = new FrameReader();
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const texts = { stdout: "", stderr: "" };
  let bytes = 0;
  try {
    for (let read = await connection.read(); read !== null; read = await connection.read()) {
      bytes += read.length;
      if (bytes > MAX_SCRIPT_OUTPUT_BYTES) {
        throw new ProviderError(
          "failed",
          `Cannot ${action}: more than ${MAX_SCRIPT_OUTPUT_BYTES} bytes of output`,
        );
      }
      for (const { stream, data } of frames.take(read)) {
        texts[stream] += decoders[stream].decode(data, { stream: true });
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
    connection.close();
  }
  return texts;
}
