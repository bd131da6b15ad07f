/** Every bound of the executors, named with its unit. */

/** Output of one attempt that is written to the stream; what goes beyond is cut from the middle. */
export const MAX_STORED_BYTES = 8 * 1024 * 1024;
/** The end of a longer output, kept besides its beginning. */
export const TAIL_BYTES = 64 * 1024;
/** Read before that end, so that a secret at the cut is seen whole. */
export const TAIL_LEAD_BYTES = 16 * 1024;
/** Room in the stream for our own lines about the output. */
export const NOTES_BYTES = 1024;
/** The most bytes that one byte of output can become: a broken one turns into U+FFFD. */
export const OUTPUT_GROWTH = 3;
/** Beginning and end of the output that go into the result. */
export const RESULT_HEAD_BYTES = 8 * 1024;
export const RESULT_TAIL_BYTES = 24 * 1024;
/** How long an unfinished line waits for its rest before it is shown as it is. */
export const UNFINISHED_LINE_MS = 500;

/** Linux takes no variable, name and `=` included, that is longer: MAX_ARG_STRLEN less its NUL. */
export const MAX_VARIABLE_BYTES = 128 * 1024 - 1;
/** Longest prompt of a task: commands get it as a variable. */
export const MAX_PROMPT_BYTES = 120 * 1024;
/** Longest name of a session. */
export const MAX_SESSION_CHARS = 200;

/** Longest wait between SIGTERM and SIGKILL: a cancelled task is gone within 5 s in all. */
export const MAX_KILL_GRACE_MS = 3_500;
/** How long a killed process may take to be gone before it is reported and left. */
export const KILL_WAIT_MS = 800;
/** How long processes that outlive their command may go on by themselves. */
export const LEFTOVER_GRACE_MS = 300;
/** Between two looks at whether processes are gone: at first, and at most. */
export const GONE_POLL_MS = 25;
export const MAX_GONE_POLL_MS = 200;
/** How long to read on from pipes that somebody still holds after all processes are gone. */
export const PIPE_DRAIN_MS = 600;
/** Between SIGTERM and SIGKILL for processes that an earlier server left. */
export const ORPHAN_GRACE_MS = 2_000;
/** One look at the process table. */
export const PROCESS_TABLE_MS = 10_000;

/** Looks for a command in a VM that is to be signalled and may be about to begin. */
export const MAX_SIGNAL_LOOKS = 5;
export const SIGNAL_LOOK_MS = 200;

/** Input that waits for a command which does not read. */
export const MAX_WAITING_INPUT_BYTES = 1024 * 1024;
/** Pauses, resumes and inputs kept while the workspace is made ready. */
export const MAX_WAITING_CONTROLS = 1_000;

/** Clone and fetch of one repository. */
export const GIT_NETWORK_MS = 30 * 60_000;
/** Git commands that stay on this machine. */
export const GIT_LOCAL_MS = 10 * 60_000;
/** Git's messages that are kept of one command. */
export const GIT_OUTPUT_BYTES = 64 * 1024;
/** The last lines of git's messages that go into an error. */
export const GIT_ERROR_LINES = 6;
/** A lock file this old belongs to nobody: git holds them for moments. */
export const STALE_LOCK_MS = 60_000;
/** Lock files removed for one git command. */
export const MAX_STALE_LOCKS = 16;

/** A mirror of a repository that was not fetched for so long goes, unless a worktree needs it. */
export const MIRROR_UNUSED_MS = 30 * 24 * 60 * 60_000;

/** Longest directory name made of a task's id. */
export const MAX_DIRECTORY_CHARS = 200;
