/** `deno task vm`: VMs on the command line. Each subcommand is a script of its own in `lib`. */
import { runScript, UsageError } from "./lib/args.ts";
import { createCommand } from "./lib/vm_create.ts";
import type { VmCommand } from "./lib/vm_command.ts";
import { execCommand } from "./lib/vm_exec.ts";
import { inspectCommand } from "./lib/vm_inspect.ts";
import { lsCommand } from "./lib/vm_ls.ts";
import { logsCommand } from "./lib/vm_logs.ts";
import { providersCommand } from "./lib/vm_providers.ts";
import { shellCommand } from "./lib/vm_shell.ts";
import { recycleCommand, retryCommand, sleepCommand, wakeCommand } from "./lib/vm_steer.ts";

const COMMANDS: { readonly [name: string]: VmCommand } = {
  create: createCommand,
  ls: lsCommand,
  inspect: inspectCommand,
  exec: execCommand,
  shell: shellCommand,
  logs: logsCommand,
  wake: wakeCommand,
  sleep: sleepCommand,
  recycle: recycleCommand,
  retry: retryCommand,
  providers: providersCommand,
};

const SPEC = {
  name: "vm",
  summary: "Makes VMs, dev environments for tasks, and works in them.",
  positionals: [
    { name: "command", help: "One of those below", missing: "Cannot run vm: want a command" },
    { name: "arguments", help: "Its own; --help after it says which", rest: true, optional: true },
  ],
  examples: Object.entries(COMMANDS).map(([name, { spec }]) =>
    `deno task vm ${name.padEnd(9)}  ${spec.summary.split("\n")[0]}`
  ),
} as const;

if (import.meta.main) {
  const [name = "", ...args] = Deno.args;
  const command = COMMANDS[name];
  if (command !== undefined) await command.run(args);
  await runScript(SPEC, ({ positionals: [unknown = ""] }) => {
    throw new UsageError(
      `Cannot run vm "${unknown}": there are ${Object.keys(COMMANDS).join(", ")}`,
    );
  });
}
