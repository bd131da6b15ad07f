/** Terminals in a VM: a shell in a PTY that the daemon makes. */
import { type Command, type Daemon, startCommand } from "./docker_command.ts";
import { GREET } from "./docker_greeting.ts";
import { TERMINAL_AHEAD_BYTES } from "./docker_limits.ts";
import { resizeExec } from "./docker_session.ts";
import {
  type ExecExit,
  ProviderError,
  type TerminalProcess,
  type TerminalRequest,
  type VmHandle,
} from "./provider.ts";
import { HANG_UP_GRACE_MS, MAX_TERMINAL_CELLS } from "./vm_limits.ts";

/** Opens a terminal. Throws `ProviderError` or the signal's reason. */
export async function openTerminal(
  daemon: Daemon,
  vm: VmHandle,
  { request, signal }: { request: TerminalRequest; signal: AbortSignal },
): Promise<TerminalProcess> {
  const action = `open a terminal in vm "${vm.vmId}"`;
  checkSize(request, action);
  const [program = "the VM's shell"] = request.command ?? [];
  const command = await startCommand(daemon, vm, {
    wrapper: [
      TERMINAL_WRAPPER,
      vm.workDir,
      `${request.rows}`,
      `${request.columns}`,
      ...request.command ?? [],
    ],
    env: { TERM: "xterm-256color" },
    stdin: true,
    terminal: true,
    action,
    signal,
  });
  if (command.greeting !== "ok") {
    command.release();
    const code = command.greeting === "no_directory" ? "cwd_not_found" : "command_not_found";
    const missing = code === "cwd_not_found" ? vm.workDir : program;
    throw new ProviderError(code, `Cannot ${action}: ${missing} is not there`);
  }
  const terminal = terminalOf(daemon, command, action);
  // The wrapper sets it where the image has stty; this where it has not.
  await terminal.resize(request.columns, request.rows);
  return terminal;
}

function terminalOf({ api }: Daemon, command: Command, action: string): TerminalProcess {
  const exited = Promise.withResolvers<ExecExit>();
  // Whoever does not ask for the exit learns of a failure from the output.
  exited.promise.catch(() => {});
  const outputEnded = Promise.withResolvers<void>();
  const pieces = command.output();
  const { signal } = new AbortController();
  let closing: Promise<void> | undefined;
  const finish = async () => {
    outputEnded.resolve();
    exited.resolve(await command.exit(signal));
    command.release();
  };
  const output = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await pieces.next();
        if (!next.done) return controller.enqueue(next.value.data);
        await finish();
        controller.close();
      } catch (error) {
        outputEnded.resolve();
        // A terminal that was closed has ended, however its connection did.
        if (closing !== undefined) return controller.close();
        exited.reject(error);
        controller.error(error);
      }
    },
    cancel: () => close(),
  }, new ByteLengthQueuingStrategy({ highWaterMark: TERMINAL_AHEAD_BYTES }));
  const close = () => {
    closing ??= hangUp();
    return closing;
  };
  const hangUp = async () => {
    await command.end({
      signal: "HUP",
      graceMs: HANG_UP_GRACE_MS,
      ended: outputEnded.promise,
    });
    exited.resolve({ exitCode: null, signal: "SIGHUP" });
  };
  return {
    output,
    exited: exited.promise,
    close,
    write: (data) => command.write(data),
    async resize(columns, rows) {
      checkSize({ columns, rows }, action);
      try {
        await resizeExec(api, command.exec, { columns, rows, action, signal });
      } catch (error) {
        // One that has just ended has no size any more; its output says that it has.
        if (!await hasEnded(error, command, signal)) throw error;
      }
    },
  };
}

async function hasEnded(error: unknown, command: Command, signal: AbortSignal): Promise<boolean> {
  if (!(error instanceof ProviderError) || error.code === "unreachable") return false;
  return error.code === "not_found" || await command.hasEnded(signal);
}

function checkSize({ columns, rows }: { columns: number; rows: number }, action: string): void {
  const isSize = (value: number) =>
    Number.isInteger(value) && value >= 1 && value <= MAX_TERMINAL_CELLS;
  if (isSize(columns) && isSize(rows)) return;
  throw new ProviderError(
    "invalid",
    `Cannot ${action}: ${columns} by ${rows} is no size from 1 to ${MAX_TERMINAL_CELLS}`,
  );
}

/** $1 the directory, $2 and $3 rows and columns, then the command; none is the VM's shell. */
const TERMINAL_WRAPPER = `${GREET}
cd "$1" 2>/dev/null || { greet d; exit 126; }
stty rows "$2" cols "$3" 2>/dev/null
shift 3
if [ $# = 0 ]; then
  for holdfast_shell in "$SHELL" /bin/bash /bin/sh; do
    [ -x "$holdfast_shell" ] && break
  done
  set -- "$holdfast_shell"
fi
command -v "$1" >/dev/null 2>&1 || { greet c; exit 127; }
greet o
exec "$@"
`;
