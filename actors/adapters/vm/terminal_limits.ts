/** Every bound of terminals, named with its unit. Those that a user may change are defaults. */

/** Terminals of one VM. */
export const MAX_TERMINALS_PER_VM = 16;
/** Terminals of all VMs together. */
export const MAX_TERMINALS = 100;
/** How long a terminal that nobody looks at is kept, ms. */
export const TERMINAL_DETACHED_MS = 12 * 60 * 60_000;
/** How long opening one may take, ms. */
export const TERMINAL_OPEN_MS = 60_000;
/** How long the last output may take to come once the shell has ended, ms. */
export const TERMINAL_DRAIN_MS = 2_000;

/** Lines kept for whoever connects later. */
export const SCROLLBACK_LINES = 5_000;
/** Their size together; of longer lines fewer are kept. */
export const SCROLLBACK_BYTES = 4 * 1024 * 1024;
/** What is kept is dropped in pieces of this size, bytes. */
export const SCROLLBACK_BLOCK_BYTES = 32 * 1024;

/** Output that may wait for one viewer before the program is held up, bytes. */
export const VIEWER_BUFFER_BYTES = 1024 * 1024;
/** How long one viewer may hold up a program that others look at too, ms. */
export const VIEWER_STALL_MS = 10_000;
/** How often it is looked whether a viewer that is behind has caught up, ms. */
export const VIEWER_POLL_MS = 10;
/** Input that may wait for a program that does not read, bytes. */
export const MAX_WAITING_INPUT_BYTES = 1024 * 1024;

/** Longest pattern of a search, characters. */
export const MAX_PATTERN_CHARS = 200;
/** Matches of a search. */
export const SEARCH_LIMIT = 50;
export const MAX_SEARCH_LIMIT = 500;
/** Lines shown before and after a match, at most. */
export const MAX_SEARCH_CONTEXT = 50;
/** A longer line is searched in pieces of this size, characters. */
export const MAX_LINE_CHARS = 16 * 1024;
/** Shown of one line, characters. */
export const MAX_SHOWN_CHARS = 1_000;
/** Shown of all lines of one answer together, characters. */
export const MAX_ANSWER_CHARS = 2 * 1024 * 1024;
/** A search lets others have their turn after so much text, characters. */
export const SEARCH_SLICE_CHARS = 64 * 1024;
/** Longest search, ms. */
export const SEARCH_MS = 5_000;
