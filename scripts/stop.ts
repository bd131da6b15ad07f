/**
 * `deno task stop`: cancels tasks, those named or all that a filter finds. What has ended already
 * counts as stopped. (The server itself is stopped where it runs, by Ctrl-C or SIGTERM.)
 */
import type { z } from "zod";
import { type Arguments, runScript, UsageError } from "./lib/args.ts";
import { BulkAnswer } from "./lib/answers.ts";
import type { Client } from "./lib/client.ts";
import { connect, CONNECTION, LOOKUP_CODES } from "./lib/connect.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { createOutput } from "./lib/output.ts";
import { resolveTaskId } from "./lib/resolve_id.ts";

const ENDED: readonly string[] = ["succeeded", "failed", "cancelled", "timedOut"];

const SPEC = {
  name: "stop",
  summary: "Cancels tasks; what they have produced is kept.",
  positionals: [
    { name: "id", help: "The task, or the beginning of its id", rest: true, optional: true },
  ],
  options: {
    all: { type: "boolean", help: "Every task that has not ended, or those that the filters find" },
    state: { type: "string", value: "STATE", help: "With --all: in this state, or any below it" },
    label: {
      type: "string",
      value: "NAME[=VALUE]",
      multiple: true,
      help: "With --all: with this label",
    },
    "dry-run": { type: "boolean", help: "Only say what would be stopped" },
    ...CONNECTION,
  },
  exitCodes: { ...LOOKUP_CODES, [EXIT.failed]: "One of them could not be stopped" },
  examples: [
    "deno task stop task_V1StGXR8",
    "deno task stop --all --state queued --dry-run",
  ],
} as const;

type Options = Arguments<typeof SPEC>["options"];
type Outcome = z.infer<typeof BulkAnswer>["items"][number];

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals }) => {
    checkWhich(options, positionals);
    const client = connect(options);
    const ids = await Promise.all(positionals.map((id) => resolveTaskId(client, id)));
    const which = options.all ? { filter: filterOf(options) } : { ids };
    const outcomes = await cancel(client, which, { dryRun: options["dry-run"] });
    // Those that ended while the filter looked for them are not what was asked for.
    const shown = options.all ? outcomes.filter((outcome) => !hadEnded(outcome)) : outcomes;
    createOutput(options).table(shown, [
      { title: "ID", value: (outcome) => outcome.id },
      { title: "STATE", value: stateOf },
      { title: "NOTE", value: noteOf },
    ]);
    return shown.every((outcome) => outcome.accepted || hadEnded(outcome)) ? EXIT.ok : EXIT.failed;
  });
}

function checkWhich({ all, state, label }: Options, ids: readonly string[]): void {
  if (all === ids.length > 0) throw new UsageError("Cannot stop tasks: want either ids or --all");
  if (!all && (state !== undefined || label.length > 0)) {
    throw new UsageError("Cannot use --state or --label: want --all with them");
  }
}

function filterOf({ state, label }: Options) {
  return { state, label: label.length === 0 ? undefined : label };
}

/** A filter is asked again while it finds more than the server takes on at once. */
async function cancel(
  client: Client,
  which: { ids: string[] } | { filter: object },
  { dryRun }: { dryRun: boolean },
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (;;) {
    const body = { ...which, action: "cancel", dryRun };
    const { items, more } = await client.post("/v1/tasks/bulk", body, { schema: BulkAnswer });
    outcomes.push(...items);
    // What would not be stopped now would be found again and again.
    if (!more || dryRun || !items.some(({ accepted }) => accepted)) return outcomes;
  }
}

function stateOf({ state, problem }: Outcome): string | undefined {
  return state ?? problem?.state;
}

/** It ended before it could be cancelled. */
function hadEnded(outcome: Outcome): boolean {
  return !outcome.accepted && ENDED.includes(stateOf(outcome) ?? "");
}

function noteOf(outcome: Outcome): string {
  return hadEnded(outcome) ? "had ended already" : outcome.problem?.detail ?? "";
}
