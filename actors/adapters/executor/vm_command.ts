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
import { environmentInVm, markersOf } from "./environment.ts";
import {
  type Executor,
  ExecutorError,
  type ExecutorErrorCode,
  type ExecutorInput,
  type ExecutorResult,
} from "./executor.ts";
import { MAX_KILL_GRACE_MS, MAX_STORED_BYTES, TAIL_BYTES } from "./executor_limits.ts";
import { createOutput, type Output } from "./output.ts";
import { type ProcessTable, processTable } from "./process_table.ts";
import { createSignals, signalAll } from "./vm_signals.ts";

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
  const signals = createSignals({ provider, handle, context, settings });
  context.receive((event) => {
    if (!signals.take(event)) stdin.take(event);
  });
  const place = { provider, handle };
  try {
    await context.send({ type: "executor.started", workDir: handle.workDir });
    const exit = await execute({ input, context, settings, ...place, output, variables, stdin });
    const workDir = cwdOf(input) ?? handle.workDir;
    return { ...exit, ...output.end(), workDir, durationMs: clock.now() - startedAt };
  } finally {
    await signals.stop();
  }
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
    await signalAll({ provider, handle, context }, "KILL");
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
