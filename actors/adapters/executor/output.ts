/**
 * The output of one attempt on its way from two pipes into the stream and the result: decoded,
 * made harmless, redacted and capped. The beginning goes out as it comes; beyond the cap only
 * the end is kept, as bytes in a ring, so that a flood costs neither memory nor time.
 */
import { createRedactingStream, type Redactor } from "../redact.ts";
import type { Clock } from "../../runtime/clock.ts";
import {
  NOTES_BYTES,
  OUTPUT_GROWTH,
  RESULT_HEAD_BYTES,
  RESULT_TAIL_BYTES,
  TAIL_LEAD_BYTES,
  UNFINISHED_LINE_MS,
} from "./executor_limits.ts";
import { byteLength, decode, firstBytes, harmless, lastBytes } from "./text_bytes.ts";

export type OutputOptions = {
  append: (text: string) => void;
  redactor: Redactor;
  clock: Clock;
  /** Appended in all, at most. */
  maxBytes: number;
  /** Of it for the end, when the whole is longer. */
  tailBytes: number;
};

export type OutputSummary = { output: string; truncated: boolean; outputBytes: number };

export type Output = {
  /** A sink for one pipe; secrets and characters are put together within a pipe. */
  pipe(): (bytes: Uint8Array) => void;
  /** Adds a line of our own; few and short, at most `NOTES_BYTES` in all. */
  note(line: string): void;
  /** Lets out what is held back, the end included. Call once, when the pipes have ended. */
  end(): OutputSummary;
};

/** One pipe's text as far as it is safe to show. */
type Reader = {
  read(bytes: Uint8Array): string;
  /** What is held back, redacted as it is. */
  flush(): string;
  /** The same when no more will come: a character may have been cut short. */
  finish(): string;
  /** The same unredacted, to be put together with what follows. */
  rest(): string;
  /** Characters held back. */
  held(): number;
};

export function createOutput(options: OutputOptions): Output {
  const { append, redactor, clock, maxBytes, tailBytes } = options;
  const readers: Reader[] = [];
  const sink = createSink(append);
  const ring = createRing(tailBytes + TAIL_LEAD_BYTES);
  const headBytes = maxBytes - tailBytes - NOTES_BYTES;
  let headOpen = true;
  let outputBytes = 0;

  const idle = createIdle(clock, UNFINISHED_LINE_MS, () => {
    if (headOpen) { for (const reader of readers) sink.add(reader.flush()); }
  });
  /** How many more bytes the head takes, whatever becomes of them and of what is held back. */
  const room = () => {
    const held = readers.reduce((sum, reader) => sum + reader.held(), 0);
    return Math.floor((headBytes - sink.bytes()) / OUTPUT_GROWTH) - held;
  };
  const write = (reader: Reader, bytes: Uint8Array) => {
    outputBytes += bytes.length;
    let rest = bytes;
    while (headOpen && rest.length > 0) {
      // Each round takes a third of the room that is left.
      const taken = Math.min(rest.length, room());
      headOpen = taken >= Math.min(rest.length, MIN_ROOM_BYTES);
      if (!headOpen) break;
      sink.add(reader.read(rest.subarray(0, taken)));
      rest = rest.subarray(taken);
    }
    if (headOpen) idle.touch();
    else ring.push(rest);
  };

  return {
    pipe() {
      const reader = createReader(redactor);
      readers.push(reader);
      return (bytes) => write(reader, bytes);
    },
    note: (line) => sink.add(`${sink.lineOpen() ? "\n" : ""}[holdfast: ${line}]\n`),
    end() {
      idle.stop();
      if (headOpen) { for (const reader of readers) sink.add(reader.finish()); }
      else endLong(sink, { readers, ring, redactor, maxBytes, tailBytes });
      return { ...sink.end(), outputBytes };
    },
  };
}

