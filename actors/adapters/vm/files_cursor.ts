/** Where a page of a directory begins: the name before it, of whatever bytes. */
import { VmFileError } from "./files_error.ts";
import { MAX_FILE_CURSOR_CHARS } from "./files_limits.ts";

/** As callers get it. */
export function encodeCursor(name: Uint8Array): string {
  return name.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** As `printf %b` takes it: octal, since not every name is text. */
export function decodeCursor(cursor: string): string {
  if (cursor.length > MAX_FILE_CURSOR_CHARS || !/^[\w-]+$/.test(cursor)) throw unknown(cursor);
  let name: Uint8Array;
  try {
    name = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
  } catch (cause) {
    throw unknown(cursor, cause);
  }
  if (name.includes(0)) throw unknown(cursor);
  return Array.from(name, (byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
}

function unknown(cursor: string, cause?: unknown): VmFileError {
  return new VmFileError(
    "invalid_path",
    `Cannot go on after ${JSON.stringify(cursor.slice(0, MAX_FILE_CURSOR_CHARS))}: ` +
      "it is not a cursor that this server gave",
    { cause },
  );
}
