/**
 * A pseudo-terminal on the host, by `script` of util-linux: the program runs on a terminal of its
 * own, whose other end are pipes. It ends with the server, however that ends, where there is
 * `setpriv`.
 */
import { VM_MARKER } from "../executor/environment.ts";
import { startOnHost } from "./host_exec.ts";
import { greeted } from "./host_greeting.ts";
import { ownScript } from "./host_script.ts";
import { ProviderError, type TerminalProcess } from "./provider.ts";
import { MAX_TERMINAL_CELLS } from "./vm_limits.ts";

/** A program of the host that wants a terminal. */
export type HostTerminalRequest = {
  argv: readonly string[];
  /** All of the environment, as for `runOnHost`. */
  env: { readonly [name: string]: string };
  /** On the host; default `/`. */
  cwd?: string;
  columns: number;
  rows: number;
};

/**
 * Opens it. The signal ends the opening; an open terminal ends with its program or by `close`.
 * Throws `ProviderError`: `command_not_found`, `cwd_not_found`, `invalid` or `failed`.
 */
export async function openHostTerminal(
  { argv, env, cwd, columns, rows }: HostTerminalRequest,
  signal: AbortSignal,
): Promise<TerminalProcess> {
  signal.throwIfAborted();
  const size = checkedSize(columns, rows);
  const { [VM_MARKER]: vmId, SHELL: shell, ...others } = env;
  const command = onTerminal(argv, { size, later: { [VM_MARKER]: vmId, SHELL: shell } });
  const group = startOnHost({
    argv: ["sh", "-c", START, "sh", command],
    env: { ...others, SHELL: "/bin/sh" },
    ...(cwd === undefined ? {} : { cwd }),
  }, { stdin: "piped" });
  const { greeting: tty, output, input, end } = await greeted(group, signal, {
    explain({ exitCode, signal }, complaint) {
      const cannot = "Cannot open a terminal";
      if (exitCode === NOT_FOUND) {
        return new ProviderError(
          "command_not_found",
          `${cannot}: there is no program "${argv[0]}"`,
        );
      }
      const reason = complaint || `script ended with ${exitCode ?? signal}`;
      return new ProviderError("failed", `${cannot}: ${reason}`);
    },
  });
  const writer = input.getWriter();
  let closed = false;
  const exited = group.ended.finally(() => closed = true);
  return {
    output,
    exited,
    write: (data) => writer.write(data),
    async resize(columns, rows) {
      const size = checkedSize(columns, rows);
      // Its number may be another's by now.
      if (closed) return;
      await ownScript(RESIZE, [tty, ...size], {
        cannot: "Cannot resize the terminal",
        signal: null,
      });
    },
    async close() {
      await end();
    },
  };
}

/** What a shell ends with that finds no such program. */
const NOT_FOUND = 127;

/**
 * The one string that `script` runs. It does so by $SHELL, which may be no POSIX shell. That shell
 * stays, and does not belong to the VM: whoever stops the VM's processes would else stop what
 * `script` started, upon which it stops itself, even long after.
 */
function onTerminal(
  argv: readonly string[],
  { size, later }: { size: readonly string[]; later: { [name: string]: string | undefined } },
): string {
  const [program = "", ...args] = argv.map(quote);
  return [
    `command -v ${program} >/dev/null || exit ${NOT_FOUND}`,
    ...Object.entries(later).map(([name, value]) =>
      value === undefined ? `unset ${name}` : `export ${name}=${quote(value)}`
    ),
    // Caught here, they are as always for the program.
    "trap : INT QUIT TSTP",
    `stty ${size.join(" ")} && tty && ${[program, ...args].join(" ")}`,
    "exit $?",
  ].join("\n");
}

/** Stays the same process throughout. */
const START = `
command -v script >/dev/null || { echo 'program "script" is missing: install util-linux' >&2; exit 1; }
set -- script -qfec "$1" /dev/null
if command -v setpriv >/dev/null; then set -- setpriv --pdeathsig KILL "$@"; fi
exec "$@"`;

const RESIZE = 'stty -F "$1" "$2" "$3" "$4" "$5"';

function checkedSize(columns: number, rows: number): string[] {
  for (const cells of [columns, rows]) {
    if (Number.isInteger(cells) && cells >= 1 && cells <= MAX_TERMINAL_CELLS) continue;
    throw new ProviderError(
      "invalid",
      `Cannot make a terminal of ${columns} by ${rows}: want 1 to ${MAX_TERMINAL_CELLS} of each`,
    );
  }
  return ["rows", String(rows), "cols", String(columns)];
}

/** As one word of a POSIX shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
