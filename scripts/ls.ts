/**
 * `deno task ls`: lists tasks, or with `--kind` actors of another kind. `--watch` lists them anew
 * whenever the feed says that something has changed.
 */
import { type Arguments, runScript, UsageError } from "./lib/args.ts";
import { pageOf, Task } from "./lib/answers.ts";
import type { Client, Query } from "./lib/client.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./lib/connect.ts";
import { type Column, createOutput, type Output, write } from "./lib/output.ts";
import { actorColumns, changeLine, taskColumns } from "./lib/render_lists.ts";
import { changesOf } from "./lib/watch_feed.ts";

/** Largest page that the server gives. */
const PAGE_MAX = 200;
const LIMIT_DEFAULT = 20;
const CLEAR_SCREEN = "\x1b[H\x1b[2J";

const SPEC = {
  name: "ls",
  summary: "Lists tasks, newest first.",
  options: {
    state: { type: "string", value: "STATE", help: "In this state, or any below it: running" },
    label: { type: "string", value: "NAME[=VALUE]", multiple: true, help: "With this label" },
    priority: { type: "string", value: "LEVEL", help: "none, low, medium, high or urgent" },
    agent: { type: "string", value: "NAME", help: "For this agent" },
    workspace: { type: "string", value: "PLACE", help: "In this path or repository" },
    parent: { type: "string", value: "ADDRESS", help: "Made by this actor" },
    sort: { type: "string", value: "ORDER", help: "newest or oldest first" },
    limit: { type: "integer", short: "n", value: "N", help: `So many at most (${LIMIT_DEFAULT})` },
    all: { type: "boolean", short: "a", help: "All that there are" },
    kind: { type: "string", value: "KIND", help: "Actors of this kind in place of tasks" },
    watch: { type: "boolean", short: "w", help: "Show them as they change, until Ctrl-C" },
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: [
    "deno task ls --state running",
    "deno task ls --label team=web --watch",
    "deno task ls -q --state failed | xargs -n1 deno task logs",
  ],
} as const;

type Options = Arguments<typeof SPEC>["options"];

/** What is listed. Tasks are actors too: what the columns show has the same names in both. */
type Listing = { path: string; kind: string; query: Query; max: number; columns: Column<Task>[] };

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const client = connect(options);
    const output = createOutput(options);
    const listing = listingOf(options);
    if (!options.watch) return output.table(await list(client, listing), listing.columns);
    const redraws = !options.json && !options.quiet && Deno.stdout.isTerminal();
    await watch(client, listing, { output, redraws });
  });
}

function listingOf(options: Options): Listing {
  if (options.limit === 0) throw new UsageError(`Cannot use --limit "0": want 1 or more`);
  const { state, label, priority, agent, workspace, parent, sort, kind } = options;
  const max = options.all ? Infinity : options.limit ?? LIMIT_DEFAULT;
  const ofTasks = { label: label.length === 0 ? undefined : label, priority, agent, workspace };
  const common = { state, parent, sort };
  const now = () => Date.now();
  if (kind === undefined) {
    const query = { ...common, ...ofTasks };
    return { path: "/v1/tasks", kind: "task", query, max, columns: taskColumns(now) };
  }
  const [misplaced] = Object.entries(ofTasks).find(([, value]) => value !== undefined) ?? [];
  if (misplaced !== undefined) {
    throw new UsageError(`Cannot use --${misplaced} with --kind: it is for tasks alone`);
  }
  const query = { ...common, kind };
  return { path: "/v1/actors", kind, query, max, columns: actorColumns(now) };
}

async function list(client: Client, { path, query, max }: Listing): Promise<Task[]> {
  const found: Task[] = [];
  let cursor: string | undefined;
  while (found.length < max) {
    const limit = Math.min(PAGE_MAX, max - found.length);
    const page = await client.get(path, {
      schema: pageOf(Task),
      query: { ...query, limit, cursor },
    });
    found.push(...page.items);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return found;
}

/** A terminal shows the list as it is; a program gets a line for each that is new or has changed. */
async function watch(
  client: Client,
  listing: Listing,
  { output, redraws }: { output: Output; redraws: boolean },
): Promise<void> {
  let revisions = new Map<string, number>();
  for await (const _ of changesOf(client, listing.kind)) {
    const rows = await list(client, listing);
    if (redraws) {
      write(Deno.stdout, CLEAR_SCREEN);
      output.table(rows, listing.columns);
      continue;
    }
    for (const row of rows.toReversed()) {
      if (revisions.get(row.id) !== row.revision) output.line(row, changeLine(row));
    }
    revisions = new Map(rows.map(({ id, revision }) => [id, revision]));
  }
}
