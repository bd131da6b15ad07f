/** What every subcommand of `deno task vm` is made of, and has in common with the others. */
import { type Arguments, type CommandSpec, runScript } from "./args.ts";
import type { Client } from "./client.ts";
import { CONNECTION_CODES } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { resolveAddress } from "./resolve_id.ts";
import type { Vm } from "./vm_answers.ts";

export type VmCommand = {
  spec: CommandSpec;
  /** Runs it and ends the process. */
  run(args: readonly string[]): Promise<never>;
};

/** The argument that names a VM. */
export const VM_ID = { name: "id", help: "The VM, or the beginning of its id" } as const;

/** Exit codes of subcommands that look for a VM. */
export const VM_CODES = {
  [EXIT.notFound]: "There is no such VM",
  ...CONNECTION_CODES,
} as const;

/** States from which a VM goes on by itself. */
const PASSING: readonly string[] = ["pending", "provisioning", "waking", "suspending", "recycling"];

export function vmCommand<const S extends CommandSpec>(
  spec: S,
  main: (args: Arguments<S>) => Promise<number | void> | number | void,
): VmCommand {
  return { spec, run: (args) => runScript(spec, main, args) };
}

/** The id of a VM from its id, its address or the beginning of either; `vm_` may be left out. */
export async function resolveVmId(client: Client, text: string): Promise<string> {
  const address = await resolveAddress(client, `vm:${text.replace(/^vm:/, "")}`);
  return address.slice("vm:".length);
}

export function vmPath(id: string, rest = ""): string {
  return `/v1/vms/${encodeURIComponent(id)}${rest}`;
}

/** Whether a VM stays where it is until somebody does something, or a timer does. */
export function isSettled({ state }: Vm): boolean {
  return !PASSING.includes(state);
}
