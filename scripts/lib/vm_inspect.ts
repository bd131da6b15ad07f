/** `deno task vm inspect`: one VM in full. */
import { connect, CONNECTION } from "./connect.ts";
import { createOutput } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { Vm } from "./vm_answers.ts";
import { resolveVmId, VM_CODES, VM_ID, vmPath } from "./vm_command.ts";
import { vmText } from "./vm_render.ts";

const SPEC = {
  name: "vm inspect",
  summary: "Shows a VM: where it stands, what its timers will do, how its making went.\n" +
    "What happened to it is shown by deno task inspect vm:ID.",
  positionals: [VM_ID],
  options: CONNECTION,
  exitCodes: VM_CODES,
  examples: ["deno task vm inspect vm_V1StGXR8", "deno task vm inspect V1St --json | jq .idle"],
} as const;

export const inspectCommand = subcommand(SPEC, async ({ options, positionals: [id = ""] }) => {
  const client = connect(options);
  const vm = await client.get(vmPath(await resolveVmId(client, id)), { schema: Vm });
  createOutput(options).result(vm, () => vmText(vm, Date.now()));
});
