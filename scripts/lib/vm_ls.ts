/** `deno task vm ls`: lists VMs. */
import { type Arguments, UsageError } from "./args.ts";
import { pageOf } from "./answers.ts";
import type { Client } from "./client.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { createOutput } from "./output.ts";
import { Vm } from "./vm_answers.ts";
import { vmCommand } from "./vm_command.ts";
import { vmColumns } from "./vm_render.ts";

/** Largest page that the server gives. */
const PAGE_MAX = 200;
const LIMIT_DEFAULT = 20;

const SPEC = {
  name: "vm ls",
  summary: "Lists VMs, newest first.",
  options: {
    state: { type: "string", value: "STATE", help: "In this state: running, sleeping, failed" },
    label: { type: "string", value: "NAME[=VALUE]", multiple: true, help: "With this label" },
    provider: { type: "string", value: "NAME", help: "Made by this provider" },
    workspace: { type: "string", value: "NAME", help: "Of this workspace" },
    sort: { type: "string", value: "ORDER", help: "newest or oldest first" },
    limit: { type: "integer", short: "n", value: "N", help: `So many at most (${LIMIT_DEFAULT})` },
    all: { type: "boolean", short: "a", help: "All that there are" },
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: [
    "deno task vm ls --state running",
    "deno task vm ls --label team=web --json",
    "deno task vm ls -q --state failed | xargs -n1 deno task vm recycle",
  ],
} as const;

export const lsCommand = vmCommand(SPEC, async ({ options }) => {
  if (options.limit === 0) throw new UsageError(`Cannot use --limit "0": want 1 or more`);
  const rows = await list(connect(options), options);
  createOutput(options).table(rows, vmColumns(() => Date.now()));
});

async function list(client: Client, options: Arguments<typeof SPEC>["options"]): Promise<Vm[]> {
  const { state, label, provider, workspace, sort } = options;
  const max = options.all ? Infinity : options.limit ?? LIMIT_DEFAULT;
  const query = { state, label, provider, workspace, sort };
  const found: Vm[] = [];
  let cursor: string | undefined;
  while (found.length < max) {
    const limit = Math.min(PAGE_MAX, max - found.length);
    const page = await client.get("/v1/vms", {
      schema: pageOf(Vm),
      query: { ...query, limit, cursor },
    });
    found.push(...page.items);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return found;
}
