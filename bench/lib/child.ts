/**
 * Processes of a bench: a module of `bench/lib` in a process of its own, asked a line at a time
 * and answering with a line of JSON. It ends when its stdin does.
 */
import { fileURLToPath } from "node:url";
import { TextLineStream } from "./lines.ts";

export type Child = {
  pid: number;
  /** Sends a command and waits for its answer. Throws when the process has ended. */
  ask<Answer>(command: string): Promise<Answer>;
  /** Closes its stdin and waits for its end. */
  stop(): Promise<void>;
};

/** Starts a module next to this one. Its first answer is to the command "ready". */
export function startChild(
  module: string,
  args: readonly string[],
  { v8Flags }: { v8Flags?: string } = {},
): Child {
  const flags = v8Flags === undefined ? [] : [`--v8-flags=${v8Flags}`];
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", ...flags, pathOf(module), ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = process.stdin.getWriter();
  const reader = process.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  return {
    pid: process.pid,
    async ask<Answer>(command: string): Promise<Answer> {
      await writer.write(new TextEncoder().encode(`${command}\n`));
      const { value } = await reader.read();
      if (value === undefined) throw new Error(`Cannot ask ${module} "${command}": it has ended`);
      return JSON.parse(value) as Answer;
    },
    async stop() {
      await writer.close();
      await reader.cancel();
      await process.status;
    },
  };
}

/** The child's side: answers each line of stdin until it ends. */
export async function answerLines(answer: (command: string) => Promise<unknown>): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const text = `${JSON.stringify(await answer(line))}\n`;
    const writer = Deno.stdout.writable.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }
}

function pathOf(module: string): string {
  return fileURLToPath(import.meta.resolve(module));
}
