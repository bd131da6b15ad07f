/** `deno task schedule create`: makes a schedule. */
import { UsageError } from "./args.ts";
import { callersDirectory } from "./callers_directory.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { fromNow } from "./moments.ts";
import { createOutput } from "./output.ts";
import { Schedule } from "./schedule_answers.ts";
import { PLAN_OPTIONS, planFields, wantRule } from "./schedule_options.ts";
import { subcommand } from "./subcommands.ts";
import { resolveTaskVm } from "./vm_command.ts";

const SPEC = {
  name: "schedule create",
  summary: "Makes a schedule: a task that is run again and again, or once at a time to come.\n" +
    "Prompt and command may hold {{now}}, {{date}}, {{time}}, {{unix}}, {{slot}}, " +
    "{{scheduleName}} and {{lastResult}}.",
  positionals: [
    { name: "name", help: "What people call it", missing: "Cannot make a schedule: want a name" },
    {
      name: "-- command",
      help: "Program and arguments of each run, as they are",
      rest: true,
      missing: "Cannot schedule nothing: want a program and its arguments, after --",
    },
  ],
  options: {
    ...PLAN_OPTIONS,
    scope: { type: "string", value: "NAME", help: "What it belongs to, to list it by" },
    id: { type: "string", value: "ID", help: "Its id, schedule_…; there is never a second of one" },
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: [
    'deno task schedule create "Health" --every 5m -- curl -fsS https://example.com/health',
    'deno task schedule create "Nightly" --cron "0 3 * * *" --timezone Europe/Berlin ' +
    "--vm new --repo https://example.com/site.git -- make test",
    'deno task schedule create "Once" --at 2030-01-31T18:00Z -- echo "It is {{now}}"',
  ],
} as const;

export const createCommand = subcommand(SPEC, async ({ options, positionals }) => {
  const [name, ...command] = positionals;
  if (command[0] === "") throw new UsageError("Cannot run an empty name: want a program");
  const now = Date.now();
  wantRule(options, now);
  const client = connect(options);
  const vm = await resolveTaskVm(client, options.vm);
  const fields = planFields({ ...options, vm }, { command, cwd: callersDirectory(), now });
  const body = { id: options.id, name, scope: options.scope, ...fields };
  const made = await client.post("/v1/schedules", body, {
    schema: Schedule,
    key: crypto.randomUUID(),
  });
  const output = createOutput(options);
  output.result(made, () => made.id);
  if (made.nextRunAt) output.note(`First run ${fromNow(Date.parse(made.nextRunAt), now)}`);
});
