/** `deno task schedule edit`: changes what its options name, and leaves the rest. */
import { UsageError } from "./args.ts";
import { callersDirectory } from "./callers_directory.ts";
import { connect, CONNECTION } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { createOutput } from "./output.ts";
import { Schedule } from "./schedule_answers.ts";
import {
  resolveScheduleId,
  SCHEDULE_CODES,
  SCHEDULE_ID,
  schedulePath,
} from "./schedule_command.ts";
import { type Fields, PLAN_OPTIONS, planFields } from "./schedule_options.ts";
import { scheduleText } from "./schedule_render.ts";
import { subcommand } from "./subcommands.ts";
import { resolveTaskVm } from "./vm_command.ts";

const SPEC = {
  name: "schedule edit",
  summary: "Changes a schedule. What is not named stays as it is; labels and variables are added.",
  positionals: [
    SCHEDULE_ID,
    { name: "-- command", help: "In place of the one there", rest: true, optional: true },
  ],
  options: {
    name: { type: "string", value: "TEXT", help: "What people call it" },
    ...PLAN_OPTIONS,
    unset: {
      type: "string",
      value: "FIELD",
      multiple: true,
      help: "Take a field away: maxRuns, expiresAt, fresh, task.timeoutMs, task.env.NAME",
    },
    revision: { type: "integer", value: "N", help: "Only if it is still at this revision" },
    ...CONNECTION,
  },
  exitCodes: {
    ...SCHEDULE_CODES,
    [EXIT.failed]: "It was changed meanwhile, or cannot be changed; stderr says why",
  },
  examples: [
    "deno task schedule edit schedule_V1StGXR8 --every 10m",
    "deno task schedule edit V1St --unset maxRuns --timeout 30m -- make all",
  ],
} as const;

export const editCommand = subcommand(SPEC, async ({ options, positionals }) => {
  const [text = "", ...command] = positionals;
  const client = connect(options);
  const id = await resolveScheduleId(client, text);
  const vm = await resolveTaskVm(client, options.vm);
  const now = Date.now();
  const fields = planFields({ ...options, vm }, { command, cwd: callersDirectory(), now });
  const patch = options.unset.reduce(withUnset, given({ name: options.name, ...fields }));
  if (Object.keys(patch).length === 0) {
    throw new UsageError(`Cannot change schedule "${id}": want an option that says what`);
  }
  const body = { ...patch, expectedRevision: options.revision };
  const changed = await client.patch(schedulePath(id), body, { schema: Schedule });
  createOutput(options).result(changed, () => scheduleText(changed, now));
});

/** What is not undefined, objects without anything left out. */
function given(fields: Fields): Fields {
  const { task = {}, ...rest }: Fields = JSON.parse(JSON.stringify(fields));
  return Object.keys(task as Fields).length === 0 ? rest : { ...rest, task };
}

/** The patch with null at `task.env.NAME`, say, which takes the name away. Throws `UsageError`. */
function withUnset(patch: Fields, path: string): Fields {
  const [name = "", ...rest] = path.split(".");
  if (name === "") {
    throw new UsageError(`Cannot use --unset: want fields such as task.timeoutMs`);
  }
  if (rest.length === 0) return { ...patch, [name]: null };
  const inner = patch[name];
  const object = typeof inner === "object" && inner !== null ? { ...inner } : {};
  return { ...patch, [name]: withUnset(object, rest.join(".")) };
}
