/** `deno task alerts`: what the watchdog found, and who has seen it. */
import { z } from "zod";
import { UsageError } from "./lib/args.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./lib/connect.ts";
import { showDuration } from "./lib/durations.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { type Column, createOutput } from "./lib/output.ts";
import { LIST_OPTIONS, readPages } from "./lib/read_pages.ts";
import { resolveIdOf, subcommand, type Subcommands } from "./lib/subcommands.ts";

const Alert = z.looseObject({
  id: z.string(),
  state: z.string(),
  kind: z.string(),
  actor: z.string(),
  reason: z.string(),
  since: z.string(),
  acknowledged: z.looseObject({ by: z.string().nullable() }).nullable(),
});
type Alert = z.infer<typeof Alert>;

const STATES: readonly string[] = ["raised", "receded", "cleared", "any"];

const LS_SPEC = {
  name: "alerts ls",
  summary: "Lists alerts that hold, newest first; ls may be left out.\n" +
    "More of the actor that one is about is shown by deno task inspect ACTOR.",
  options: {
    status: { type: "string", value: "STATE", help: "raised (default), receded, cleared or any" },
    kind: { type: "string", value: "KIND", help: "overdue, stuck, orphaned, silent, unattended" },
    actor: { type: "string", value: "ADDRESS", help: "About this actor" },
    ...LIST_OPTIONS,
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: [
    "deno task alerts",
    "deno task alerts --kind stuck --json",
    "deno task alerts ls --status any --actor task:task_V1StGXR8",
    `deno task alerts acknowledge ALERT --note "On it"`,
  ],
} as const;

const lsCommand = subcommand(LS_SPEC, async ({ options }) => {
  const { status = "raised", kind, actor, sort, limit, all } = options;
  if (!STATES.includes(status)) {
    throw new UsageError(`Cannot use --status "${status}": want ${STATES.join(", ")}`);
  }
  const query = { status: status === "any" ? undefined : status, kind, actor, sort };
  const read = { item: Alert, query, limit, all };
  const alerts = await readPages(connect(options), "/v1/alerts", read);
  createOutput(options).table(alerts, columns(Date.now()));
});

const ACKNOWLEDGE_SPEC = {
  name: "alerts acknowledge",
  summary: "Says that somebody has seen alerts: nobody is told of them again while they hold.",
  positionals: [{ name: "id", help: "The alert, or the beginning of its id", rest: true }],
  options: {
    by: { type: "string", value: "NAME", help: "Who has seen them" },
    note: { type: "string", value: "TEXT", help: "What there is to say of them" },
    ...CONNECTION,
  },
  exitCodes: { [EXIT.notFound]: "There is no such alert", ...CONNECTION_CODES },
  examples: [`deno task alerts acknowledge alert_mkq2m8003f2a9c --by anna --note "On it"`],
} as const;

const acknowledgeCommand = subcommand(ACKNOWLEDGE_SPEC, async ({ options, positionals }) => {
  const client = connect(options);
  const { by, note } = options;
  const ids = await Promise.all(positionals.map((id) => resolveIdOf(client, "alert", id)));
  const seen: Alert[] = [];
  for (const id of ids) {
    const path = `/v1/alerts/${encodeURIComponent(id)}/acknowledge`;
    seen.push(await client.post(path, { by, note }, { schema: Alert }));
  }
  createOutput(options).table(seen, columns(Date.now()));
});

const COMMANDS: Subcommands = { ls: lsCommand, acknowledge: acknowledgeCommand };

if (import.meta.main) {
  const [first = "", ...rest] = Deno.args;
  const command = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  // Without a word of its own it lists.
  await (command === undefined ? lsCommand.run(Deno.args) : command.run(rest));
}

function columns(now: number): Column<Alert>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "KIND", value: ({ kind }) => kind },
    { title: "STATE", value: stateText },
    { title: "ACTOR", value: ({ actor }) => actor },
    { title: "FOR", value: ({ since }) => showDuration(now - Date.parse(since)), align: "right" },
    { title: "REASON", value: ({ reason }) => reason },
  ];
}

function stateText({ state, acknowledged }: Alert): string {
  if (acknowledged === null) return state;
  return acknowledged.by === null ? `${state}, seen` : `${state}, seen by ${acknowledged.by}`;
}
