/** `deno task logs`: what a task has written, and with `-f` what it goes on to write. */
import { runScript } from "./lib/args.ts";
import { OutputRow } from "./lib/answers.ts";
import { type Client } from "./lib/client.ts";
import { connect, CONNECTION, LOOKUP_CODES } from "./lib/connect.ts";
import { followTask } from "./lib/follow_task.ts";
import { createOutput, type Output, write } from "./lib/output.ts";
import { resolveTaskId } from "./lib/resolve_id.ts";

const SPEC = {
  name: "logs",
  summary: "Prints a task's output.",
  positionals: [{ name: "id", help: "The task, or the beginning of its id" }],
  options: {
    follow: { type: "boolean", short: "f", help: "Go on until the task has ended" },
    ...CONNECTION,
  },
  exitCodes: LOOKUP_CODES,
  examples: ["deno task logs task_V1StGXR8", "deno task logs -f V1St"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals: [id = ""] }) => {
    const client = connect(options);
    const output = createOutput(options);
    const taskId = await resolveTaskId(client, id);
    const show = (row: OutputRow) => {
      if (options.json) output.line(row, "");
      else write(Deno.stdout, row.data);
    };
    if (!options.follow) return await printKept(client, taskId, show);
    await followTask(client, taskId, { onOutput: show, onLost: () => sayLost(output) });
  });
}

/** All that is there now, without waiting for more. */
async function printKept(
  client: Client,
  id: string,
  show: (row: OutputRow) => void,
): Promise<void> {
  const path = `/v1/tasks/${encodeURIComponent(id)}/output`;
  for await (const line of client.lines(path)) show(OutputRow.parse(JSON.parse(line)));
}

function sayLost(output: Output): void {
  output.note("The server is gone; the task goes on when it is back. Waiting …");
}
