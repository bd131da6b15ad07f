/** `deno task goal create`: sets a goal. */
import { UsageError } from "./args.ts";
import { callersDirectory } from "./callers_directory.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { Goal } from "./goal_answers.ts";
import { WATCH_CODES } from "./goal_command.ts";
import { PLAN_OPTIONS, planFields } from "./goal_new.ts";
import { watchGoal } from "./goal_watch.ts";
import { NEW_VM, TASK_OPTIONS, taskFields } from "./new_task.ts";
import { createOutput } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { resolveVmId } from "./vm_command.ts";

const SPEC = {
  name: "goal create",
  summary: "Sets a goal: the command is run again and again, with a prompt in HOLDFAST_PROMPT,\n" +
    "until an audit finds the objective reached or the time is up. Prints the goal's id.",
  positionals: [
    { name: "objective", help: "What is to be reached, in quotes" },
    {
      name: "-- command",
      help: "Program and arguments of each iteration, as they are",
      rest: true,
      missing: "Cannot set a goal without a command: want a program and its arguments, after --",
    },
  ],
  options: {
    ...PLAN_OPTIONS,
    id: {
      type: "string",
      value: "ID",
      help: "goal_ and up to 28 characters, if it is to be yours",
    },
    scope: { type: "string", value: "NAME", help: "One goal at a time works in it (default)" },
    session: { type: "string", value: "NAME", help: "The session of all iterations" },
    agent: { type: "string", value: "NAME", help: "Which agent works on it" },
    watch: { type: "boolean", short: "w", help: "Follow it to its end, as goal watch does" },
    ...TASK_OPTIONS,
    ...CONNECTION,
  },
  exitCodes: { ...CONNECTION_CODES, ...WATCH_CODES },
  examples: [
    'deno task goal create "All tests pass" --deadline 8h --workspace . -- ./agent.sh',
    'deno task goal create "The docs are complete" --budget-usd 20 --scope docs --vm V1St -- claude',
  ],
} as const;

export const createCommand = subcommand(SPEC, async ({ options, positionals }) => {
  const [objective = "", ...command] = positionals;
  checkObjective(command);
  const client = connect(options);
  const output = createOutput(options);
  const { id, scope, session, agent, vm } = options;
  const known = vm === undefined || vm === NEW_VM ? vm : await resolveVmId(client, vm);
  const goal = await client.post("/v1/goals", {
    id,
    objective,
    scope,
    session,
    agent,
    ...await planFields(options, Date.now()),
    task: { command, ...taskFields({ ...options, vm: known }, callersDirectory()) },
  }, { schema: Goal, key: crypto.randomUUID() });
  if (!options.watch) return output.result(goal, () => goal.id);
  output.note(`Goal ${goal.id}`);
  return await watchGoal(client, goal.id, output);
});

/** An objective without quotes would be taken for the beginning of the command. */
function checkObjective(command: readonly string[]): void {
  const at = Deno.args.indexOf("--");
  if (at === -1) throw new UsageError("Cannot tell the command: want -- before it");
  if (Deno.args.length - at - 1 === command.length) return;
  throw new UsageError(`Cannot use "${command[0]}": put the whole objective in quotes`);
}
