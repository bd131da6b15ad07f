/**
 * Files in a VM: listed, read and written by small scripts that run there, so that links lead where
 * they lead in the VM, and nothing outside the repository is read or changed, whoever moves things
 * about meanwhile. Paths are relative to the repository, which is the VM's work directory; "" is
 * the repository itself. All throw `VmFileError`, and what `exec` throws.
 */
import { decode } from "../executor/text_bytes.ts";
import { VmFileError } from "./files_error.ts";
import {
  MAX_ENTRY_BYTES,
  MAX_FIGURES_BYTES,
  MAX_FILE_PAGE,
  MAX_NAME_BYTES,
  MAX_PATH_BYTES,
  MAX_READ_BYTES,
} from "./files_limits.ts";
import { decodeCursor, encodeCursor } from "./files_cursor.ts";
import { type FileEntry, type FileFigures, readListing, splitFigures } from "./files_output.ts";
import { filePathParts, pathParts } from "./files_path.ts";
import { createRunner, type Exec } from "./files_run.ts";
import { LIST, READ, STAT } from "./files_scripts.ts";
import { writeFile, type WriteMode, type Written } from "./files_write.ts";
import { type Diff, listChanges, showDiff } from "./git_changes.ts";
import type { FileChanges } from "./git_output.ts";

export type FileList = {
  /** Visible ones first, each kind in the order of its bytes. */
  entries: FileEntry[];
  /** Null on the last page. */
  nextCursor: string | null;
};

/** Of a name itself: a link is a link. `target` is what it says, as it says it. */
export type FileStat = FileFigures & { target: string | null };

/** A part of a file, with the figures of the whole at that time. */
export type FileContent = FileFigures & { offset: number; data: Uint8Array };

export interface VmFiles {
  /** A page of a directory, of at most `MAX_FILE_PAGE` entries. */
  list(path: string, page?: { limit?: number; cursor?: string | null }): Promise<FileList>;
  stat(path: string): Promise<FileStat>;
  /** Reads `limit` bytes from `offset` on, at most and by default `MAX_READ_BYTES`. */
  read(path: string, range?: { offset?: number; limit?: number }): Promise<FileContent>;
  /** Writes a file whole or not at all, at most `MAX_WRITE_BYTES`; makes its directories. */
  write(
    path: string,
    content: Uint8Array | ReadableStream<Uint8Array>,
    options?: { mode?: WriteMode },
  ): Promise<Written>;
  /** What differs from the last commit. */
  changes(): Promise<FileChanges>;
  /** How it differs: all, one file, or those in a directory. */
  diff(path?: string): Promise<Diff>;
}

/** The files in the work directory of a VM in which `exec` runs commands. */
export function createVmFiles(exec: Exec, workDir: string): VmFiles {
  const run = createRunner(exec, workDir);
  return {
    async list(path, { limit = MAX_FILE_PAGE, cursor = null } = {}) {
      const said = await run(`list "${path}"`, {
        text: LIST,
        args: pathParts("list", path),
        env: {
          LIMIT: String(bounded("list", path, { value: limit, least: 1, most: MAX_FILE_PAGE })),
          CURSOR: cursor === null ? "" : decodeCursor(cursor),
        },
        maxBytes: MAX_NAME_BYTES + 1 + limit * MAX_ENTRY_BYTES,
      });
      const { entries, more } = readListing(said);
      return { entries, nextCursor: more.length === 0 ? null : encodeCursor(more) };
    },
    async stat(path) {
      const said = await run(`look at "${path}"`, {
        text: STAT,
        args: pathParts("look at", path),
        maxBytes: MAX_FIGURES_BYTES + MAX_PATH_BYTES,
      });
      const { figures, rest } = splitFigures(said);
      return { ...figures, target: figures.type === "link" ? decode(rest) : null };
    },
    async read(path, { offset = 0, limit = MAX_READ_BYTES } = {}) {
      bounded("read", path, { value: offset, least: 0, most: Number.MAX_SAFE_INTEGER });
      bounded("read", path, { value: limit, least: 0, most: MAX_READ_BYTES });
      const said = await run(`read "${path}"`, {
        text: READ,
        args: filePathParts("read", path),
        env: { OFFSET: String(offset), LIMIT: String(limit) },
        maxBytes: MAX_FIGURES_BYTES + limit,
      });
      const { figures, rest } = splitFigures(said);
      return { ...figures, offset, data: rest };
    },
    write: (path, content, { mode = "replace" } = {}) => writeFile(run, path, { content, mode }),
    changes: () => listChanges(run),
    diff: (path = "") => showDiff(run, path),
  };
}

/** Whole numbers only: they go into a script. */
function bounded(
  doing: string,
  path: string,
  { value, least, most }: { value: number; least: number; most: number },
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new VmFileError(
    "invalid_path",
    `Cannot ${doing} "${path}": ${value} is not a whole number from ${least} to ${most}`,
  );
}
