/**
 * The settings: what each is called, which values it takes and what people are told about it.
 * Where values come from is `config.ts`.
 */
import { z } from "zod";
import { MAX_STORED_BYTES } from "../../actors/adapters/executor/executor_limits.ts";

/** Longest wait for running work when the server stops. */
const MAX_DRAIN_MS = 10 * 60_000;
/** More tasks than this at once no machine carries. */
const MAX_TASKS = 10_000;
/** More output of one attempt than this nobody reads. */
const MAX_OUTPUT_BYTES = 1024 * 1024 * 1024;
const DAY_MS = 24 * 60 * 60_000;

const HIDDEN = "(hidden)";
export const LISTEN = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Each setting takes its JSON form or the text that a flag or the environment holds. */
export const CONFIG = z.strictObject({
  listen: z.string().refine((text) => Number(LISTEN.exec(text)?.[2] ?? NaN) <= 65_535),
  home: z.string().min(1).refine((path) => !path.includes(",")),
  token: z.string().regex(/^[!-~]+$/).nullable(),
  maxConcurrentTasks: integer(1, MAX_TASKS),
  databaseUrl: z.string().regex(/^(file:.+|libsql:\/\/|https?:\/\/|wss?:\/\/|:memory:$)/),
  databaseToken: z.string().min(1).nullable(),
  encryptionKey: z.string().min(1).nullable(),
  syncMode: z.string().toUpperCase().pipe(z.enum(["FULL", "NORMAL"])),
  taskEnv: list(z.string().regex(NAME)),
  secretEnv: list(z.string().regex(NAME)),
  allowRun: list(z.string().min(1)).nullable(),
  vmProvider: z.enum(["process", "bwrap", "docker"]),
  dockerSocket: z.string().regex(/^\/[^,]+$/).nullable(),
  logLevel: z.enum(["debug", "info", "warn", "error"]),
  logFormat: z.enum(["auto", "json", "text"]),
  drainMs: integer(0, MAX_DRAIN_MS),
  standby: flag(),
  paused: flag(),
  corsOrigins: list(z.string().refine(isOrigin)),
  outputMaxBytes: integer(1_024, MAX_OUTPUT_BYTES),
  archiveAfterMs: integer(0, Number.MAX_SAFE_INTEGER),
});

/** All settings, checked and complete. */
export type Config = z.infer<typeof CONFIG>;
export type SettingName = keyof Config;

export type Setting = {
  /** The name in the environment. */
  env: string;
  /** What a value must look like. */
  want: string;
  help: string;
  /** Never printed, and not taken from flags, which every user of the machine can read. */
  secret?: boolean;
};

