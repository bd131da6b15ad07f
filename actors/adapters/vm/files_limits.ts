/** Every bound of the work with files in VMs, named with its unit. */

/** Longest path, bytes; Linux takes no longer one. */
export const MAX_PATH_BYTES = 4_096;
/** Longest name in a path, bytes. */
export const MAX_NAME_BYTES = 255;
/** Deepest path, names. */
export const MAX_PATH_PARTS = 256;

/** Largest page of a directory, and the default, entries. */
export const MAX_FILE_PAGE = 1_000;
/** Longest cursor of a directory: a name in base64url, characters. */
export const MAX_FILE_CURSOR_CHARS = 340;
/** What one entry of a directory can come to at most: name, figures and separators, bytes. */
export const MAX_ENTRY_BYTES = MAX_NAME_BYTES + 100;

/** Most that one call reads, bytes. */
export const MAX_READ_BYTES = 10 * 1024 * 1024;
/** Largest file that is written, bytes. */
export const MAX_WRITE_BYTES = 50 * 1024 * 1024;
/** Longest diff, bytes; what is longer is cut. */
export const MAX_DIFF_BYTES = 1024 * 1024;
/** Longest list of changes as git gives it, bytes; what is longer is cut. */
export const MAX_STATUS_BYTES = 1024 * 1024;

/** What a script may say of its failure, bytes; the rest is left out. */
export const MAX_COMPLAINT_BYTES = 1_024;
/** Figures of a file, ahead of its content, bytes. */
export const MAX_FIGURES_BYTES = 200;
/** Longest time of one call, ms: a pipe put in a file's place at the wrong moment hangs it. */
export const FILE_CALL_MS = 2 * 60_000;
