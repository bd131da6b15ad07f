/**
 * What the owner of an attempt tells its command while it runs: pause, go on, interrupt, input. Told
 * too early, it waits for the command to start; told too late, it is dropped.
 */
import type { EffectContext, EventInput } from "../../runtime/kind.ts";
import { MAX_WAITING_CONTROLS, MAX_WAITING_INPUT_BYTES } from "./executor_limits.ts";
import type { ProcessGroup } from "./process_group.ts";

export type Controls = {
  /** The command runs: whatever waited is done now. */
  attach(group: ProcessGroup): void;
  /** The command has ended. */
  detach(): Promise<void>;
};

type Input = { write(event: EventInput): void; close(): Promise<void> };

/** Listens to the owner; `note` tells people what could not be done, once for each reason. */
export function createControls(context: EffectContext, note: (line: string) => void): Controls {
  let waiting: EventInput[] = [];
  let running: { group: ProcessGroup; input: Input } | null = null;
  const noteOnce = once(note);

  const apply = (event: EventInput) => {
    if (running === null) {
      if (waiting.length < MAX_WAITING_CONTROLS) waiting.push(event);
      else noteOnce("input dropped: too much of it came before the command started");
    } else if (event.type === "executor.pause") running.group.signal("SIGSTOP");
    else if (event.type === "executor.resume") running.group.signal("SIGCONT");
    else if (event.type === "executor.interrupt") running.group.signal("SIGINT");
    else if (event.type === "executor.input") running.input.write(event);
  };
  context.receive(apply);

  return {
    attach(group) {
      running = { group, input: createInput(group.stdin, noteOnce) };
      for (const event of waiting.splice(0)) apply(event);
    },
    async detach() {
      const input = running?.input;
      running = null;
      waiting = [];
      await input?.close();
    },
  };
}

function createInput(
  stdin: WritableStream<Uint8Array> | null,
  note: (line: string) => void,
): Input {
  if (stdin === null) {
    const write = () => note("input dropped: the command was not started as interactive");
    return { write, close: () => Promise.resolve() };
  }
  const writer = stdin.getWriter();
  const closed = () => note("input dropped: the command has closed its standard input");
  let waitingBytes = 0;
  let open = true;
  return {
    write({ data, eof }) {
      const bytes = new TextEncoder().encode(typeof data === "string" ? data : "");
      if (!open) return closed();
      if (waitingBytes + bytes.length > MAX_WAITING_INPUT_BYTES) {
        return note("input dropped: the command does not read it");
      }
      waitingBytes += bytes.length;
      writer.write(bytes).then(() => waitingBytes -= bytes.length, closed);
      if (eof !== true) return;
      open = false;
      writer.close().catch(closed);
    },
    async close() {
      // Input that an ended command never read is of no use to anybody.
      if (open) await writer.abort();
      open = false;
    },
  };
}

function once(note: (line: string) => void): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (said.has(line)) return;
    said.add(line);
    note(line);
  };
}
