/** `deno task vm exec`: a command in a VM, as if it had been run here. */
import { z } from "zod";
import { Problem } from "./answers.ts";
import { UsageError } from "./args.ts";
import { type Client, RefusedError, UnreachableError } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { parseDuration } from "./durations.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import { onInterrupts } from "./interrupts.ts";
import { createOutput, type Output, writeBytes } from "./output.ts";
import { pairs } from "./pairs.ts";
import { subcommand } from "./subcommands.ts";
import { INTERRUPTED, NOT_FOUND, signalCode, TASK_CODES, TIMED_OUT } from "./task_exit_code.ts";
import { Vm } from "./vm_answers.ts";
import { resolveVmId, VM_CODES, VM_ID, vmPath } from "./vm_command.ts";

/** The longest time that the server takes: whoever waits here ends a command by Ctrl-C. */
const TIMEOUT_MS = 24 * 60 * 60_000;
/** What the server takes as input, characters. */
const MAX_INPUT_CHARS = 256 * 1024;
/** When to say that it is stdin that is waited for, ms. */
const SLOW_INPUT_MS = 3_000;

const SPEC = {
  name: "vm exec",
  summary: "Runs a command in a VM, prints its output as it comes, and ends with its exit code.\n" +
    "A VM that sleeps is woken. Ctrl-C ends the command.",
  positionals: [
    VM_ID,
    {
      name: "-- command",
      help: "Program and arguments, as they are; no shell is involved",
      rest: true,
      missing: "Cannot run nothing: want a program and its arguments, after --",
    },
  ],
  options: {
    cwd: { type: "string", value: "DIR", help: "Where in the VM, if not in its work directory" },
    env: { type: "string", value: "NAME=VALUE", multiple: true, help: "Variable for the command" },
    timeout: { type: "string", value: "TIME", help: "Longest time: 90s, 10m (24h)" },
    "no-stdin": { type: "boolean", short: "n", help: "Leave stdin alone; a terminal always is" },
    ...CONNECTION,
  },
  exitCodes: { ...VM_CODES, ...TASK_CODES, [INTERRUPTED]: "It was ended by Ctrl-C" },
  examples: [
    "deno task vm exec V1St -- git status",
    "deno task vm exec V1St --cwd src -- sh -c 'ls | wc -l'",
    "deno task vm exec V1St -- tee notes.txt < notes.txt",
  ],
} as const;

const Line = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.enum(["stdout", "stderr"]),
    data: z.string(),
    encoding: z.string().optional(),
  }),
  z.looseObject({
    type: z.literal("exit"),
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
    timedOut: z.boolean(),
  }),
  z.looseObject({ type: z.literal("error"), problem: Problem }),
]);
type Line = z.infer<typeof Line>;

export const execCommand = subcommand(
  SPEC,
  async ({ options, positionals: [text = "", ...rest] }) => {
    const timeoutMs = options.timeout === undefined
      ? TIMEOUT_MS
      : parseDuration(options.timeout, "--timeout");
    const env = pairs(options.env, "--env");
    const client = connect(options);
    const output = createOutput(options);
    const id = await resolveVmId(client, text);
    const stdin = options["no-stdin"] ? undefined : await readStdin(output);
    const { state } = await client.get(vmPath(id), { schema: Vm });
    if (state !== "running") output.progress(`${id} is ${state} …`);
    const body = { command: rest, cwd: options.cwd, env, stdin, timeoutMs };
    return await run(client, id, { body, output, json: options.json });
  },
);

async function run(
  client: Client,
  id: string,
  { body, output, json }: { body: object; output: Output; json: boolean },
): Promise<number> {
  const left = new AbortController();
  // The server ends a command whose caller has gone.
  const leave = () => left.abort();
  const release = onInterrupts({ onFirst: leave, onSecond: leave });
  try {
    const lines = client.lines(vmPath(id, "/exec"), { body, signal: left.signal });
    for await (const text of lines) {
      const line = Line.parse(JSON.parse(text));
      output.progress("");
      if (json) output.line(line, "");
      const code = json ? codeOf(line) : show(line, output);
      if (code !== undefined) return code;
    }
  } catch (error) {
    if (!left.signal.aborted) {
      throw error instanceof UnreachableError ? brokenOff(id, error) : error;
    }
  } finally {
    output.progress("");
    release();
  }
  if (left.signal.aborted) return INTERRUPTED;
  throw brokenOff(id, undefined);
}

/** Prints a piece of output; of the last line, the exit code. */
function show(line: Line, output: Output): number | undefined {
  if (line.type === "error") throw refusal(line.problem);
  if (line.type === "exit") {
    if (line.timedOut) output.note("The command took too long and was ended");
    return codeOf(line);
  }
  writeBytes(line.type === "stdout" ? Deno.stdout : Deno.stderr, bytesOf(line));
  return undefined;
}

/** The exit code that the last line stands for. */
function codeOf(line: Line): number | undefined {
  if (line.type === "error") return refusal(line.problem).exitCode;
  if (line.type !== "exit") return undefined;
  if (line.timedOut) return TIMED_OUT;
  return line.signal === null ? line.exitCode ?? EXIT.failed : signalCode(line.signal);
}

function refusal(problem: Problem): ExitError {
  const { message, exitCode } = new RefusedError(problem);
  const isMissing = problem["code"] === "command_not_found";
  return new ExitError(isMissing ? NOT_FOUND : exitCode, message);
}

function bytesOf({ data, encoding }: { data: string; encoding?: string | undefined }): Uint8Array {
  if (encoding !== "base64") return new TextEncoder().encode(data);
  return Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
}

/** All of a piped stdin as text; undefined of a terminal. */
async function readStdin(output: Output): Promise<string | undefined> {
  if (Deno.stdin.isTerminal()) return undefined;
  const timer = setTimeout(
    () => output.note("Reading stdin to its end; --no-stdin leaves it alone"),
    SLOW_INPUT_MS,
  );
  try {
    const decoder = new TextDecoderStream("utf-8", { fatal: true });
    let text = "";
    for await (const piece of Deno.stdin.readable.pipeThrough(decoder)) {
      text += piece;
      if (text.length > MAX_INPUT_CHARS) throw badInput(`it is longer than ${MAX_INPUT_CHARS}`);
    }
    return text === "" ? undefined : text;
  } catch (error) {
    throw error instanceof TypeError ? badInput("it is not text in UTF-8") : error;
  } finally {
    clearTimeout(timer);
  }
}

function badInput(why: string): UsageError {
  return new UsageError(`Cannot pass on stdin: ${why}; write it to a file in the VM first`);
}

function brokenOff(id: string, cause: Error | undefined): ExitError {
  const message =
    `Cannot tell how the command in ${id} ended: the connection broke off, and with ` +
    `it the command was ended${cause === undefined ? "" : ` (${cause.message})`}`;
  return new ExitError(EXIT.unavailable, message);
}
