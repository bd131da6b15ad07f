/**
 * A pseudo-terminal on the host, by `script` of util-linux: the program runs on a terminal of its
 * own, whose other end are pipes. It ends with the server, however that ends, where there is
 * `setpriv`.
 */
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
 * Throws `ProviderError`: `cwd_not_found`, `invalid` or `failed`.
 */
export async function openHostTerminal(
  { argv, env, cwd, columns, rows }: HostTerminalRequest,
  signal: AbortSignal,
): Promise<TerminalProcess> {
  signal.throwIfAborted();
  const size = checkedSize(columns, rows);
  // `script` runs its one string by $SHELL, which may be no POSIX shell.
  const restore = env["SHELL"] === undefined
    ? "unset SHELL"
    : `export SHELL=${quote(env["SHELL"])}`;
  const command = `stty ${size.join(" ")} && tty && ${restore} && exec ${
    argv.map(quote).join(" ")
  }`;
  const group = startOnHost({
    argv: ["sh", "-c", START, "sh", command],
    env: { ...env, SHELL: "/bin/sh" },
    ...(cwd === undefined ? {} : { cwd }),
  }, { stdin: "piped" });
  const { greeting: tty, output, input, end } = await greeted(group, signal, {
    explain: (exitCode, complaint) =>
      new ProviderError(
        "failed",
        `Cannot open a terminal: ${complaint || `script ended with ${exitCode}`}`,
      ),
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
