/**
 * The `command` executor for tasks that work in a VM: the VM's provider runs the program there.
 * What it prints is treated as that of a command on this machine.
 */
import { createRedactor } from "../redact.ts";
import { type ExecExit, ProviderError, type VmHandle, type VmProvider } from "../vm/provider.ts";
import type { VmProviders } from "../vm/providers.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import type { EffectContext, EventInput } from "../../runtime/kind.ts";
import { createActivity } from "./activity.ts";
import { environmentInVm, KEY_MARKER, markersOf } from "./environment.ts";
import {
  type Executor,
  ExecutorError,
  type ExecutorErrorCode,
  type ExecutorInput,
  type ExecutorResult,
} from "./executor.ts";
import {
  MAX_KILL_GRACE_MS,
  MAX_SIGNAL_LOOKS,
  MAX_STORED_BYTES,
  SIGNAL_LOOK_MS,
  TAIL_BYTES,
} from "./executor_limits.ts";
import { createOutput, type Output } from "./output.ts";
import { sendSignal } from "./process_family.ts";
import { type ProcessTable, processTable } from "./process_table.ts";

export type VmCommandOptions = {
  providers: VmProviders;
  instance: string;
  allowedEnv?: readonly string[];
  secrets?: readonly string[];
  maxStoredBytes?: number;
  clock?: Clock;
  readEnv?: (name: string) => string | undefined;
  warn?: (message: string, fields: JsonObject) => void;
  /** Lists processes; by default those of this machine. */
  table?: ProcessTable;
};

/** Signals, by the events that ask for them. */
const SIGNALS: { readonly [event: string]: string } = {
  "executor.pause": "STOP",
  "executor.resume": "CONT",
  "executor.interrupt": "INT",
};

/** Sends a signal to every process that carries a marker, and says how many there were. */
const SIGNAL_SCRIPT = `
n=0
for dir in /proc/[0-9]*; do
  pid=\${dir#/proc/}
  [ "$pid" = "$$" ] && continue
  if tr '\\0' '\\n' < "$dir/environ" 2>/dev/null | grep -qxF "$1"; then
    kill -"$2" "$pid" 2>/dev/null && n=$((n + 1))
  fi
done
echo "$n"
`;

/** Makes the executor for VMs. It keeps nothing: all is in the VM. */
export function createVmCommandExecutor(options: VmCommandOptions): Executor {
  const settings = {
    clock: systemClock,
    warn: () => {},
    readEnv: (name: string) => Deno.env.get(name),
    allowedEnv: [],
    secrets: [],
    maxStoredBytes: MAX_STORED_BYTES,
    table: processTable(),
    ...options,
  };
  return {
    name: "command",
    run: (input, context) => runInVm(input, context, settings),
    reattach: (input, context) => clearAway(input, context, settings),
    available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
  };
}

type Settings = Required<VmCommandOptions>;

async function runInVm(
  input: ExecutorInput,
  context: EffectContext,
  settings: Settings,
): Promise<ExecutorResult> {
  const { clock } = settings;
  const startedAt = clock.now();
  const { provider, handle } = placeOf(input, settings);
  const markers = markersOf(settings.instance, context.key);
  const { variables, secrets } = environmentInVm(input, markers, { passEnv: [], ...settings });
  const output = createOutput({
    append: (text) => context.append("output", text),
    redactor: createRedactor({ values: [...settings.secrets, ...secrets] }),
    clock,
    maxBytes: settings.maxStoredBytes,
    tailBytes: TAIL_BYTES,
  });
  const stdin = createStdin(input.interactive, output);
  const signals = inOrder((signal) =>
    signalCommand({ provider, handle, context, settings, signal })
  );
  context.receive((event) => {
    const signal = SIGNALS[event.type];
    if (signal === undefined) stdin.take(event);
    else signals.add(signal);
  });
  await context.send({ type: "executor.started", workDir: handle.workDir });
  const exit = await execute({
    input,
    context,
    settings,
    provider,
    handle,
    output,
    variables,
    stdin,
  });
  const { exitCode, signal } = exit;
  const workDir = cwdOf(input) ?? handle.workDir;
  return { exitCode, signal, ...output.end(), workDir, durationMs: clock.now() - startedAt };
}

async function execute(
  { input, context, settings, provider, handle, output, variables, stdin }: {
    input: ExecutorInput;
    context: EffectContext;
    settings: Settings;
    provider: VmProvider;
    handle: VmHandle;
    output: Output;
    variables: { readonly [name: string]: string };
    stdin: Stdin;
  },
): Promise<ExecExit> {
  const activity = createActivity(context, input.activityEveryMs, settings);
  activity.open();
  const pipes = { stdout: output.pipe(), stderr: output.pipe() };
  const cwd = cwdOf(input);
  try {
    return await provider.exec(handle, {
      command: input.command,
      ...(cwd === undefined ? {} : { cwd }),
      env: variables,
      ...(stdin.readable === undefined ? {} : { stdin: stdin.readable }),
      killGraceMs: Math.min(input.killGraceMs, MAX_KILL_GRACE_MS),
      onOutput: ({ stream, data }) => {
        pipes[stream](data);
        activity.touch();
      },
    }, { key: context.key, signal: context.signal });
  } catch (error) {
    output.end();
    throw asExecutorError(error, input);
  }
}

