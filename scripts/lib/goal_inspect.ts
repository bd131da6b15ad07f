/** `deno task goal inspect`: one goal in full. */
import { connect, CONNECTION } from "./connect.ts";
import { Goal } from "./goal_answers.ts";
import { GOAL_CODES, GOAL_ID, goalPath, resolveGoalId } from "./goal_command.ts";
import { goalText } from "./goal_render.ts";
import { createOutput } from "./output.ts";
import { subcommand } from "./subcommands.ts";

const SPEC = {
  name: "goal inspect",
  summary: "Shows a goal: where it stands and why, what it used, what is missing.\n" +
    "Its tasks are shown by deno task ls --parent goal:ID.",
  positionals: [GOAL_ID],
  options: CONNECTION,
  exitCodes: GOAL_CODES,
  examples: ["deno task goal inspect V1St", "deno task goal inspect V1St --json | jq .findings"],
} as const;

export const inspectCommand = subcommand(SPEC, async ({ options, positionals: [text = ""] }) => {
  const client = connect(options);
  const goal = await client.get(goalPath(await resolveGoalId(client, text)), { schema: Goal });
  createOutput(options).result(goal, () => goalText(goal, Date.now()));
});
