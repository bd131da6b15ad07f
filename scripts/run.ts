/**
 * `deno task run`: makes a task, follows its output and ends with its exit code, as if the command
 * had been run here. The task is the server's: it goes on when this process goes away, and so does
 * the following when the server is started anew.
 */
import { runScript, UsageError } from "./lib/args.ts";
import { Task } from "./lib/answers.ts";
import { type Client, RefusedError } from "./lib/client.ts";
import { callersDirectory } from "./lib/callers_directory.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./lib/connect.ts";
import { followTask } from "./lib/follow_task.ts";
import { onInterrupts } from "./lib/interrupts.ts";
import { NEW_TASK_OPTIONS, newTask } from "./lib/new_task.ts";
import { createOutput, type Output, visibleLines, write } from "./lib/output.ts";
import { resolveTaskId } from "./lib/resolve_id.ts";
import { INTERRUPTED, TASK_CODES, taskExitCode } from "./lib/task_exit_code.ts";
import { resolveTaskVm } from "./lib/vm_command.ts";

const SPEC = {
  name: "run",
  summary: "Runs a task: prints its output as it comes, and ends with its exit code.\n" +
    "Ctrl-C cancels the task, a second one leaves at once. When whoever reads its output goes, as " +
    "`head` does, the task is cancelled too.",
  positionals: [
    {
      name: "-- command",
      help: "Program and arguments, as they are",
      rest: true,
      missing: "Cannot run nothing: want a program and its arguments, after --",
    },
  ],
  options: {
    ...NEW_TASK_OPTIONS,
    detach: { type: "boolean", short: "d", help: "Print the task's id and leave it to itself" },
    ...CONNECTION,
  },
  exitCodes: { ...CONNECTION_CODES, ...TASK_CODES },
  examples: [
    "deno task run -- deno --version",
    "deno task run --workspace . --timeout 10m --label team=web -- npm test",
    "deno task run --vm new -- npm test",
    "deno task run --repo https://example.com/site.git --ref main --detach -- make",
  ],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals }) => {
    if (positionals[0] === "") throw new UsageError("Cannot run an empty name: want a program");
    const output = createOutput(options);
    const client = connect(options);
    const dependsOn = await Promise.all(
      options["depends-on"].map((id) => resolveTaskId(client, id)),
    );
    const vm = await resolveTaskVm(client, options.vm);
    const body = newTask(positionals, { ...options, vm }, {
      cwd: callersDirectory(),
      dependsOn,
    });
    const task = await client.post("/v1/tasks", body, { schema: Task, key: crypto.randomUUID() });
    if (options.detach) return output.result(task, () => task.id);
    return await follow(client, task, { output, json: options.json });
  });
}

/** Shows a task until it has ended, and returns the exit code. */
async function follow(
  client: Client,
  { id, state }: Task,
  { output, json }: { output: Output; json: boolean },
): Promise<number> {
  const left = new AbortController();
  const release = onInterrupts({
    onFirst: () => {
      output.note(`Cancelling ${id}; Ctrl-C again leaves it to the server`);
      cancel(client, id, "Interrupted").catch((error: Error) => output.note(error.message));
    },
    onSecond: () => left.abort(),
  });
  try {
    output.note(`Task ${id}`);
    output.progress(state);
    const ended = await followTask(client, id, {
      signal: left.signal,
      onState: ({ state }) => {
        if (state === "retrying") output.note(`Task ${id} is tried again`);
        output.progress(`${state} …`);
      },
      onOutput: ({ data }) => {
        output.progress("");
        if (!json) write(Deno.stdout, data);
      },
      onLost: () => output.note("The server is gone; the task goes on when it is back. Waiting …"),
    });
    output.progress("");
    if (ended === undefined) return INTERRUPTED;
    return report(ended, { output, json });
  } catch (error) {
    // Whoever read the output has read enough: a command in a pipe would end now, too.
    if (error instanceof Deno.errors.BrokenPipe) await cancel(client, id, "Its reader has gone");
    throw error;
  } finally {
    release();
  }
}

function report(task: Task, { output, json }: { output: Output; json: boolean }): number {
  const { id, state, error, result } = task;
  if (json) output.result(task, () => "");
  if (result?.truncated) output.note(`The output was cut: only its beginning and end are kept`);
  if (state !== "succeeded") {
    output.note(visibleLines(`Task ${id} ${state}: ${error?.message ?? "no reason"}`));
  }
  return taskExitCode(task);
}

/** A task that has ended meanwhile needs no cancelling. */
async function cancel(client: Client, id: string, reason: string): Promise<void> {
  try {
    await client.post(`/v1/tasks/${id}/cancel`, { reason }, { schema: Task });
  } catch (error) {
    if (!(error instanceof RefusedError) || error.problem.status !== 409) throw error;
  }
}
