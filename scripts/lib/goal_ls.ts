/** `deno task goal ls`: lists goals. */
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { Goal } from "./goal_answers.ts";
import { goalColumns } from "./goal_render.ts";
import { createOutput } from "./output.ts";
import { LIST_OPTIONS, readPages } from "./read_pages.ts";
import { subcommand } from "./subcommands.ts";

const SPEC = {
  name: "goal ls",
  summary: "Lists goals, newest first.",
  options: {
    status: {
      type: "string",
      value: "STATUS",
      help: "waitingForSession, active, paused, complete, timeout or cancelled",
    },
    scope: { type: "string", value: "NAME", help: "Of this scope" },
    ...LIST_OPTIONS,
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: ["deno task goal ls --status active", "deno task goal ls --scope web --json"],
} as const;

export const lsCommand = subcommand(SPEC, async ({ options }) => {
  const { status, scope, sort, limit, all } = options;
  const query = { status, scope, sort };
  const goals = await readPages(connect(options), "/v1/goals", { item: Goal, query, limit, all });
  createOutput(options).table(goals, goalColumns(() => Date.now()));
});
