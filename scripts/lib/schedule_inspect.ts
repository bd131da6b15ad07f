/** `deno task schedule inspect`: one schedule in full. */
import { connect, CONNECTION } from "./connect.ts";
import { createOutput } from "./output.ts";
import { Schedule } from "./schedule_answers.ts";
import {
  resolveScheduleId,
  SCHEDULE_CODES,
  SCHEDULE_ID,
  schedulePath,
} from "./schedule_command.ts";
import { scheduleText } from "./schedule_render.ts";
import { subcommand } from "./subcommands.ts";

const SPEC = {
  name: "schedule inspect",
  summary: "Shows a schedule: its rule, what each run is, and how the last one went.\n" +
    "What happened to it is shown by deno task inspect schedule:ID, its runs by " +
    "deno task ls --parent schedule:ID.",
  positionals: [SCHEDULE_ID],
  options: CONNECTION,
  exitCodes: SCHEDULE_CODES,
  examples: [
    "deno task schedule inspect schedule_V1StGXR8",
    "deno task schedule inspect V1St --json | jq .counts",
  ],
} as const;

export const inspectCommand = subcommand(SPEC, async ({ options, positionals: [text = ""] }) => {
  const client = connect(options);
  const id = await resolveScheduleId(client, text);
  const schedule = await client.get(schedulePath(id), { schema: Schedule });
  createOutput(options).result(schedule, () => scheduleText(schedule, Date.now()));
});
