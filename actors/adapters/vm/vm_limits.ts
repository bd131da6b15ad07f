/** Every bound that the VM providers share, and those of `process`, named with their units. */

/** Between SIGTERM and SIGKILL, where a request does not say, and at most. */
export const KILL_GRACE_MS = 2_000;
export const MAX_KILL_GRACE_MS = 10_000;

/**
 * Output that is read on after a command has ended, while something that it left holds its pipes:
 * no pipe holds more of what the command itself wrote.
 */
export const MAX_PIPE_BYTES = 1024 * 1024;
/** How long such a pipe may be silent before it is let go. */
export const PIPE_SILENCE_MS = 300;

/** What a program of ours may complain about before its complaint is cut. */
export const COMPLAINT_BYTES = 4 * 1024;
/** The line with which a terminal or a relay says that it is ready. */
export const GREETING_BYTES = 4 * 1024;
/** How long that may take. */
export const GREETING_MS = 15_000;
/** How long a program may take to end after its output has, before it is ended. */
export const EXIT_MS = 1_000;
/** Rows or columns of a terminal. */
export const MAX_TERMINAL_CELLS = 1_000;
/** Between the hang-up of a terminal and SIGKILL. */
export const HANG_UP_GRACE_MS = 500;

/** A short script of our own. */
export const SCRIPT_MS = 30_000;

/** How long processes may take to be stopped, and the wait between two looks. */
export const STOP_MS = 10_000;
export const STOP_POLL_MS = 5;

/** Longest id of a VM. */
export const MAX_VM_ID_CHARS = 100;
