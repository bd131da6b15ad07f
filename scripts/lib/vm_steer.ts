/** `deno task vm wake`, `sleep`, `recycle` and `retry`: ask VMs for a change and wait for it. */
import type { Client } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { createOutput, type Output } from "./output.ts";
import { type Subcommand, subcommand } from "./subcommands.ts";
import { Vm } from "./vm_answers.ts";
import { isSettled, resolveVmId, VM_CODES, VM_ID, vmPath } from "./vm_command.ts";
import { progressOf } from "./vm_render.ts";
import { watchVm } from "./vm_watch.ts";

type Steering = {
  name: "wake" | "sleep" | "recycle" | "retry";
  /** Below the VM's own; none of them waits there. */
  path: string;
  summary: string;
  /** The state in which it has done what it was asked for. */
  wanted: string;
};

export const wakeCommand = steerCommand({
  name: "wake",
  path: "/wake?wait=false",
  summary: "Wakes VMs that sleep. Whatever uses a VM wakes it too.",
  wanted: "running",
});

export const sleepCommand = steerCommand({
  name: "sleep",
  path: "/sleep?wait=false",
  summary: "Puts VMs to sleep: they keep memory and files, and use no CPU.",
  wanted: "sleeping",
});

export const recycleCommand = steerCommand({
  name: "recycle",
  path: "/recycle",
  summary: "Deletes VMs and all that is in them. The tasks that work in them are cancelled.",
  wanted: "recycled",
});

export const retryCommand = steerCommand({
  name: "retry",
  path: "/retry",
  summary: "Makes VMs anew that have failed.",
  wanted: "running",
});

function steerCommand({ name, path, summary, wanted }: Steering): Subcommand {
  const spec = {
    name: `vm ${name}`,
    summary: `${summary}\nWaits until it is done; Ctrl-C leaves that to the server.`,
    positionals: [{ ...VM_ID, rest: true }],
    options: {
      "no-wait": { type: "boolean", help: "Only ask for it" },
      ...CONNECTION,
    },
    exitCodes: { ...VM_CODES, [EXIT.failed]: "One of them could not; stderr says why" },
    examples: [`deno task vm ${name} vm_V1StGXR8`],
  } as const;
  return subcommand(spec, async ({ options, positionals }) => {
    const client = connect(options);
    const output = createOutput(options);
    const ids = await Promise.all(positionals.map((id) => resolveVmId(client, id)));
    const vms = [];
    for (const id of ids) vms.push(await steer(client, id, { path, output, options }));
    output.table(vms, [
      { title: "ID", value: ({ id }) => id },
      { title: "STATE", value: ({ state }) => state },
      { title: "NOTE", value: ({ error }) => error?.message },
    ]);
    const isDone = options["no-wait"] || vms.every(({ state }) => state === wanted);
    return isDone ? EXIT.ok : EXIT.failed;
  });
}

async function steer(
  client: Client,
  id: string,
  { path, output, options }: {
    path: string;
    output: Output;
    options: { "no-wait": boolean };
  },
): Promise<Vm> {
  const asked = await client.post(vmPath(id, path), {}, { schema: Vm });
  if (options["no-wait"] || isSettled(asked)) return asked;
  const vm = await watchVm(client, id, {
    until: isSettled,
    onChange: (vm) => output.progress(`${id} ${progressOf(vm)}`),
    onLost: () => output.note("The server is gone; it goes on when it is back. Waiting …"),
  });
  output.progress("");
  return vm;
}
