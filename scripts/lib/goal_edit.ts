/** `deno task goal edit`: changes what a goal is asked to reach, and how. */
import { UsageError } from "./args.ts";
import { connect, CONNECTION } from "./connect.ts";
import { Goal } from "./goal_answers.ts";
import { GOAL_CODES, GOAL_ID, goalPath, resolveGoalId } from "./goal_command.ts";
import { NOTHING, PLAN_OPTIONS, planFields } from "./goal_new.ts";
import { STEERED_COLUMNS } from "./goal_render.ts";
import { createOutput } from "./output.ts";
import { subcommand } from "./subcommands.ts";

const SPEC = {
  name: "goal edit",
  summary: "Changes a goal; what is new counts from its next iteration or audit on.\n" +
    `A budget or a template that is given as ${NOTHING} is the server's own again.`,
  positionals: [
    GOAL_ID,
    {
      name: "-- command",
      help: "What each iteration runs from now on",
      rest: true,
      optional: true,
    },
  ],
  options: {
    objective: { type: "string", value: "TEXT", help: "What is to be reached" },
    ...PLAN_OPTIONS,
    audit: { type: "boolean", help: "Have claims audited again, as the task is" },
    "if-revision": { type: "integer", value: "N", help: "Only where nothing has changed since" },
    ...CONNECTION,
  },
  exitCodes: GOAL_CODES,
  examples: [
    "deno task goal edit V1St --deadline 4h --budget-usd 30",
    "deno task goal edit V1St --template-continue prompt.md",
  ],
} as const;

export const editCommand = subcommand(SPEC, async ({ options, positionals }) => {
  const [text = "", ...command] = positionals;
  const { objective, audit: isAudited } = options;
  const { audit, ...fields } = await planFields(options, Date.now());
  if (isAudited && audit === "none") {
    throw new UsageError("Cannot use --audit with --no-audit: they say the opposite");
  }
  const changes = {
    objective,
    ...fields,
    audit: audit ?? (isAudited ? null : undefined),
    task: command.length === 0 ? undefined : { command },
  };
  if (Object.values(changes).every((value) => value === undefined)) {
    throw new UsageError("Cannot change nothing: want an option that says what");
  }
  const client = connect(options);
  const body = { ...changes, expectedRevision: options["if-revision"] };
  const path = goalPath(await resolveGoalId(client, text));
  const goal = await client.patch(path, body, { schema: Goal });
  createOutput(options).table([goal], STEERED_COLUMNS);
});
