/**
 * The last lines of a terminal, as the bytes that came: those are what a viewer is sent who
 * connects later, escape sequences and all. They lie in blocks, however small or large the pieces
 * were in which they came, so that lines and characters cut by a piece's end are whole again.
 */
import { SCROLLBACK_BLOCK_BYTES, SCROLLBACK_BYTES, SCROLLBACK_LINES } from "./terminal_limits.ts";

const NEWLINE = 0x0a;

type Block = { bytes: Uint8Array<ArrayBuffer>; length: number; newlines: number };

/** What a viewer is sent first. */
export type Replay = { pieces: Uint8Array<ArrayBuffer>[]; lines: number };

export class Scrollback {
  readonly #maxLines: number;
  readonly #maxBytes: number;
  readonly #blocks: Block[] = [];
  #bytes = 0;
  #newlines = 0;
  /** Whether something before the first block is gone. */
  #isCut = false;

  constructor({ maxLines = SCROLLBACK_LINES, maxBytes = SCROLLBACK_BYTES } = {}) {
    this.#maxLines = maxLines;
    this.#maxBytes = maxBytes;
  }

  /** Keeps a copy of what came, and drops what is too old for it. */
  append(data: Uint8Array): void {
    for (let from = 0; from < data.byteLength;) {
      const block = this.#blockWithRoom();
      const piece = data.subarray(from, from + block.bytes.byteLength - block.length);
      block.bytes.set(piece, block.length);
      block.length += piece.byteLength;
      const newlines = countNewlines(piece);
      block.newlines += newlines;
      this.#newlines += newlines;
      this.#bytes += piece.byteLength;
      from += piece.byteLength;
      this.#dropOld();
    }
  }

  /** The lines that are kept, whole ones first; the last may not have ended yet. */
  replay(): Replay {
    const pieces = this.#blocks.map(({ bytes, length }) => bytes.slice(0, length));
    const [first] = pieces;
    if (first === undefined) return { pieces, lines: 0 };
    const skipped = this.#newlines - this.#maxLines;
    const { start, newlines } = startOf(first, skipped, this.#isCut);
    pieces[0] = first.subarray(start);
    const last = pieces.at(-1)?.at(-1);
    const partial = last === undefined || last === NEWLINE ? 0 : 1;
    return { pieces, lines: this.#newlines - newlines + partial };
  }

  #blockWithRoom(): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.length < last.bytes.byteLength) return last;
    const block = { bytes: new Uint8Array(SCROLLBACK_BLOCK_BYTES), length: 0, newlines: 0 };
    this.#blocks.push(block);
    return block;
  }

  /** The oldest block goes when the rest alone has enough lines or bytes. */
  #dropOld(): void {
    for (let [first] = this.#blocks; first !== undefined; [first] = this.#blocks) {
      const enoughLines = this.#newlines - first.newlines > this.#maxLines;
      const tooLarge = this.#bytes > this.#maxBytes && this.#blocks.length > 1;
      if (!enoughLines && !tooLarge) return;
      this.#blocks.shift();
      this.#bytes -= first.length;
      this.#newlines -= first.newlines;
      this.#isCut = true;
    }
  }
}

/** Where the first line that is kept begins: after so many line ends, never inside of a line. */
function startOf(first: Uint8Array, skipped: number, isCut: boolean) {
  let start = 0;
  let newlines = 0;
  const wanted = Math.max(skipped, isCut ? 1 : 0);
  while (newlines < wanted) {
    const at = first.indexOf(NEWLINE, start);
    if (at < 0) break;
    start = at + 1;
    newlines++;
  }
  // The rest of one endless line: begin with a whole character at least.
  if (isCut && newlines === 0) { while (((first[start] ?? 0) & 0xc0) === 0x80) start++; }
  return { start, newlines };
}

function countNewlines(data: Uint8Array): number {
  let count = 0;
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
