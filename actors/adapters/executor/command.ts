/**
 * The `command` executor: runs a program on this machine, in a workspace, as a process group of
 * its own. This file is the life of one attempt from top to bottom; what each step takes is in
 * the files beside it.
 */
import { join, resolve } from "node:path";
import { createRedactor } from "../redact.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import type { EffectContext } from "../../runtime/kind.ts";
import { createActivity } from "./activity.ts";
import { type Controls, createControls } from "./controls.ts";
import { commandEnvironment, gitEnvironment, markersOf } from "./environment.ts";
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
  type ExecutorResult,
} from "./executor.ts";
import {
  LEFTOVER_GRACE_MS,
  MAX_KILL_GRACE_MS,
  MAX_STORED_BYTES,
  TAIL_BYTES,
} from "./executor_limits.ts";
import { createGit } from "./git.ts";
import { removeUnusedMirrors } from "./mirrors.ts";
import { createMutex, type Mutex } from "./mutex.ts";
import { endOrphan, endPrevious } from "./orphans.ts";
import { createOutput, type Output, type OutputSummary } from "./output.ts";
import { drain, type Ending, type ProcessGroup, readPipe, spawnGroup } from "./process_group.ts";
import { type ProcessInfo, type ProcessTable, processTable } from "./process_table.ts";
import { unlessAborted } from "./waiting.ts";
import { prepareWorkspace } from "./workspace.ts";

/** What the executor works with. Only `home` and `instance` have no default. */
export type CommandExecutorOptions = {
  /** The data directory: workspaces, mirrors and worktrees are made in it. */
  home: string;
  /** An id of the data directory, by which processes of an earlier server are known. */
  instance: string;
  /** Variables of the server that every command gets, besides the usual ones. */
  passEnv?: readonly string[];
  /** Variables of the server that a task may ask for with `envFrom`. */
  allowedEnv?: readonly string[];
  /** Programs that tasks may start, as they name them; null for any. */
  allowRun?: readonly string[] | null;
  /** Values that must not appear in output. */
  secrets?: readonly string[];
  /** Output of one attempt that is stored, and of it what is kept for the end. */
  maxStoredBytes?: number;
  tailBytes?: number;
  clock?: Clock;
  /** Reads a variable of the server; by default from its environment. */
  readEnv?: (name: string) => string | undefined;
  /** Lists processes; by default those of this machine. */
  table?: ProcessTable;
  /** Taken while a mirror of a repository is worked on; shared by all who do. */
  mutex?: Mutex;
  /** Told of what went wrong without being the attempt's failure. */
  warn?: (message: string, fields: JsonObject) => void;
};

/** An executor that keeps mirrors of repositories. */
export type CommandExecutor = Executor & {
  /** Removes the mirrors that nobody has used for 30 days; returns how many. */
  removeUnusedMirrors(): Promise<number>;
};

/** Makes the executor. It keeps nothing but locks; all else is on disk and in processes. */
export function createCommandExecutor(options: CommandExecutorOptions): CommandExecutor {
  const settings = complete(options);
  return {
    name: "command",
    run: (input, context) => runAttempt(input, context, settings),
    reattach: (input, context) => endOrphan(input, context.key, settings),
    available: () => inspectHost(settings),
    removeUnusedMirrors: () => {
      const { home, mutex, clock } = settings;
      return removeUnusedMirrors({ repos: join(home, "repos"), mutex, now: clock.now() });
    },
  };
}

type Settings = Required<CommandExecutorOptions> & { bornAt: number };

function complete(options: CommandExecutorOptions): Settings {
  const clock = options.clock ?? systemClock;
  return {
    passEnv: [],
    allowedEnv: [],
    allowRun: null,
    secrets: [],
    maxStoredBytes: MAX_STORED_BYTES,
    tailBytes: TAIL_BYTES,
    readEnv: (name) => Deno.env.get(name),
    table: processTable(),
    mutex: createMutex(),
    warn: () => {},
    ...options,
    clock,
    home: resolve(options.home),
    bornAt: clock.now(),
  };
}

/** The server itself may start a shell; whether a task may is for the configuration to say. */
function checkProgram([program = ""]: readonly string[], allowRun: readonly string[] | null): void {
  if (allowRun === null || allowRun.includes(program)) return;
  throw new ExecutorError(
    "permission_denied",
    `Cannot run "${program}": it is not among the programs that tasks may start ` +
      `(HOLDFAST_ALLOW_RUN)`,
  );
}

