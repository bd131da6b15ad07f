/** Every bound of the WebSockets, named with its unit. */

/** How often a silent peer is asked whether it lives. */
export const PING_MS = 10_000;
/** The same of a viewer of a terminal: one that holds the program up on purpose takes no pings. */
export const TERMINAL_PING_MS = 60_000;
/** Longest message of a caller, characters or bytes. */
export const MAX_MESSAGE_SIZE = 1024 * 1024;
/** Longest id of a call, characters. */
export const MAX_REQUEST_ID_CHARS = 200;
/** Calls of one control connection that run at once. */
export const MAX_CALLS = 8;
/** Those that wait for their turn; beyond it they are refused. */
export const MAX_WAITING_CALLS = 256;
/** Answers that may wait for a peer before it is taken to be dead, bytes. */
export const MAX_WAITING_ANSWER_BYTES = 16 * 1024 * 1024;
/** Of a file in one answer, bytes; the rest is read by further calls. */
export const MAX_ANSWERED_FILE_BYTES = 1024 * 1024;
