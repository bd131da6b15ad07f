/**
 * Runs commands and terminals in a sandbox that is there. Each has a control group of its own, in
 * which all that it started is found: it ends with the command's signal, or stays with the VM when
 * the command has ended by itself.
 */
import { INSTANCE_MARKER, KEY_MARKER } from "../executor/environment.ts";
import { checkEnv, cwdOf, type Entry, entryOf, insideEnv, refusalIn } from "./bwrap_enter.ts";
import { closeCommandGroup, COMMAND_GROUP, lookAt, markersOf } from "./bwrap_look.ts";
import type { Machine } from "./bwrap_machine.ts";
import type { BwrapRecord } from "./bwrap_record.ts";
import { runOnHost } from "./host_exec.ts";
import { openHostTerminal } from "./host_terminal.ts";
import {
  type ExecExit,
  type ExecRequest,
  type ProviderCall,
  ProviderError,
  type TerminalProcess,
  type TerminalRequest,
} from "./provider.ts";

/** Where a command is to run. */
export type ExecContext = {
  instance: string;
  machine: Machine;
  record: BwrapRecord;
  /** Unique among the commands of this server. */
  number: number;
};

/** Runs a command to its end. */
export async function execIn(
  context: ExecContext,
  request: ExecRequest,
  call: ProviderCall,
): Promise<ExecExit> {
  const { command, cwd, env = {}, stdin, onOutput, killGraceMs } = request;
  const cannot = `Cannot run "${command[0] ?? ""}" in vm "${context.record.vmId}"`;
  if (command[0] === undefined || command[0] === "" || command.some((arg) => arg.includes("\0"))) {
    throw new ProviderError("invalid", `${cannot}: want a program, and no NUL`);
  }
  checkEnv(env, cannot);
  const leaf = leafOf(context);
  const entry = entryFor(context, { command, cwd: cwdOf(cwd), env, leaf, key: call.key });
  let refused: ProviderError | undefined;
  const isRefusal = refusalFilter(entry, (reason) => refused = reason, { cannot, cwd: cwdOf(cwd) });
  let ended = false;
  try {
    const exit = await runOnHost({
      argv: entry.argv,
      env: entry.env,
      onOutput: (piece) => isRefusal(piece) ? undefined : onOutput?.(piece),
      ...(stdin === undefined ? {} : { stdin }),
      ...(killGraceMs === undefined ? {} : { killGraceMs }),
    }, call.signal);
    ended = true;
    if (refused !== undefined) throw refused;
    return exit;
  } finally {
    await closeGroup(context, leaf, { kill: !ended });
  }
}

/** Opens a terminal; what was started on it ends with it. */
export async function terminalIn(
  context: ExecContext,
  { command, columns, rows }: TerminalRequest,
  call: ProviderCall,
): Promise<TerminalProcess> {
  await checkRunning(context.record, "open a terminal in", call.signal);
  const leaf = leafOf(context);
  const entry = entryFor(context, {
    command: onTerminalOfVm(command ?? SHELL),
    cwd: cwdOf(undefined),
    env: { TERM: "xterm-256color", COLORTERM: "truecolor" },
    leaf,
    key: call.key,
  });
  const clean = () => closeGroup(context, leaf, { kill: true });
  try {
    const { argv, env } = entry;
    const terminal = await openHostTerminal({ argv, env, columns, rows }, call.signal);
    const exited = terminal.exited.then(
      async (exit) => {
        await clean();
        return exit;
      },
      async (error) => {
        await clean();
        throw error;
      },
    );
    return {
      ...{ output: terminal.output, exited },
      write: (data) => terminal.write(data),
      resize: (columns, rows) => terminal.resize(columns, rows),
      async close() {
        await terminal.close();
        await exited;
      },
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

/** Throws `ProviderError("not_running")` for a VM that is suspended or stopped. */
export async function checkRunning(
  record: BwrapRecord,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const [state] = await lookAt([record], signal);
  if (state === "running") return;
  throw new ProviderError("not_running", `Cannot ${what} vm "${record.vmId}": it is ${state}`);
}

/** The VM's login shell. */
const SHELL = [
  "sh",
  "-c",
  "command -v bash >/dev/null && SHELL=/bin/bash exec bash -l; exec sh -l",
];

/**
 * The host's terminal has no name in the VM, and programs ask for it: hence a second one, of the
 * VM's own, which follows the first in size. Sandboxes of those who are not root cannot have any.
 */
function onTerminalOfVm(command: readonly string[]): string[] {
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return ["sh", "-c", TERMINAL, "sh", `exec ${quoted}`];
}

const TERMINAL = `
[ -c /dev/pts/ptmx ] && command -v script >/dev/null || eval "$1"
exec script -qefc "$1" /dev/null
`;

function entryFor(
  { instance, machine, record }: ExecContext,
  { command, cwd, env, leaf, key }: {
    command: readonly string[];
    cwd: string;
    env: Readonly<Record<string, string>>;
    leaf: string;
    key: string;
  },
): Entry {
  const vm = markersOf(instance, record.vmId);
  // With no control group, what an earlier server left is found by the marks that tasks have too;
  // else what a command left in the background stays with the VM when the server starts anew.
  const own = record.groups.tree === null ? { [INSTANCE_MARKER]: instance, [KEY_MARKER]: key } : {};
  return entryOf(record, {
    ...{ command, cwd, leaf, asRoot: machine.asRoot },
    markers: { ...vm, ...own },
    env: insideEnv(record, env),
  });
}

function leafOf({ machine, number }: ExecContext): string {
  return `${COMMAND_GROUP}.${machine.server}.${number}`;
}

async function closeGroup(
  { record: { groups: { tree } } }: ExecContext,
  leaf: string,
  { kill }: { kill: boolean },
): Promise<void> {
  if (tree === null) return;
  await closeCommandGroup({ ...tree, directory: `${tree.directory}/${leaf}` }, { kill });
}

/** Takes the line with which a command is refused out of its output. */
function refusalFilter(
  { refusal }: Entry,
  refuse: (reason: ProviderError) => void,
  { cannot, cwd }: { cannot: string; cwd: string },
): (piece: { stream: "stdout" | "stderr"; data: Uint8Array }) => boolean {
  return ({ stream, data }) => {
    if (stream !== "stderr" || data.length > refusal.length + REASON_CHARS) return false;
    switch (refusalIn(new TextDecoder().decode(data), refusal)) {
      case undefined:
        return false;
      case "gone":
        refuse(new ProviderError("not_running", `${cannot}: it is stopped`));
        return true;
      case "suspended":
        refuse(new ProviderError("not_running", `${cannot}: it is suspended`));
        return true;
      case "cwd":
        refuse(new ProviderError("cwd_not_found", `${cannot}: there is no directory ${cwd}`));
        return true;
      case "command":
        refuse(new ProviderError("command_not_found", `${cannot}: there is no such program in it`));
        return true;
    }
  };
}

/** Longer than any reason. */
const REASON_CHARS = 16;
