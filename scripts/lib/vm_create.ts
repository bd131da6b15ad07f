/** `deno task vm create`: makes a VM and shows how it comes up. */
import type { Client } from "./client.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { onInterrupts } from "./interrupts.ts";
import { createOutput, type Output, visible, visibleLines } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { INTERRUPTED } from "./task_exit_code.ts";
import { Vm } from "./vm_answers.ts";
import { isSettled } from "./vm_command.ts";
import { NEW_VM_OPTIONS, newVm } from "./vm_new.ts";
import { progressOf } from "./vm_render.ts";
import { watchVm } from "./vm_watch.ts";

const SPEC = {
  name: "vm create",
  summary: "Makes a VM, waits until it is up, and prints its id.\n" +
    "Ctrl-C leaves the VM to the server, which goes on making it.",
  options: {
    ...NEW_VM_OPTIONS,
    "no-wait": { type: "boolean", help: "Print its id as soon as it is asked for" },
    key: {
      type: "string",
      value: "KEY",
      help: "Asked for again with the same key, it is made once",
    },
    ...CONNECTION,
  },
  exitCodes: {
    ...CONNECTION_CODES,
    [EXIT.failed]: "It could not be made; stderr says why",
    [INTERRUPTED]: "Ctrl-C: it goes on without you",
  },
  examples: [
    "deno task vm create",
    "deno task vm create --provider bwrap --memory 2G --cpus 2 --network full",
    "deno task vm create --repo https://example.com/site.git --ref main --label team=web",
    "deno task vm create --sleep 5m --recycle 2d --expire-at 8h -q",
  ],
} as const;

export const createCommand = subcommand(SPEC, async ({ options }) => {
  const body = newVm(options, Date.now());
  const client = connect(options);
  const output = createOutput(options);
  const key = options.key ?? crypto.randomUUID();
  const made = await client.post("/v1/vms", body, { schema: Vm, key });
  if (options["no-wait"]) return output.result(made, () => made.id);
  output.note(`VM ${made.id}`);
  const vm = await untilUp(client, made.id, output);
  output.progress("");
  if (vm === undefined) {
    output.note(`Left ${made.id} to the server; remove it with "deno task vm recycle ${made.id}"`);
    return INTERRUPTED;
  }
  return report(vm, output);
});

/** The VM when it is up or has failed; undefined where Ctrl-C was pressed first. */
async function untilUp(client: Client, id: string, output: Output): Promise<Vm | undefined> {
  const left = Promise.withResolvers<undefined>();
  const leave = () => left.resolve(undefined);
  const release = onInterrupts({ onFirst: leave, onSecond: leave });
  try {
    return await Promise.race([
      watchVm(client, id, {
        until: isSettled,
        onChange: (vm) => output.progress(progressOf(vm)),
        onLost: () => output.note("The server is gone; it goes on when it is back. Waiting …"),
      }),
      left.promise,
    ]);
  } finally {
    release();
  }
}

function report(vm: Vm, output: Output): number {
  const { id, state, error, method } = vm;
  output.result(vm, () => id);
  if (state === "running" || state === "sleeping") return EXIT.ok;
  const why = error?.message ?? method ?? "no reason";
  output.note(visibleLines(`VM ${id} is ${visible(state)}: ${why}`));
  return EXIT.failed;
}
