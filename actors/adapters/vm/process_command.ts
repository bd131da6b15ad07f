/**
 * Commands and terminals in a VM of the `process` provider: what may be run there, and the
 * environment that it gets. Nothing of the server's own environment passes but what every command
 * needs.
 */
import { resolve } from "node:path";
import { markersOf, PASSED, VM_MARKER } from "../executor/environment.ts";
import type { HostRequest } from "./host_exec.ts";
import { hostPath } from "./host_script.ts";
import type { ProcessRecord } from "./process_record.ts";
import { type ExecRequest, ProviderError } from "./provider.ts";

/** What the provider was made with. */
export type CommandRules = {
  instance: string;
  /** Variables of the server that commands get, besides the usual ones. */
  passEnv: readonly string[];
  readEnv: (name: string) => string | undefined;
  /** Programs that may be started, as commands name them; null for any. */
  allowRun: readonly string[] | null;
};

export type VmCommand = Pick<ExecRequest, "command" | "cwd" | "env">;

/** Throws `ProviderError("invalid")` for what may not be run. */
export function hostCommand(
  { command, cwd = ".", env = {} }: VmCommand,
  { record, workDir, key, rules }: {
    record: ProcessRecord;
    workDir: string;
    key: string;
    rules: CommandRules;
  },
): Required<Pick<HostRequest, "argv" | "env" | "cwd">> {
  const [program = ""] = command;
  if (program === "") throw refused("the command is empty");
  if (rules.allowRun !== null && !rules.allowRun.includes(program)) {
    throw refused(
      `"${program}" is not among the programs that may be started (HOLDFAST_ALLOW_RUN)`,
    );
  }
  if ([...command, cwd].some((word) => word.includes("\0"))) throw refused("a word holds a NUL");
  const variables: Record<string, string> = { PATH: hostPath() };
  for (const name of [...PASSED, ...rules.passEnv]) {
    const value = rules.readEnv(name);
    if (value !== undefined) variables[name] = value;
  }
  for (const [name, value] of [...Object.entries(record.env), ...Object.entries(env)]) {
    if (name === "" || /[=\0]/.test(name) || value.includes("\0")) {
      throw refused(`"${name}" cannot be a variable, or its value holds a NUL`);
    }
    variables[name] = value;
  }
  Object.assign(variables, markersOf(rules.instance, key), { [VM_MARKER]: record.vmId });
  return { argv: command, env: variables, cwd: resolve(workDir, cwd) };
}

/** The shell of whoever runs the server. */
export function shellOf({ readEnv }: CommandRules): string[] {
  return [readEnv("SHELL") ?? "sh"];
}

function refused(reason: string): ProviderError {
  return new ProviderError("invalid", `Cannot run the command: ${reason}`);
}
