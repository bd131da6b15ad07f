/** `deno task schedule preview`: when a schedule is due next, or a rule that is not yet one. */
import { type Arguments, UsageError } from "./args.ts";
import type { Client } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { fromNow, parseMoment } from "./moments.ts";
import { createOutput } from "./output.ts";
import { Preview } from "./schedule_answers.ts";
import {
  resolveScheduleId,
  SCHEDULE_CODES,
  SCHEDULE_ID,
  schedulePath,
} from "./schedule_command.ts";
import { expiresAtOf, RULE_OPTIONS, wantRule } from "./schedule_options.ts";
import { subcommand } from "./subcommands.ts";

const COUNT_DEFAULT = 10;

const SPEC = {
  name: "schedule preview",
  summary: "Shows when a schedule is due next, or when one would be that is not made yet.\n" +
    "Of a cron it shows what clocks show there, and how far that is from UTC.",
  positionals: [{ ...SCHEDULE_ID, optional: true }],
  options: {
    ...RULE_OPTIONS,
    after: { type: "string", value: "WHEN", help: "As if the rule were made then; default: now" },
    count: { type: "integer", short: "n", value: "N", help: `So many at most (${COUNT_DEFAULT})` },
    ...CONNECTION,
  },
  exitCodes: SCHEDULE_CODES,
  examples: [
    "deno task schedule preview schedule_V1StGXR8",
    'deno task schedule preview --cron "30 2 * * *" --timezone Europe/Berlin --after 2030-03-29',
  ],
} as const;

export const previewCommand = subcommand(SPEC, async ({ options, positionals: [id] }) => {
  const now = Date.now();
  const client = connect(options);
  const preview = id === undefined
    ? await ofRule(client, options, now)
    : await ofSchedule(client, id, options);
  const output = createOutput(options);
  if (options.json) return output.result(preview, () => "");
  output.note(preview.text);
  output.table(preview.slots, [
    { title: "AT", value: ({ at }) => at },
    { title: "LOCAL", value: ({ local }) => local },
    { title: "OFFSET", value: ({ offset }) => offset },
    { title: "IN", value: ({ at }) => fromNow(Date.parse(at), now) },
  ]);
});

type Options = Arguments<typeof SPEC>["options"];

function ofRule(client: Client, options: Options, now: number): Promise<Preview> {
  const { after, count } = options;
  const body = {
    schedule: wantRule(options, now),
    after: after === undefined ? undefined : parseMoment(after, "--after", now),
    expiresAt: expiresAtOf(options, now),
    count,
  };
  return client.post("/v1/schedules/preview", body, { schema: Preview });
}

async function ofSchedule(client: Client, text: string, options: Options): Promise<Preview> {
  const { count, every, cron, timezone, at, expires, after } = options;
  const own = { every, cron, timezone, at, expires, after };
  const [misplaced] = Object.entries(own).find(([, value]) => value !== undefined) ?? [];
  if (misplaced !== undefined) {
    throw new UsageError(`Cannot use --${misplaced} with "${text}": it has a rule of its own`);
  }
  const id = await resolveScheduleId(client, text);
  return await client.get(schedulePath(id, "/preview"), { schema: Preview, query: { count } });
}
