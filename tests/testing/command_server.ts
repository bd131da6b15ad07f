/**
 * A program that runs one command as a server would, for tests that kill it in the middle:
 * `HOME INSTANCE KEY INPUT`, the input as JSON. It prints each event that the executor sends.
 */
import { createCommandExecutor } from "../../actors/adapters/executor/command.ts";
import type { ExecutorInput } from "../../actors/adapters/executor/executor.ts";
import { createTestContext } from "./effect_context.ts";

if (import.meta.main) {
  const [home = "", instance = "", key = "", input = ""] = Deno.args;
  const print = (value: unknown) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  const context = createTestContext({ key, onSend: print });
  const executor = createCommandExecutor({ home, instance });
  print({ type: "ended", result: await executor.run(JSON.parse(input), context) });
}

export type CommandServer = {
  /** The next event of a type that its executor sent. */
  sent(type: string): Promise<Record<string, unknown>>;
  /** Kills it as a crash would. */
  kill(): Promise<void>;
};

/** Starts the program in a process of its own. */
export function startCommandServer(
  at: { home: string; instance: string; key: string },
  input: ExecutorInput,
): CommandServer {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-all", import.meta.url],
      ...[at.home, at.instance, at.key, JSON.stringify(input)],
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const lines = linesOf(reader);
  return {
    async sent(type) {
      for (;;) {
        const { done, value } = await lines.next();
        if (done) throw new Error(`Cannot wait for ${type}: the server has ended`);
        const event = JSON.parse(value);
        if (event.type === type) return event;
      }
    },
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

async function* linesOf(reader: ReadableStreamDefaultReader<string>): AsyncGenerator<string, void> {
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
