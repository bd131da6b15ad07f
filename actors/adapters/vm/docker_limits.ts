/** Every bound of the `docker` provider beside those that all share, named with its unit. */

/**
 * The host and port in our URLs, which nobody is asked for: an address that is kept for examples.
 * Deno looks up the host of a URL even where a socket is used in its place, so that a name would
 * wait for a name server now and then; and it wants leave for it, as for the socket.
 */
export const ENGINE_ADDRESS = "192.0.2.1:80";

/** The oldest version of the API that has all we use, and the newest that we know. */
export const MIN_API_VERSION = "1.40";
export const MAX_API_VERSION = "1.47";

/** Whether the daemon is there. */
export const PING_MS = 5_000;
/** A request that only asks, or that takes the daemon a moment. */
export const REQUEST_MS = 30_000;
/** Making, starting and removing a container, under load. */
export const LIFECYCLE_MS = 120_000;
/** Pulling an image, whole; and between two signs of life of it. */
export const PULL_MS = 30 * 60_000;
export const PULL_STALL_MS = 2 * 60_000;

/** An answer of the daemon; a list of all our containers is the longest. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** The head of an answer to an upgrade, and the text of a refusal. */
export const MAX_HEAD_BYTES = 16 * 1024;
export const MAX_REFUSAL_BYTES = 64 * 1024;
/** One message of a pull. */
export const MAX_PULL_MESSAGE_BYTES = 1024 * 1024;
/** Layers of one image whose progress is added up. */
export const MAX_PULL_LAYERS = 1_000;
/** Progress is told again when it has grown by so much, of 100. */
export const PULL_PROGRESS_STEP = 5;

/** Processes and threads of one VM. */
export const PROCESS_LIMIT = 4_096;
/** Tries to pause a container, or to let it go on, while the runtime fails to. */
export const PAUSE_TRIES = 3;
/** Containers removed from the way of a new one before it is given up. */
export const MAX_CREATE_ROUNDS = 3;
/** Between two looks at a container that is being removed, and how many. */
export const REMOVAL_POLL_MS = 250;
export const MAX_REMOVAL_POLLS = 120;

/** One read from a command's output. */
export const READ_BYTES = 64 * 1024;
/** Output that may come before the wrapper's greeting: the text of a runtime's failure. */
export const MAX_UNGREETED_BYTES = 1024 * 1024;
/** Of that text, what goes into an error. */
export const MAX_REASON_CHARS = 600;
/** Output of our own small commands. */
export const MAX_SCRIPT_OUTPUT_BYTES = 4 * 1024 * 1024;
/** How long the daemon may take to know the exit code after the connection has ended. */
export const EXIT_WAIT_MS = 5_000;
/** Between two questions for it: at first, and at most. */
export const EXIT_POLL_MS = 20;
export const MAX_EXIT_POLL_MS = 500;
/** Rounds of SIGKILL against processes that start others meanwhile, and the wait between. */
export const MAX_KILL_ROUNDS = 10;
export const KILL_ROUND_MS = 50;

/** Terminal output read ahead of its reader. */
export const TERMINAL_AHEAD_BYTES = 64 * 1024;
