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
  const headBytes = maxBytes - tailBytes - NOTES_BYTES;
  const readers: Reader[] = [];
  const ring = createRing(tailBytes + TAIL_LEAD_BYTES);
  const summary = createSummary();
  let appendedBytes = 0;
  let outputBytes = 0;
  let headOpen = true;
  let lineOpen = false;

  const emit = (text: string) => {
    if (text === "") return;
    const wellFormed = text.toWellFormed();
    appendedBytes += summary.add(wellFormed);
    lineOpen = !wellFormed.endsWith("\n");
    append(wellFormed);
  };
  const idle = createIdle(clock, UNFINISHED_LINE_MS, () => {
    if (headOpen) { for (const reader of readers) emit(reader.flush()); }
  });
  /** How many more bytes the head takes, whatever becomes of them and of what is held back. */
  const room = () => {
    const held = readers.reduce((sum, reader) => sum + reader.held(), 0);
    return Math.floor((headBytes - appendedBytes) / OUTPUT_GROWTH) - held;
  };

  const write = (reader: Reader, bytes: Uint8Array) => {
    outputBytes += bytes.length;
    let rest = bytes;
    while (headOpen && rest.length > 0) {
      const taken = Math.min(rest.length, room());
      // Each round takes a third of the room that is left.
      if (taken < Math.min(rest.length, MIN_ROOM_BYTES)) headOpen = false;
      else emit(reader.read(rest.subarray(0, taken)));
      if (headOpen) rest = rest.subarray(taken);
    }
    if (!headOpen) ring.push(rest);
    else idle.touch();
  };

  const endLong = () => {
    const unshown = readers.map((reader) => reader.rest()).join("");
    // What was held back stands before the gap, if there is one, and is cut with it.
    const whole = ring.dropped() === 0;
    const end = redactor((whole ? unshown : "") + harmless(decode(ring.bytes())));
    const endBytes = byteLength(end);
    if (whole && endBytes <= tailBytes) return emit(end);
    const kept = lastBytes(end, tailBytes);
    const cut = ring.dropped() + (whole ? 0 : byteLength(unshown)) + endBytes - byteLength(kept);
    summary.cut(cut);
    emit(cutLine(cut, maxBytes));
    emit(kept);
  };

  return {
    pipe() {
      const reader = createReader(redactor);
      readers.push(reader);
      return (bytes) => write(reader, bytes);
    },
    note(line) {
      emit(`${lineOpen ? "\n" : ""}[holdfast: ${line}]\n`);
    },
    end() {
      idle.stop();
      if (headOpen) { for (const reader of readers) emit(reader.finish()); }
      else endLong();
      return { ...summary.end(), outputBytes };
    },
  };
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

/** Control characters that a terminal and a person can do with. */
const KEPT_CONTROLS = "\n\r\t\b\u0007\u001b";

/** Replaces the control characters that would only do harm, NUL above all. */
function harmless(text: string): string {
  return text.replace(
    /[^\P{Cc}\n\r\t]/gu,
    (control) => KEPT_CONTROLS.includes(control) ? control : "\uFFFD",
  );
}

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

/** Beginning and end of all that was shown, for the result. */
function createSummary() {
  const limit = RESULT_HEAD_BYTES + RESULT_TAIL_BYTES;
  let head = "";
  let tail = "";
  let bytes = 0;
  let cutBytes = 0;
  return {
    /** Returns the length in bytes. */
    add(text: string): number {
      const length = byteLength(text);
      if (bytes + length <= limit) {
        head += text;
      } else {
        tail = (bytes <= limit ? head : tail) + text;
        // Cut now and then, not for each of a million small pieces.
        if (tail.length > 4 * RESULT_TAIL_BYTES) tail = lastBytes(tail, RESULT_TAIL_BYTES);
        if (bytes <= limit) head = firstBytes(head + text, RESULT_HEAD_BYTES);
      }
      bytes += length;
      return length;
    },
    cut(count: number) {
      cutBytes += count;
    },
    end(): { output: string; truncated: boolean } {
      if (bytes <= limit) return { output: head, truncated: cutBytes > 0 };
      const end = lastBytes(tail, RESULT_TAIL_BYTES);
      const shown = byteLength(head) + byteLength(end);
      const output = head + cutLine(bytes + cutBytes - shown, limit) + end;
      return { output, truncated: true };
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

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The longest beginning that fits, in whole characters. */
function firstBytes(text: string, count: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(count));
  return text.slice(0, read);
}

/** The longest end that fits, in whole characters. */
function lastBytes(text: string, count: number): string {
  // No character is shorter than a byte.
  const bytes = encoder.encode(text.slice(-count));
  let start = Math.max(0, bytes.length - count);
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return decode(bytes.subarray(start));
}
