/** What the subcommands of `deno task vm` have in common. */
import type { Client } from "./client.ts";
import { CONNECTION_CODES } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { NEW_VM } from "./new_task.ts";
import { resolveIdOf } from "./subcommands.ts";
import type { Vm } from "./vm_answers.ts";

/** The argument that names a VM. */
export const VM_ID = { name: "id", help: "The VM, or the beginning of its id" } as const;

/** Exit codes of subcommands that look for a VM. */
export const VM_CODES = {
  [EXIT.notFound]: "There is no such VM",
  ...CONNECTION_CODES,
} as const;

/** States from which a VM goes on by itself. */
const PASSING: readonly string[] = ["pending", "provisioning", "waking", "suspending", "recycling"];

/** The id of a VM from its id, its address or the beginning of either; `vm_` may be left out. */
export function resolveVmId(client: Client, text: string): Promise<string> {
  return resolveIdOf(client, "vm", text);
}

/** What a task's `--vm` names: the id of a VM, or `new`. */
export async function resolveTaskVm(
  client: Client,
  text: string | undefined,
): Promise<string | undefined> {
  return text === undefined || text === NEW_VM ? text : await resolveVmId(client, text);
}

export function vmPath(id: string, rest = ""): string {
  return `/v1/vms/${encodeURIComponent(id)}${rest}`;
}

/** Whether a VM stays where it is until somebody does something, or a timer does. */
export function isSettled({ state }: Vm): boolean {
  return !PASSING.includes(state);
}
