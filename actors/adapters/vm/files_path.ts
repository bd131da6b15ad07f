/**
 * Paths in a repository as callers give them, checked before the VM is asked: relative, without
 * `..`, and of names that a file system can hold. Where links lead only the VM can tell.
 */
import { VmFileError } from "./files_error.ts";
import { MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_PATH_PARTS } from "./files_limits.ts";

const encoder = new TextEncoder();

/** The names in a path; none for the repository itself, which is "" or ".". */
export function pathParts(doing: string, path: string): string[] {
  if (path === "" || path === ".") return [];
  const parts = path.split("/");
  const fault = faultOf(path, parts);
  if (fault === undefined) return parts;
  // It may hold whatever a caller sent: quoted, and no longer than it must be.
  throw new VmFileError(
    "invalid_path",
    `Cannot ${doing} ${JSON.stringify(path.slice(0, MAX_NAME_BYTES))}: ${fault}`,
  );
}

/** As `pathParts`, of something in the repository, not of itself. */
export function filePathParts(doing: string, path: string): string[] {
  const parts = pathParts(doing, path);
  if (parts.length > 0) return parts;
  throw new VmFileError("is_directory", `Cannot ${doing} "${path}": it is the repository itself`);
}

function faultOf(path: string, parts: readonly string[]): string | undefined {
  if (path.includes("\0")) return "it holds a NUL";
  if (!path.isWellFormed()) return "it is not well-formed Unicode";
  if (path.startsWith("/")) return "it is absolute; paths are relative to the repository";
  if (parts.includes("..")) return 'it holds ".."; paths must stay in the repository';
  if (parts.includes("") || parts.includes(".")) return "it holds an empty name";
  if (parts.length > MAX_PATH_PARTS) return `it is deeper than ${MAX_PATH_PARTS} names`;
  if (encoder.encode(path).length > MAX_PATH_BYTES) return `it is over ${MAX_PATH_BYTES} bytes`;
  if (parts.some((part) => encoder.encode(part).length > MAX_NAME_BYTES)) {
    return `it holds a name of over ${MAX_NAME_BYTES} bytes`;
  }
  return undefined;
}