/** Shows the end of an output whose head is full, after a line that says what is missing. */
function endLong(
  sink: Sink,
  { readers, ring, redactor, maxBytes, tailBytes }: {
    readers: Reader[];
    ring: Ring;
    redactor: Redactor;
    maxBytes: number;
    tailBytes: number;
  },
): void {
  const unshown = readers.map((reader) => reader.rest()).join("");
  // What was held back stands before the gap, if there is one, and is cut with it.
  const whole = ring.dropped() === 0;
  const end = redactor((whole ? unshown : "") + harmless(decode(ring.bytes())));
  const kept = lastBytes(end, tailBytes);
  const cut = ring.dropped() + (whole ? 0 : byteLength(unshown)) +
    byteLength(end) - byteLength(kept);
  if (cut > 0) sink.cut(cut, maxBytes);
  sink.add(kept);
}

/** Below this the head is full. */
const MIN_ROOM_BYTES = 64;

function cutLine(bytes: number, limit: number): string {
  const [cut, max] = [bytes, limit].map((count) => count.toLocaleString("en-US"));
  return `\n[holdfast: ${cut} bytes cut here; the limit is ${max} bytes]\n`;
}

function createReader(redactor: Redactor): Reader {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const stream = createRedactingStream(redactor);
  return {
    read: (bytes) => stream.push(harmless(decoder.decode(bytes, { stream: true }))),
    flush: () => stream.flush(),
    finish: () => stream.push(decoder.decode()) + stream.flush(),
    rest: () => stream.take() + decoder.decode(),
    held: () => stream.held,
  };
}

type Ring = ReturnType<typeof createRing>;

/** Keeps the last `capacity` bytes pushed. */
function createRing(capacity: number) {
  const buffer = new Uint8Array(capacity);
  let pushed = 0;
  return {
    push(bytes: Uint8Array) {
      const kept = bytes.subarray(-capacity);
      const at = (pushed + bytes.length - kept.length) % capacity;
      buffer.set(kept.subarray(0, capacity - at), at);
      buffer.set(kept.subarray(capacity - at), 0);
      pushed += bytes.length;
    },
    dropped: () => Math.max(0, pushed - capacity),
    bytes(): Uint8Array {
      if (pushed <= capacity) return buffer.subarray(0, pushed);
      const at = pushed % capacity;
      const ordered = new Uint8Array(capacity);
      ordered.set(buffer.subarray(at));
      ordered.set(buffer.subarray(0, at), capacity - at);
      return ordered;
    },
  };
}

type Sink = ReturnType<typeof createSink>;

/** Where shown text goes: to the stream, and its beginning and end into the result. */
function createSink(append: (text: string) => void) {
  const limit = RESULT_HEAD_BYTES + RESULT_TAIL_BYTES;
  let head = "";
  let tail = "";
  let bytes = 0;
  let cutBytes = 0;
  let lineOpen = false;
  const add = (shown: string) => {
    if (shown === "") return;
    append(shown);
    lineOpen = !shown.endsWith("\n");
    const before = bytes;
    bytes += byteLength(shown);
    if (bytes <= limit) {
      head += shown;
      return;
    }
    tail = (before <= limit ? head : tail) + shown;
    // Cut now and then, not for each of a million small pieces.
    if (tail.length > 4 * RESULT_TAIL_BYTES) tail = lastBytes(tail, RESULT_TAIL_BYTES);
    if (before <= limit) head = firstBytes(head + shown, RESULT_HEAD_BYTES);
  };
  return {
    add,
    /** Says that bytes are missing here. */
    cut(count: number, max: number) {
      cutBytes += count;
      add(cutLine(count, max));
    },
    bytes: () => bytes,
    lineOpen: () => lineOpen,
    end(): { output: string; truncated: boolean } {
      if (bytes <= limit) return { output: head, truncated: cutBytes > 0 };
      const end = lastBytes(tail, RESULT_TAIL_BYTES);
      const missing = bytes + cutBytes - byteLength(head) - byteLength(end);
      return { output: head + cutLine(missing, limit) + end, truncated: true };
    },
  };
}

/** Runs `act` once nothing was touched for `ms`. */
function createIdle(clock: Clock, ms: number, act: () => void) {
  let touchedAt = 0;
  let cancel: (() => void) | null = null;
  const wake = () => {
    const due = touchedAt + ms;
    cancel = clock.now() >= due ? (act(), null) : clock.wake(due, wake);
  };
  return {
    touch() {
      touchedAt = clock.now();
      cancel ??= clock.wake(touchedAt + ms, wake);
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}
