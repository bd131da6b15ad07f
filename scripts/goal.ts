/** `deno task goal`: goals on the command line. Each subcommand is a script of its own in `lib`. */
import { createCommand } from "./lib/goal_create.ts";
import { editCommand } from "./lib/goal_edit.ts";
import { inspectCommand } from "./lib/goal_inspect.ts";
import { lsCommand } from "./lib/goal_ls.ts";
import {
  cancelCommand,
  completeCommand,
  delayCommand,
  pauseCommand,
  resumeCommand,
} from "./lib/goal_steer.ts";
import { watchCommand } from "./lib/goal_watch.ts";
import { runSubcommand } from "./lib/subcommands.ts";

if (import.meta.main) {
  await runSubcommand("goal", "Sets goals, and steers what is done to reach them.", {
    create: createCommand,
    ls: lsCommand,
    inspect: inspectCommand,
    watch: watchCommand,
    edit: editCommand,
    delay: delayCommand,
    pause: pauseCommand,
    resume: resumeCommand,
    complete: completeCommand,
    cancel: cancelCommand,
  });
}
