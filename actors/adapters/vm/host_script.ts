/**
 * Short shell scripts of our own on the host. The server may read and write nothing but its own
 * data, so that it asks a shell about processes, terminals and the like. Scripts get their
 * arguments by position, never put into their text, and nothing of the server's environment but
 * PATH.
 */
import { ProviderError } from "./provider.ts";
import { SCRIPT_MS } from "./vm_limits.ts";

/** Where programs of the host are looked for. */
export function hostPath(): string {
  return Deno.env.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
}

export type ScriptOptions = {
  /** What could not be done if it fails. */
  cannot: string;
  signal: AbortSignal | null;
};

/**
 * What the script prints. Throws `ProviderError("failed")` with what it complained about, or the
 * signal's reason.
 */
export async function ownScript(
  script: string,
  args: readonly string[],
  { cannot, signal }: ScriptOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(SCRIPT_MS);
  const { success, code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    clearEnv: true,
    env: { PATH: hostPath(), LC_ALL: "C" },
    cwd: "/",
    stdin: "null",
    signal: signal === null ? limit : AbortSignal.any([signal, limit]),
  }).output();
  signal?.throwIfAborted();
  if (success) return new TextDecoder().decode(stdout);
  const complaint = new TextDecoder().decode(stderr).trim();
  throw new ProviderError("failed", `${cannot}: ${complaint || `a script ended with ${code}`}`);
}
