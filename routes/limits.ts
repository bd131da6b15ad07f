/**
 * Every bound of the HTTP edge, named with its unit. Those that a user may want to change are
 * configuration with these as defaults.
 */

/** Largest request body. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Longest URL, path and query together. */
export const MAX_URL_CHARS = 8 * 1024;
/** How deep JSON in a body may be nested. */
export const MAX_JSON_DEPTH = 64;
/** Longest idempotency key, cursor or request id. */
export const MAX_HEADER_CHARS = 255;
/** Faults listed in one problem; the rest is only counted. */
export const MAX_LISTED_ERRORS = 50;

/** Connections that stay open for long: feeds, task streams, followed output, long polls. */
export const MAX_STREAMS = 1_000;
/** What a client that was refused a stream should wait, seconds. */
export const STREAM_RETRY_AFTER_S = 5;
/** A quiet stream shows that it lives this often. */
export const HEARTBEAT_MS = 15_000;
/** What a browser waits before it connects again. */
export const SSE_RETRY_MS = 2_000;
/** Bytes that may wait for a slow reader before its source is held up. */
export const STREAM_BUFFER_BYTES = 64 * 1024;
/** Kinds or addresses that one feed may be narrowed to. */
export const MAX_FEED_FILTERS = 100;

/** Longest wait of a long poll. */
export const MAX_WAIT_MS = 60_000;

/** Events in one `POST /v1/events`. */
export const MAX_BATCH_EVENTS = 10_000;
/** Events of one batch that are on their way to the actors at once. */
export const BATCH_WINDOW = 512;
/** Tasks that one bulk action may touch. */
export const MAX_BULK_TASKS = 1_000;
/** Label filters in one list query. */
export const MAX_LABEL_FILTERS = 10;

/** What a client should wait when the server cannot take a request at present, seconds. */
export const UNAVAILABLE_RETRY_AFTER_S = 5;

/** Arguments of a command, the program included. */
export const MAX_COMMAND_PARTS = 1_024;
/** Longest title, name, key or other short text, characters. */
export const MAX_NAME_CHARS = 255;
/** Longest path or URL of a workspace, characters. */
export const MAX_WORKSPACE_CHARS = 4_096;
/** Tasks that one task may wait for. */
export const MAX_DEPENDENCIES = 100;
/** Labels of a task. */
export const MAX_LABELS = 50;
/** Variables that a task may set, and that it may ask for. */
export const MAX_ENV_NAMES = 200;
/** Error codes that a task may name as worth another attempt. */
export const MAX_RETRY_CODES = 50;
/** Longest time limit of any kind that a task may ask for. */
export const MAX_LIMIT_MS = 366 * 24 * 60 * 60_000;
/** Most attempts that a task may ask for. */
export const MAX_TASK_ATTEMPTS = 1_000;
/** Longest text that a schedule or goal keeps: machines cannot read longer ones. */
export const MAX_KEPT_TEXT_BYTES = 8_000;
/**
 * Most that a text takes up in a run's task once its variables are filled in, as JSON: what is
 * longer than 8 KiB is stored apart.
 */
export const MAX_FILLED_TEXT_BYTES = 10 * 1024;
/** How often a patch that names no revision is tried, where the goal changes meanwhile. */
export const MAX_PATCH_TRIES = 5;
/** What a goal is asked, in all: its record must have room for what it remembers beside that. */
export const MAX_GOAL_PLAN_BYTES = 40 * 1024;
/** Largest budget of a goal. */
export const MAX_BUDGET_TOKENS = 1_000_000_000_000;
export const MAX_BUDGET_USD = 1_000_000_000;
/** Longest input to a running task at once, characters. */
export const MAX_INPUT_CHARS = 256 * 1024;
/** Longest name that a caller gives itself or its scope, characters. */
export const MAX_CALLER_CHARS = 100;
/** What a schedule is asked, in all: its record must have room for its runs beside that. */
export const MAX_SCHEDULE_PLAN_BYTES = 40 * 1024;
/** Most runs that a schedule may count to. */
export const MAX_SCHEDULE_RUNS = 1_000_000_000;
/** Slots that one preview lists when its caller says nothing, and at most. */
export const PREVIEW_SLOTS = 10;
export const MAX_PREVIEW_SLOTS = 100;
/** How long a person may hold a session at once, ms. */
export const MIN_HOLD_MS = 1_000;
export const MAX_HOLD_MS = 2 * 60 * 60_000;
/** Longest name of a person, characters. */
export const MAX_PERSON_CHARS = 100;
/** Longest reason given with a command, characters. */
export const MAX_REASON_CHARS = 1_000;

/** Processors, memory and disk that a VM may ask for. */
export const MAX_VM_CPUS = 1_024;
export const MIN_VM_CPUS = 0.01;
export const MIN_VM_MEMORY_MIB = 4;
export const MAX_VM_MIB = 64 * 1024 * 1024;
/** Longest name of an image, with its registry, tag and digest, characters. */
export const MAX_IMAGE_CHARS = 512;
/** Shortest idle timer of a VM, ms. */
export const MIN_IDLE_MS = 1_000;
/** How long what a provider says of its availability is taken for true, ms. */
export const AVAILABILITY_TTL_MS = 10_000;
/** How long a provider may think about its availability, ms. */
export const AVAILABILITY_WAIT_MS = 10_000;

/** How long a command in a VM may run when its caller says nothing, and at most. */
export const EXEC_TIMEOUT_MS = 10 * 60_000;
export const MAX_EXEC_TIMEOUT_MS = 24 * 60 * 60_000;
/** Kept of each output of a command in one answer when its caller says nothing, and at most. */
export const EXEC_OUTPUT_BYTES = 256 * 1024;
export const MAX_EXEC_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Read on both sides of a cut in an output, so that a secret there is seen whole. */
export const EXEC_CUT_LEAD_BYTES = 16 * 1024;
/** How long a request waits for a VM to be put to sleep: its provider has less. */
export const VM_OPERATION_WAIT_MS = 3 * 60_000;