async function runAttempt(
  input: ExecutorInput,
  context: EffectContext,
  settings: Settings,
): Promise<ExecutorResult> {
  const { clock, table } = settings;
  const startedAt = clock.now();
  context.signal.throwIfAborted();
  checkProgram(input.command, settings.allowRun);
  const markers = markersOf(settings.instance, context.key);
  const { variables, secrets } = commandEnvironment(input, markers, settings);
  const redactor = createRedactor({ values: [...settings.secrets, ...secrets] });
  const output = createOutput({
    append: (text) => context.append("output", text),
    redactor,
    clock,
    maxBytes: settings.maxStoredBytes,
    tailBytes: settings.tailBytes,
  });
  const controls = createControls(context, output.note);
  if (input.previous !== null) await endPrevious(input.previous, settings);
  const workDir = await prepare(input, context, { settings, markers, redact: redactor });
  const group = spawnGroup(input.command, {
    cwd: workDir,
    env: variables,
    stdin: input.interactive ? "piped" : "null",
    table,
    clock,
  });
  try {
    const ran = await attend(group, { input, context, settings, output, controls, workDir });
    return { ...ran, workDir, durationMs: clock.now() - startedAt };
  } finally {
    await controls.detach();
  }
}

async function prepare(
  input: ExecutorInput,
  context: EffectContext,
  { settings, markers, redact }: {
    settings: Settings;
    markers: Record<string, string>;
    redact: (text: string) => string;
  },
): Promise<string> {
  const { home, clock, table, mutex, bornAt } = settings;
  const { signal } = context;
  if (input.workspace !== null && "repo" in input.workspace) {
    await context.send({ type: "executor.preparing", what: "repository" });
  }
  const git = createGit({ env: gitEnvironment(markers, settings), signal, table, clock });
  const tools = { git, mutex, signal, redact, now: () => clock.now(), bornAt };
  const workDir = await prepareWorkspace(input.workspace, input.taskId, { home, tools });
  signal.throwIfAborted();
  return workDir;
}

type Attended = {
  input: ExecutorInput;
  context: EffectContext;
  settings: Settings;
  output: Output;
  controls: Controls;
  workDir: string;
};

/** From the spawned process to the end of all it started, and of its output. */
async function attend(
  group: ProcessGroup,
  { input, context, settings, output, controls, workDir }: Attended,
): Promise<Ending & OutputSummary> {
  const { signal } = context;
  const activity = createActivity(context, input.activityEveryMs, settings);
  const pipes = [group.stdout, group.stderr].map((stream) => {
    const write = output.pipe();
    return readPipe(stream, (bytes) => {
      write(bytes);
      activity.touch();
    });
  });
  let ending: Ending | undefined;
  let summary: OutputSummary;
  try {
    controls.attach(group);
    await unlessAborted(signal, announce(group.pid, workDir, { context, settings }));
    activity.open();
    ending = await unlessAborted(signal, group.ended);
  } finally {
    // Done, told to stop, or its owner is gone: nothing of the attempt may live on.
    const aloneMs = ending === undefined ? 0 : LEFTOVER_GRACE_MS;
    const graceMs = Math.min(input.killGraceMs, MAX_KILL_GRACE_MS);
    const { found, left } = await group.end({ aloneMs, graceMs });
    await drain(pipes, settings.clock);
    if (ending !== undefined && found.length > 0) {
      output.note(`ended what the command had left running: ${named(found)}`);
    }
    if (left.length > 0) output.note(`could not end ${named(left)}`);
    summary = output.end();
  }
  signal.throwIfAborted();
  if (ending === undefined) throw new Error("Cannot tell how the command ended: nobody waited");
  return { ...ending, ...summary };
}

/** Tells the owner which process is at work. */
async function announce(
  pid: number,
  workDir: string,
  { context, settings }: { context: EffectContext; settings: Settings },
): Promise<void> {
  const leader = (await settings.table()).find((process) => process.pid === pid);
  const mark = leader === undefined ? {} : { startedTicks: leader.startedTicks };
  await context.send({ type: "executor.started", pid, ...mark, workDir });
}

function named(processes: readonly ProcessInfo[]): string {
  const [first, ...others] = processes.map(({ pid }) => pid);
  return `process ${first}${others.length > 0 ? ` and ${others.length} more` : ""}`;
}

async function inspectHost(
  { table }: Settings,
): Promise<{ ok: boolean; reason: string | null; details: JsonObject }> {
  const platform = Deno.build.os;
  if (platform === "windows") {
    const reason = "process groups do not exist on Windows; run Holdfast in WSL";
    return { ok: false, reason, details: { platform } };
  }
  const git = await gitVersion();
  const processes = (await table()).length;
  const reason = git === null
    ? "git is not on PATH: tasks in a repository will fail until it is installed"
    : null;
  return { ok: processes > 0, reason, details: { platform, git, processes } };
}

async function gitVersion(): Promise<string | null> {
  try {
    const { stdout } = await new Deno.Command("git", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).trim().replace(/^git version /, "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
