/**
 * What a terminal's bytes say as text: escape sequences and control characters taken out, line by
 * line. One pass, so that no output can make it slow. Where the cursor went is not followed.
 */
import { MAX_LINE_CHARS } from "./terminal_limits.ts";

const ESC = 0x1b;
const CSI = 0x9b;
const BELL = 0x07;
const TAB = 0x09;
/** `]`, `P`, `X`, `^`, `_`: sequences of any length, which a bell or `ESC \` ends. */
const STRINGS: readonly number[] = [0x5d, 0x50, 0x58, 0x5e, 0x5f];

/** The lines of some output. A line beyond the limit comes as several. */
export function* textLines(pieces: readonly Uint8Array[]): Generator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield* cut(plainText(line));
  }
  rest += decoder.decode();
  if (rest !== "") yield* cut(plainText(rest));
}

/** A line without escape sequences and control characters. */
export function plainText(line: string): string {
  let text = "";
  let from = 0;
  for (let at = 0; at < line.length;) {
    const code = line.charCodeAt(at);
    if (!isControl(code)) {
      at++;
      continue;
    }
    text += line.slice(from, at);
    at = code === ESC || code === CSI ? endOfSequence(line, at) : at + 1;
    from = at;
  }
  return text + line.slice(from);
}

function* cut(line: string): Generator<string> {
  if (line.length <= MAX_LINE_CHARS) return yield line;
  for (let from = 0; from < line.length; from += MAX_LINE_CHARS) {
    yield line.slice(from, from + MAX_LINE_CHARS);
  }
}

function isControl(code: number): boolean {
  return code < 0x20 ? code !== TAB : code >= 0x7f && code <= 0x9f;
}

/** The position after the sequence that begins here (ECMA-48, with xterm's strings). */
function endOfSequence(line: string, start: number): number {
  if (line.charCodeAt(start) === CSI) return endOfControl(line, start + 1);
  const kind = line.charCodeAt(start + 1);
  if (kind === 0x5b) return endOfControl(line, start + 2);
  if (STRINGS.includes(kind)) return endOfString(line, start + 2);
  let at = start + 1;
  while (isWithin(line, at, 0x20, 0x2f)) at++;
  return isWithin(line, at, 0x30, 0x7e) ? at + 1 : at;
}

function endOfControl(line: string, start: number): number {
  let at = start;
  while (isWithin(line, at, 0x20, 0x3f)) at++;
  return isWithin(line, at, 0x40, 0x7e) ? at + 1 : at;
}

function endOfString(line: string, start: number): number {
  for (let at = start; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === BELL || code === 0x9c) return at + 1;
    if (code === ESC) return line[at + 1] === "\\" ? at + 2 : at;
  }
  return line.length;
}

function isWithin(line: string, at: number, low: number, high: number): boolean {
  const code = line.charCodeAt(at);
  return code >= low && code <= high;
}
