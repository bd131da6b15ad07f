/** `deno task goal delay`, `pause`, `resume`, `complete` and `cancel`. */
import type { OptionSpec } from "./args.ts";
import { connect, CONNECTION } from "./connect.ts";
import { parseDuration } from "./durations.ts";
import { Goal } from "./goal_answers.ts";
import { GOAL_CODES, GOAL_ID, goalPath, resolveGoalId } from "./goal_command.ts";
import { STEERED_COLUMNS } from "./goal_render.ts";
import { createOutput } from "./output.ts";
import { type Subcommand, subcommand } from "./subcommands.ts";

const REASON = { type: "string", value: "TEXT", help: "Why; people are shown it" } as const;

const DELAY = {
  name: "goal delay",
  summary: "Lets a goal wait before its next iteration; 0 ends a wait.",
  positionals: [GOAL_ID, { name: "time", help: "1m to 12h, or 0" }],
  options: { reason: REASON, ...CONNECTION },
  exitCodes: GOAL_CODES,
  examples: [
    'deno task goal delay V1St 30m --reason "the build runs"',
    "deno task goal delay V1St 0",
  ],
} as const;

export const delayCommand = subcommand(DELAY, async ({ options, positionals }) => {
  const [text = "", time = ""] = positionals;
  const seconds = time === "0" ? 0 : parseDuration(time, "time") / 1_000;
  await steer("delay", text, { options, body: { seconds, reason: options.reason } });
});

export const pauseCommand = steerCommand({
  name: "pause",
  summary: "Pauses a goal; what is underway is called off.",
  options: { reason: REASON },
});

export const resumeCommand = steerCommand({
  name: "resume",
  summary: "Lets a paused goal go on.",
  options: {},
});

export const completeCommand = steerCommand({
  name: "complete",
  summary: "Claims that a goal's objective is reached; an audit decides, where it has one.",
  options: {
    summary: { type: "string", value: "TEXT", help: "What is claimed; the auditor is shown it" },
    by: { type: "string", value: "NAME", help: "Who claims it" },
  },
});

export const cancelCommand = steerCommand({
  name: "cancel",
  summary: "Calls a goal off, for good.",
  options: { reason: REASON },
});

/** Its options are the fields of what is sent. */
function steerCommand({ name, summary, options: own }: {
  name: string;
  summary: string;
  options: { readonly [name: string]: OptionSpec & { type: "string" } };
}): Subcommand {
  const spec = {
    name: `goal ${name}`,
    summary,
    positionals: [GOAL_ID],
    options: { ...own, ...CONNECTION },
    exitCodes: GOAL_CODES,
    examples: [`deno task goal ${name} V1St`],
  } as const;
  return subcommand(spec, async ({ options, positionals: [text = ""] }) => {
    const given: { readonly [name: string]: unknown } = options;
    const body = Object.fromEntries(Object.keys(own).map((field) => [field, given[field]]));
    await steer(name, text, { options, body });
  });
}

async function steer(
  action: string,
  text: string,
  { options, body }: {
    options: { url: string | undefined; json: boolean; quiet: boolean };
    body: object;
  },
): Promise<void> {
  const client = connect(options);
  const path = goalPath(await resolveGoalId(client, text), `/${action}`);
  const goal = await client.post(path, body, { schema: Goal, key: crypto.randomUUID() });
  createOutput(options).table([goal], STEERED_COLUMNS);
}
