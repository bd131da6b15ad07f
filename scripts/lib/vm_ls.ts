/** `deno task vm ls`: lists VMs. */
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { createOutput } from "./output.ts";
import { LIST_OPTIONS, readPages } from "./read_pages.ts";
import { subcommand } from "./subcommands.ts";
import { Vm } from "./vm_answers.ts";
import { vmColumns } from "./vm_render.ts";

const SPEC = {
  name: "vm ls",
  summary: "Lists VMs, newest first.",
  options: {
    state: { type: "string", value: "STATE", help: "In this state: running, sleeping, failed" },
    label: { type: "string", value: "NAME[=VALUE]", multiple: true, help: "With this label" },
    provider: { type: "string", value: "NAME", help: "Made by this provider" },
    workspace: { type: "string", value: "NAME", help: "Of this workspace" },
    ...LIST_OPTIONS,
    ...CONNECTION,
  },
  exitCodes: CONNECTION_CODES,
  examples: [
    "deno task vm ls --state running",
    "deno task vm ls --label team=web --json",
    "deno task vm ls -q --state failed | xargs -n1 deno task vm recycle",
  ],
} as const;

export const lsCommand = subcommand(SPEC, async ({ options }) => {
  const { state, label, provider, workspace, sort, limit, all } = options;
  const query = { state, label, provider, workspace, sort };
  const vms = await readPages(connect(options), "/v1/vms", { item: Vm, query, limit, all });
  createOutput(options).table(vms, vmColumns(() => Date.now()));
});
