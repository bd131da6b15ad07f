/**
 * Short scripts on the host. The server may read and write nothing but its own data, so that
 * whatever concerns processes and control groups is done by a shell. Scripts get their arguments
 * by position, never by text put into them, and nothing of the server's environment.
 */
import { ProviderError } from "./provider.ts";

/** Where programs of the host are looked for. */
export const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type ScriptOptions = {
  signal?: AbortSignal;
  /** Variables besides PATH and the locale. */
  env?: Record<string, string>;
  /** Put before the shell. */
  through?: readonly string[];
};

/**
 * Runs a script to its end and returns what it printed. Throws `ProviderError("failed")` with
 * `cannot` and what the script complained about, or the signal's reason.
 */
export async function hostScript(
  script: string,
  args: readonly string[],
  { cannot, signal, env = {}, through = [] }: ScriptOptions & { cannot: string },
): Promise<string> {
  signal?.throwIfAborted();
  const [program = "bash", ...rest] = [...through, ...shellOf(script), ...args];
  const output = await spawned(program, rest, { env, signal, cannot });
  signal?.throwIfAborted();
  if (output.success) return new TextDecoder().decode(output.stdout);
  const complaint = new TextDecoder().decode(output.stderr).trim();
  throw new ProviderError(
    "failed",
    `${cannot}: ${complaint || `a script ended with ${output.code}`}`,
  );
}

async function spawned(
  program: string,
  args: string[],
  { env, signal, cannot }: {
    env: Record<string, string>;
    signal: AbortSignal | undefined;
    cannot: string;
  },
): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { PATH: HOST_PATH, LC_ALL: "C", ...env },
      cwd: "/",
      stdin: "null",
      ...(signal === undefined ? {} : { signal }),
    }).output();
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? `program "${program}" is not on ${HOST_PATH}`
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new ProviderError("failed", `${cannot}: ${reason}`, { cause });
  }
}

/** The command line that runs a script, but for the script's arguments. */
export function shellOf(script: string): string[] {
  return ["bash", "-c", FUNCTIONS + script, "holdfast"];
}

/**
 * What scripts share. Whatever the server itself was started with is closed first, since an open
 * directory would be a way out of a sandbox; only bash can name every descriptor. `is_process PID TICKS`: whether that process lives; one that waits to be
 * reaped does not. */
const FUNCTIONS = `
for fd in /proc/self/fd/*; do
  fd=\${fd##*/}
  [ "$fd" -le 2 ] || eval "exec $fd>&-"
done
newline='
'
start_of() { # sets state and ticks
  state=Z ticks=
  { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
  IFS=' '; set -- \${stat##*) }; unset IFS
  state=$1; shift 9; shift 9; ticks=$2
}
is_process() {
  [ -n "$1" ] && start_of "$1" && [ "$ticks" = "$2" ] && [ "$state" != Z ] && [ "$state" != X ]
}
`;
