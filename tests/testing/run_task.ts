/**
 * Runs our scripts as people do: by `deno task NAME`, with the permissions that deno.json gives
 * them, in an environment without any setting of Holdfast but those that a test gives.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Longest time that a script may take; one that hangs is killed, and its test fails. */
const MAX_TASK_MS = 120_000;
/** Below those that Linux gives whoever asks for any. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

const ROOT = fileURLToPath(import.meta.resolve("../../"));

export type TaskOptions = {
  /** Settings of Holdfast. */
  env?: { readonly [name: string]: string };
  /** The checkout, if not this one. */
  root?: string;
  /** Where the caller is, if not in the checkout. */
  cwd?: string;
  /** By default it reads nothing. */
  stdin?: "null" | "piped";
};

export type TaskRun = { code: number; stdout: string; stderr: string };

/** Runs a script to its end. */
export async function runTask(
  name: string,
  args: readonly string[],
  options: TaskOptions = {},
): Promise<TaskRun> {
  const { code, stdout, stderr } = await taskCommand(name, args, options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A script that is to be spawned, its output piped. */
export function taskCommand(
  name: string,
  args: readonly string[],
  { env = {}, root = ROOT, cwd = root, stdin = "null" }: TaskOptions = {},
): Deno.Command {
  const inherited = Object.entries(Deno.env.toObject())
    // INIT_CWD says where npm was called, where the tests themselves are run by it.
    .filter(([variable]) => !variable.startsWith("HOLDFAST_") && variable !== "INIT_CWD");
  return new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "--config", join(root, "deno.json"), name, ...args],
    cwd,
    clearEnv: true,
    env: { ...Object.fromEntries(inherited), ...env },
    signal: AbortSignal.timeout(MAX_TASK_MS),
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** A port that nothing listens on at present, and that the system gives nobody unasked. */
export function freePort(): number {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
