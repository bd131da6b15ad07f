/** `deno task schedule`: schedules on the command line. Each subcommand is a script in `lib`. */
import { createCommand } from "./lib/schedule_create.ts";
import { editCommand } from "./lib/schedule_edit.ts";
import { inspectCommand } from "./lib/schedule_inspect.ts";
import { lsCommand } from "./lib/schedule_ls.ts";
import { previewCommand } from "./lib/schedule_preview.ts";
import {
  pauseCommand,
  restoreCommand,
  resumeCommand,
  rmCommand,
  runCommand,
} from "./lib/schedule_steer.ts";
import { runSubcommand } from "./lib/subcommands.ts";

if (import.meta.main) {
  await runSubcommand("schedule", "Makes schedules, tasks that are run again and again.", {
    create: createCommand,
    ls: lsCommand,
    inspect: inspectCommand,
    edit: editCommand,
    pause: pauseCommand,
    resume: resumeCommand,
    run: runCommand,
    rm: rmCommand,
    restore: restoreCommand,
    preview: previewCommand,
  });
}
