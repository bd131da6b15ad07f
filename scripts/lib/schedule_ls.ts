/** `deno task schedule ls`: lists schedules. */
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { createOutput } from "./output.ts";
import { LIST_OPTIONS, readPages } from "./read_pages.ts";
import { Schedule } from "./schedule_answers.ts";
import { scheduleColumns } from "./schedule_render.ts";
import { subcommand } from "./subcommands.ts";

const SPEC = {
  name: "schedule ls",
  summary: "Lists schedules, newest first.",
  options: {
    status: {
      type: "string",
      value: "STATUS",
      help: "active, paused or deleted; by default those that are not deleted",
    },
    scope: { type: "string", value: "NAME", help: "Of this scope; system: the server's own jobs" },
    ...LIST_OPTIONS,
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: [
    "deno task schedule ls --status paused",
    "deno task schedule ls --scope system",
    "deno task schedule ls -q --scope web | xargs -n1 deno task schedule pause",
  ],
} as const;

export const lsCommand = subcommand(SPEC, async ({ options }) => {
  const { status, scope, sort, limit, all } = options;
  const query = { status, scope, sort };
  const schedules = await readPages(connect(options), "/v1/schedules", {
    item: Schedule,
    query,
    limit,
    all,
  });
  createOutput(options).table(schedules, scheduleColumns(Date.now()));
});
