/** Reads what the scripts in `files_scripts.ts` say. */
import { decode } from "../executor/text_bytes.ts";

/** What a name stands for. */
export type FileType = "file" | "directory" | "link" | "other";

/** What is known of a file without reading it. */
export type FileFigures = {
  type: FileType;
  /** Permission bits: 0o644, say. */
  mode: number;
  sizeBytes: number;
  /** When its content last changed, ms, to the second. */
  modifiedAt: number;
  /** Differs when it is another file, or this one has another size or time. */
  version: string;
};

export type FileEntry = FileFigures & {
  /** Bytes that are no UTF-8 are U+FFFD: such a name cannot be asked for. */
  name: string;
};

const SLASH = 0x2f;
const NEWLINE = 0x0a;
const TYPES: { readonly [bits: number]: FileType } = {
  0o040000: "directory",
  0o100000: "file",
  0o120000: "link",
};

/** From `81a4 12 1700000000 33 1700000000`. */
export function readFigures(text: string): FileFigures {
  const match = /^([0-9a-f]+) (\d+) (-?\d+) (\d+) (-?\d+)$/.exec(text);
  if (match === null) throw new TypeError(`Cannot read the figures of a file from "${text}"`);
  const [, raw = "", size = "", modified = "", inode = "", changed = ""] = match;
  const bits = parseInt(raw, 16);
  return {
    type: TYPES[bits & 0o170000] ?? "other",
    mode: bits & 0o7777,
    sizeBytes: Number(size),
    modifiedAt: Number(modified) * 1_000,
    version: [inode, size, modified, changed].join("-"),
  };
}

/** Figures up to the first newline, and what comes after it. */
export function splitFigures(bytes: Uint8Array): { figures: FileFigures; rest: Uint8Array } {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0) throw new TypeError("Cannot read the figures of a file: there is no line of them");
  return { figures: readFigures(decode(bytes.subarray(0, end))), rest: bytes.subarray(end + 1) };
}

/** A page of a directory; `more` are the bytes of the name to go on after. */
export function readListing(bytes: Uint8Array): { entries: FileEntry[]; more: Uint8Array } {
  let at = 0;
  const next = (): Uint8Array => {
    const end = bytes.indexOf(SLASH, at);
    if (end < 0) throw new TypeError("Cannot read a directory: its listing is cut off");
    const part = bytes.subarray(at, end);
    at = end + 1;
    return part;
  };
  const more = next();
  const entries: FileEntry[] = [];
  while (at < bytes.length) {
    // Figures, a space and the dot that every name is led by.
    const figures = readFigures(decode(next()).slice(0, -" .".length));
    entries.push({ name: decode(next()), ...figures });
    if (bytes[at++] !== NEWLINE) throw new TypeError("Cannot read a directory: a name has a slash");
  }
  return { entries, more };
}
