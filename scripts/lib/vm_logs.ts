/** `deno task vm logs`: what the provider of a VM has said, while it was made above all. */
import { OutputRow } from "./answers.ts";
import { GIVE_UP_MS, isAway, pause, RETRY_MS } from "./away.ts";
import type { Client } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { createOutput, write } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { Vm } from "./vm_answers.ts";
import { resolveVmId, VM_CODES, VM_ID, vmPath } from "./vm_command.ts";

const SPEC = {
  name: "vm logs",
  summary: "Prints the log of a VM: what its provider has said of its making.",
  positionals: [VM_ID],
  options: {
    follow: { type: "boolean", short: "f", help: "Go on until the VM is recycled" },
    ...CONNECTION,
  },
  exitCodes: VM_CODES,
  examples: ["deno task vm logs vm_V1StGXR8", "deno task vm logs -f V1St"],
} as const;

export const logsCommand = subcommand(SPEC, async ({ options, positionals: [text = ""] }) => {
  const client = connect(options);
  const output = createOutput(options);
  const id = await resolveVmId(client, text);
  const show = (row: OutputRow) => {
    if (options.json) output.line(row, "");
    else write(Deno.stdout, row.data);
  };
  if (!options.follow) await printFrom(client, id, { after: 0, follow: false, show });
  else {
    await follow(client, id, {
      show,
      onLost: () => output.note("The server is gone; it goes on when it is back. Waiting …"),
    });
  }
});

type Printing = { after: number; follow: boolean; show: (row: OutputRow) => void };

/** Returns the place of the last piece that was printed. */
async function printFrom(
  client: Client,
  id: string,
  { after, follow, show }: Printing,
): Promise<number> {
  let last = after;
  for await (const line of client.lines(vmPath(id, `/log?follow=${follow}&after=${after}`))) {
    const row = OutputRow.parse(JSON.parse(line));
    show(row);
    last = row.seq;
  }
  return last;
}

/** Goes on behind what was printed when the server was gone for a while. */
async function follow(
  client: Client,
  id: string,
  { show, onLost }: { show: Printing["show"]; onLost: () => void },
): Promise<void> {
  let after = 0;
  let lostAt: number | undefined;
  const seen = (row: OutputRow) => {
    lostAt = undefined;
    after = row.seq;
    show(row);
  };
  while (true) {
    try {
      await printFrom(client, id, { after, follow: true, show: seen });
      const { endedAt } = await client.get(vmPath(id), { schema: Vm });
      if (endedAt) return;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (lostAt !== undefined && performance.now() - lostAt > GIVE_UP_MS) throw error;
      if (lostAt === undefined) onLost();
      lostAt ??= performance.now();
    }
    await pause(RETRY_MS);
  }
}
