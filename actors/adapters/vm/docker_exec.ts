/** Commands in a VM: input and output as they come, each side held up by the other, and the end. */
import { posix } from "node:path";
import { unlessAborted } from "../executor/waiting.ts";
import { type Command, type Daemon, startCommand } from "./docker_command.ts";
import { type Greeting, WRAPPER } from "./docker_greeting.ts";
import { MARKER } from "./docker_processes.ts";
import { type ExecExit, type ExecRequest, ProviderError, type VmHandle } from "./provider.ts";

/** Runs a command to its end. Throws `ProviderError` or the signal's reason. */
export async function runExec(
  daemon: Daemon,
  vm: VmHandle,
  { request, signal }: { request: ExecRequest; signal: AbortSignal },
): Promise<ExecExit> {
  const [program = ""] = request.command;
  const action = `run "${program}" in vm "${vm.vmId}"`;
  checkRequest(request, action);
  const cwd = posix.resolve(vm.workDir, request.cwd ?? ".");
  const command = await startCommand(daemon, vm, {
    wrapper: [WRAPPER, cwd, ...request.command],
    env: request.env ?? {},
    stdin: request.stdin !== undefined,
    action,
    signal,
  });
  const refusal = refusalOf(command.greeting, action, cwd);
  if (refusal !== undefined) {
    command.release();
    throw refusal;
  }
  return await attend(command, { request, signal });
}

/** From the running command to the end of its output, and of all else when it is given up. */
async function attend(
  command: Command,
  { request, signal }: { request: ExecRequest; signal: AbortSignal },
): Promise<ExecExit> {
  const output = passOutput(command, request);
  const input = passInput(command, request.stdin);
  try {
    // The input decides nothing unless it fails: a command may end without having read it.
    const failed = input.ended.then(() => output);
    const ended = await unlessAborted(signal, Promise.race([output, failed]));
    if (ended === undefined) signal.throwIfAborted();
    const exit = await command.exit(signal);
    command.release();
    return exit;
  } catch (error) {
    await command.end({
      signal: "TERM",
      ...(request.killGraceMs === undefined ? {} : { graceMs: request.killGraceMs }),
      ended: output,
    });
    signal.throwIfAborted();
    throw error;
  } finally {
    await input.stop();
  }
}

async function passOutput(command: Command, { onOutput }: ExecRequest): Promise<true> {
  for await (const piece of command.output()) await onOutput?.(piece);
  return true;
}

/** Gives the command its input. `ended` rejects where the source fails. */
function passInput(
  command: Command,
  source: ReadableStream<Uint8Array> | undefined,
): { ended: Promise<void>; stop(): Promise<void> } {
  if (source === undefined) return { ended: Promise.resolve(), stop: () => Promise.resolve() };
  const reader = source.getReader();
  let over = false;
  const pass = async () => {
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (!await taken(command.write(next.value))) return;
      }
    } catch (error) {
      over = true;
      throw error;
    }
    over = true;
    await taken(command.closeInput());
  };
  const ended = pass();
  // Awaited by whoever races it; a failure after the end of the command is nobody's.
  ended.catch(() => {});
  return {
    ended,
    async stop() {
      if (!over) await reader.cancel();
      reader.releaseLock();
    },
  };
}

/** Whether input was taken; a command that has ended takes none, which its output will show. */
async function taken(writing: Promise<void>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof ProviderError) return false;
    throw error;
  }
}

function checkRequest({ command, env = {} }: ExecRequest, action: string): void {
  const refuse = (reason: string) => new ProviderError("invalid", `Cannot ${action}: ${reason}`);
  if (command[0] === undefined || command[0] === "") throw refuse("the command is empty");
  if (command.some((word) => word.includes("\0"))) throw refuse("an argument holds a NUL");
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || /[=\0]/.test(name) || value.includes("\0")) {
      throw refuse(`"${name}" is no variable that can be set`);
    }
    if (name === MARKER) throw refuse(`variable "${name}" is Holdfast's own`);
  }
}

function refusalOf(greeting: Greeting, action: string, cwd: string): ProviderError | undefined {
  const refuse = (code: ProviderError["code"], reason: string) =>
    new ProviderError(code, `Cannot ${action}: ${reason}`);
  if (greeting === "no_directory") return refuse("cwd_not_found", `there is no directory ${cwd}`);
  if (greeting === "no_command") return refuse("command_not_found", "there is no such program");
  if (greeting === "not_executable") return refuse("command_not_found", "it is not executable");
  return undefined;
}
