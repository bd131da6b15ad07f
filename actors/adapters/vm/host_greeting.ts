/**
 * Programs of ours that say a line when they are ready, and then are somebody else's stream:
 * terminals and relays. The line is taken off, and what follows is passed on as fast as it is read.
 */
import { systemClock } from "../../runtime/clock.ts";
import type { Ending, ProcessGroup } from "../executor/process_group.ts";
import { settlesWithin, unlessAborted } from "../executor/waiting.ts";
import { endGroup } from "./host_exec.ts";
import { ProviderError } from "./provider.ts";
import {
  COMPLAINT_BYTES,
  EXIT_MS,
  GREETING_BYTES,
  GREETING_MS,
  HANG_UP_GRACE_MS,
} from "./vm_limits.ts";

/** A program that has said its line. */
export type Greeted = {
  /** The line, without its end. */
  greeting: string;
  /** What follows it; cancelling it ends the program. */
  output: ReadableStream<Uint8Array>;
  input: WritableStream<Uint8Array>;
  /** Ends the program with all that belongs to it; resolves when it is gone. */
  end(): Promise<Ending>;
};

/**
 * Waits for the line. Where the program ends without it, throws what `explain` makes of how
 * it ended and of its complaint. The signal ends the waiting, not a program that has greeted.
 */
export async function greeted(
  group: ProcessGroup,
  signal: AbortSignal,
  { explain }: { explain(ending: Ending, complaint: string): Error },
): Promise<Greeted> {
  if (group.stdin === null) {
    throw new Error("Cannot talk to a program: it was started without input");
  }
  const reader = group.stdout.getReader();
  const writer = group.stdin.getWriter();
  const complaint = readComplaint(group.stderr);
  const ending = once(async () => {
    // All at once: a program that nobody reads may not end by itself.
    const [ended] = await Promise.all([
      endGroup(group, HANG_UP_GRACE_MS),
      reader.cancel(),
      // Whoever writes on is told so; without a reason it would be told nothing at all.
      writer.abort(new Deno.errors.BrokenPipe("Cannot write to the program: it has ended")),
    ]);
    await complaint.stop();
    return ended;
  });
  const late = new AbortController();
  const cancel = systemClock.wake(systemClock.now() + GREETING_MS, () => late.abort());
  const stop = AbortSignal.any([signal, late.signal]);
  let first: FirstLine | null | undefined;
  try {
    first = await unlessAborted(stop, readFirstLine(reader));
    // Its output ends a moment before itself; how it ends says why.
    if (first === null) await settlesWithin(systemClock, EXIT_MS, group.ended);
  } finally {
    cancel();
    if (!first) await ending();
  }
  if (first) {
    const output = passOn(reader, { first: first.rest, end: ending });
    return { greeting: first.line, output, input: passTo(writer), end: ending };
  }
  signal.throwIfAborted();
  if (first === null) throw explain(await group.ended, await complaint.text);
  throw new ProviderError("unreachable", `Cannot go on: nothing answered within ${GREETING_MS} ms`);
}

type FirstLine = { line: string; rest: Uint8Array };

/** The first line, and what came with it; null where the stream ends before, or it is none of ours. */
async function readFirstLine(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<FirstLine | null> {
  let held = new Uint8Array();
  for (;;) {
    // Looked for first: much of what follows the line may have come with it.
    const end = held.indexOf(0x0a);
    if (end >= 0) {
      const line = new TextDecoder().decode(held.subarray(0, end)).trimEnd();
      return { line, rest: held.subarray(end + 1) };
    }
    if (held.length > GREETING_BYTES) return null;
    const { done, value } = await reader.read();
    if (done) return null;
    const all = new Uint8Array(held.length + value.length);
    all.set(held);
    all.set(value, held.length);
    held = all;
  }
}

/** The rest of a stream, read only when somebody wants it. */
function passOn(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { first, end }: { first: Uint8Array; end(): Promise<unknown> },
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (first.length > 0) controller.enqueue(first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await end();
    },
  }, { highWaterMark: 0 });
}

function passTo(writer: WritableStreamDefaultWriter<Uint8Array>): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (data) => writer.write(data),
    close: () => writer.close(),
    abort: (reason) => writer.abort(reason),
  });
}

/** Reads what a program complains about, and keeps its beginning. */
function readComplaint(
  stream: ReadableStream<Uint8Array>,
): { text: Promise<string>; stop(): Promise<void> } {
  const reader = stream.getReader();
  const readAll = async () => {
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text.trim();
      if (text.length < COMPLAINT_BYTES) text += decoder.decode(value, { stream: true });
    }
  };
  return { text: readAll(), stop: () => reader.cancel() };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
