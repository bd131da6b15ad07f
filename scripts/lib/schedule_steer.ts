/** `deno task schedule pause`, `resume`, `run`, `rm` and `restore`. */
import type { Client } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { type Column, createOutput } from "./output.ts";
import { Schedule } from "./schedule_answers.ts";
import {
  resolveScheduleId,
  SCHEDULE_CODES,
  SCHEDULE_ID,
  schedulePath,
} from "./schedule_command.ts";
import { type Subcommand, subcommand } from "./subcommands.ts";

const COLUMNS: readonly Column<Schedule>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "STATE", value: ({ state }) => state },
  { title: "NEXT", value: ({ nextRunAt }) => nextRunAt },
  { title: "TASK", value: ({ run }) => run?.task },
];

const PAUSE = {
  name: "schedule pause",
  summary: "Pauses schedules. A run that is underway goes on.",
  positionals: [{ ...SCHEDULE_ID, rest: true }],
  options: {
    reason: { type: "string", value: "TEXT", help: "For people: schedule inspect shows it" },
    ...CONNECTION,
  },
  exitCodes: { ...SCHEDULE_CODES, [EXIT.failed]: "One of them could not; stderr says why" },
  examples: ['deno task schedule pause schedule_V1StGXR8 --reason "Release week"'],
} as const;

export const pauseCommand = subcommand(PAUSE, ({ options, positionals }) => {
  const { reason } = options;
  return steer(positionals, options, (client, id) => post(client, id, "pause", { reason }));
});

export const resumeCommand = steerCommand(
  "resume",
  "Lets paused schedules go on. What passed meanwhile is not made up for.",
);

export const runCommand = steerCommand(
  "run",
  "Runs schedules now, whatever their rules say, also while they are paused.",
);

export const restoreCommand = steerCommand(
  "restore",
  "Brings deleted schedules back. They are paused then.",
);

export const rmCommand = subcommand(
  specOf("rm", "Deletes schedules, and cancels their runs. They can be restored for 30 days."),
  ({ options, positionals }) =>
    steer(
      positionals,
      options,
      (client, id) => client.delete(schedulePath(id), { schema: Schedule }),
    ),
);

function steerCommand(act: "resume" | "run" | "restore", summary: string): Subcommand {
  return subcommand(
    specOf(act, summary),
    ({ options, positionals }) =>
      steer(positionals, options, (client, id) => post(client, id, act, {})),
  );
}

function specOf(act: string, summary: string) {
  return {
    name: `schedule ${act}`,
    summary,
    positionals: [{ ...SCHEDULE_ID, rest: true }],
    options: CONNECTION,
    exitCodes: PAUSE.exitCodes,
    examples: [`deno task schedule ${act} schedule_V1StGXR8`],
  } as const;
}

type Options = { url: string | undefined; json: boolean; quiet: boolean };

/** All ids are looked up before the first is touched. */
async function steer(
  texts: readonly string[],
  options: Options,
  act: (client: Client, id: string) => Promise<Schedule>,
): Promise<void> {
  const client = connect(options);
  const ids = await Promise.all(texts.map((text) => resolveScheduleId(client, text)));
  const schedules: Schedule[] = [];
  for (const id of ids) schedules.push(await act(client, id));
  createOutput(options).table(schedules, COLUMNS);
}

function post(client: Client, id: string, act: string, body: object): Promise<Schedule> {
  const key = crypto.randomUUID();
  return client.post(schedulePath(id, `/${act}`), body, { schema: Schedule, key });
}