/** After a restart: what the earlier server began in the VM must not go on beside a new attempt. */
async function clearAway(
  input: ExecutorInput,
  context: EffectContext,
  settings: Settings,
): Promise<never> {
  const { provider, handle } = placeOf(input, settings);
  try {
    await signalAll({ provider, handle, context, signal: "KILL" });
  } catch (error) {
    // In a VM that is gone, asleep or out of reach nothing of it runs on, or nothing can be done.
    if (!(error instanceof ProviderError)) throw error;
    settings.warn("Cannot look for an earlier attempt in its VM", {
      address: context.address,
      reason: error.message,
    });
  }
  throw new ExecutorError(
    "orphaned",
    `Cannot go on with attempt ${input.attempt}: the server that ran it has ended`,
  );
}

async function signalAll(
  { provider, handle, context, signal }: {
    provider: VmProvider;
    handle: VmHandle;
    context: EffectContext;
    signal: string;
  },
): Promise<number> {
  const marker = `${KEY_MARKER}=${context.key}`;
  let count = "";
  await provider.exec(handle, {
    command: ["sh", "-c", SIGNAL_SCRIPT, "sh", marker, signal],
    onOutput: ({ data }) => void (count += new TextDecoder().decode(data)),
  }, { key: `${context.key}/signal`, signal: context.signal });
  return Number(count.trim());
}

/**
 * One signal after the other: a pause that is held up, by the VM's own sleep say, must not come
 * after the resume.
 */
function inOrder(send: (signal: string) => Promise<void>): { add(signal: string): void } {
  let last = Promise.resolve();
  return {
    add(signal) {
      last = last.then(() => send(signal));
    },
  };
}

/**
 * Who waits on this machine for a command that was stopped may have stopped with it, as `nsenter`
 * does, and would never learn of its end.
 */
async function continueOutside(key: string, { table }: Settings): Promise<void> {
  const processes = new Map((await table()).map((process) => [process.pid, process]));
  const ours = [...processes.values()].filter((process) => process.key === key);
  for (let process of ours) {
    while (process.pid !== Deno.pid) {
      if (process.stopped) sendSignal(process.pid, "SIGCONT");
      const parent = processes.get(process.parent);
      if (parent === undefined) break;
      process = parent;
    }
  }
}

/** Signals a command, which may be about to begin: then it is looked for again. */
async function signalCommand(
  { provider, handle, context, settings, signal }: {
    provider: VmProvider;
    handle: VmHandle;
    context: EffectContext;
    settings: Settings;
    signal: string;
  },
): Promise<void> {
  const { clock, warn } = settings;
  try {
    for (let look = 0; look < MAX_SIGNAL_LOOKS; look++) {
      const count = await signalAll({ provider, handle, context, signal });
      if (signal === SIGNALS["executor.resume"]) await continueOutside(context.key, settings);
      if (count > 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.wake(clock.now() + SIGNAL_LOOK_MS, resolve);
      await promise;
    }
  } catch (error) {
    // Once the attempt is over nobody is left to be signalled.
    if (context.signal.aborted) return;
    warn("Cannot signal a command in a VM", { address: context.address, reason: String(error) });
  }
}

function placeOf(
  { vm, taskId }: ExecutorInput,
  { providers }: Settings,
): { provider: VmProvider; handle: VmHandle } {
  if (vm === null) throw new ExecutorError("spawn_failed", `Cannot run task "${taskId}": no VM`);
  // It was made by a provider, and stored as it came.
  return { provider: providers.get(vm.provider), handle: vm.handle as VmHandle };
}

function cwdOf({ workspace }: ExecutorInput): string | undefined {
  return workspace !== null && "path" in workspace ? workspace.path : undefined;
}

/** Codes of providers, as a retry policy knows them. */
const CODES: { readonly [code: string]: ExecutorErrorCode } = {
  command_not_found: "command_not_found",
  cwd_not_found: "workspace_not_found",
  not_found: "runtime_offline",
  not_running: "runtime_offline",
  unreachable: "runtime_offline",
};

function asExecutorError(error: unknown, { taskId }: ExecutorInput): unknown {
  if (!(error instanceof ProviderError)) return error;
  const code = CODES[error.code] ?? "spawn_failed";
  const message = `Cannot run task "${taskId}" in its VM: ${error.message}`;
  return new ExecutorError(code, message, { cause: error });
}

type Stdin = {
  readable: ReadableStream<Uint8Array> | undefined;
  take(event: EventInput): void;
};

/** What a person says, as the command's standard input. */
function createStdin(isInteractive: boolean, output: Output): Stdin {
  const drop = () => output.note("input dropped: the command was not started as interactive");
  if (!isInteractive) return { readable: undefined, take: drop };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const closed = () => output.note("input dropped: the command has closed its standard input");
  return {
    readable,
    take({ data, eof }) {
      const bytes = new TextEncoder().encode(typeof data === "string" ? data : "");
      writer.write(bytes).catch(closed);
      if (eof === true) writer.close().catch(closed);
    },
  };
}
