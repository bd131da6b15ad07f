/** `deno task vm`: VMs on the command line. Each subcommand is a script of its own in `lib`. */
import { runSubcommand } from "./lib/subcommands.ts";
import { createCommand } from "./lib/vm_create.ts";
import { execCommand } from "./lib/vm_exec.ts";
import { inspectCommand } from "./lib/vm_inspect.ts";
import { lsCommand } from "./lib/vm_ls.ts";
import { logsCommand } from "./lib/vm_logs.ts";
import { providersCommand } from "./lib/vm_providers.ts";
import { shellCommand } from "./lib/vm_shell.ts";
import { recycleCommand, retryCommand, sleepCommand, wakeCommand } from "./lib/vm_steer.ts";

if (import.meta.main) {
  await runSubcommand("vm", "Makes VMs, dev environments for tasks, and works in them.", {
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
  });
}