/** What people are told about each setting. */
export const SETTINGS: { readonly [K in SettingName]: Setting } = {
  listen: {
    env: "HOLDFAST_LISTEN",
    want: "HOST:PORT, such as 127.0.0.1:7717 or [::1]:7717",
    help: "Where to listen; port 0 takes a free one",
  },
  home: {
    env: "HOLDFAST_HOME",
    want: "a directory without a comma in its path",
    help: "Directory of all data",
  },
  token: {
    env: "HOLDFAST_TOKEN",
    want: "printable characters without spaces",
    help: "Bearer token that callers must show",
    secret: true,
  },
  maxConcurrentTasks: {
    env: "HOLDFAST_MAX_CONCURRENT_TASKS",
    want: `a whole number from 1 to ${MAX_TASKS}`,
    help: "Tasks that run at once",
  },
  databaseUrl: {
    env: "HOLDFAST_DATABASE_URL",
    want: "a file:, libsql:, http(s): or ws(s): URL, or :memory:",
    help: "The database, if not holdfast.db in the home",
  },
  databaseToken: {
    env: "HOLDFAST_DATABASE_TOKEN",
    want: "the token of a remote database",
    help: "Token of a remote database",
    secret: true,
  },
  encryptionKey: {
    env: "HOLDFAST_ENCRYPTION_KEY",
    want: "a key",
    help: "Encrypts the database file",
    secret: true,
  },
  syncMode: {
    env: "HOLDFAST_SYNC_MODE",
    want: "FULL or NORMAL",
    help: "FULL survives power loss, NORMAL a crash of the process",
  },
  taskEnv: {
    env: "HOLDFAST_TASK_ENV",
    want: "names of variables, separated by commas",
    help: "Variables of the server that tasks may ask for",
  },
  secretEnv: {
    env: "HOLDFAST_SECRET_ENV",
    want: "names of variables, separated by commas",
    help: "Variables whose values are taken out of output",
  },
  allowRun: {
    env: "HOLDFAST_ALLOW_RUN",
    want: "programs, separated by commas",
    help: "Programs that tasks may start; any, if not given",
  },
  vmProvider: {
    env: "HOLDFAST_VM_PROVIDER",
    want: "process, bwrap or docker",
    help: "Makes VMs that name no provider",
  },
  dockerSocket: {
    env: "HOLDFAST_DOCKER_SOCKET",
    want: "the full path of a socket, such as /var/run/docker.sock",
    help: "Socket of Docker or podman, for VMs in containers; none, if not given",
  },
  logLevel: {
    env: "HOLDFAST_LOG_LEVEL",
    want: "debug, info, warn or error",
    help: "The least that is logged",
  },
  logFormat: {
    env: "HOLDFAST_LOG_FORMAT",
    want: "auto, json or text",
    help: "auto: text on a terminal, else JSON",
  },
  drainMs: {
    env: "HOLDFAST_DRAIN_MS",
    want: `a whole number from 0 to ${MAX_DRAIN_MS}`,
    help: "How long a stop waits for running work, ms",
  },
  standby: {
    env: "HOLDFAST_STANDBY",
    want: "true or false",
    help: "Wait while another server holds the database",
  },
  paused: {
    env: "HOLDFAST_PAUSED",
    want: "true or false",
    help: "Open the database to look only: nothing runs, no event is taken",
  },
  corsOrigins: {
    env: "HOLDFAST_CORS_ORIGINS",
    want: "origins such as https://example.com, separated by commas",
    help: "Origins whose pages may call the API",
  },
  outputMaxBytes: {
    env: "HOLDFAST_OUTPUT_MAX_BYTES",
    want: `a whole number from 1024 to ${MAX_OUTPUT_BYTES}`,
    help: "Output of one attempt that is kept, bytes",
  },
  archiveAfterMs: {
    env: "HOLDFAST_ARCHIVE_AFTER_MS",
    want: "a whole number",
    help: "When ended actors are archived, ms",
  },
};

/** What defaults depend on. */
export type Host = {
  userHome: string;
  cwd: string;
  cores: number;
  /**
   * The path without links. Git names paths by it, and what the server may do is allowed by path:
   * a directory with two names would be allowed under one of them.
   */
  realPath?: (path: string) => string;
};

/** All names, in the order in which they are shown. */
export function settingNames(): SettingName[] {
  return CONFIG.keyof().options;
}

/** The value as it may be shown: no secret, and no password or token in a URL. */
export function shown(name: SettingName, value: unknown): unknown {
  if (SETTINGS[name].secret && value !== null) return HIDDEN;
  if (name !== "databaseUrl" || typeof value !== "string") return value;
  return value.replace(/\/\/[^/@]+@/, `//${HIDDEN}@`).replace(/(token=)[^&]+/gi, `$1${HIDDEN}`);
}

/** What holds where nothing is given; `databaseUrl` follows from the home. */
export function defaults(host: Host): { [K in SettingName]: unknown } {
  return {
    listen: "127.0.0.1:7717",
    home: "~/.holdfast",
    token: null,
    maxConcurrentTasks: 2 * host.cores,
    databaseUrl: "file:holdfast.db",
    databaseToken: null,
    encryptionKey: null,
    syncMode: "FULL",
    taskEnv: [],
    secretEnv: [],
    allowRun: null,
    vmProvider: "process",
    dockerSocket: null,
    logLevel: "info",
    logFormat: "auto",
    drainMs: 10_000,
    standby: false,
    paused: false,
    corsOrigins: [],
    outputMaxBytes: MAX_STORED_BYTES,
    archiveAfterMs: 30 * DAY_MS,
  };
}

function integer(min: number, max: number) {
  const text = z.string().regex(/^\d{1,16}$/).transform(Number);
  return z.union([z.int(), text]).pipe(z.int().min(min).max(max));
}

function flag() {
  return z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);
}

function list<T extends z.ZodType<string, string>>(item: T) {
  const text = z.string().transform((text) =>
    text.split(",").map((part) => part.trim()).filter((part) => part !== "")
  );
  return z.union([z.array(z.string()), text]).pipe(z.array(item));
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
