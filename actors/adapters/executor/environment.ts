/**
 * The environment of a command: what of the server's own may pass, what the task adds, and the
 * markers by which its processes are known again. Nothing passes that is not named here or in
 * the configuration, above all none of Holdfast's own settings.
 */
import { ExecutorError, type ExecutorInput } from "./executor.ts";
import { MAX_VARIABLE_BYTES } from "./executor_limits.ts";
import { byteLength } from "./text_bytes.ts";

/** Names that always pass, where the server has them. */
export const PASSED: readonly string[] = [
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERM", "TZ", "LANG", "LANGUAGE"],
  ...["LC_ALL", "LC_ADDRESS", "LC_COLLATE", "LC_CTYPE", "LC_IDENTIFICATION", "LC_MEASUREMENT"],
  ...["LC_MESSAGES", "LC_MONETARY", "LC_NAME", "LC_NUMERIC", "LC_PAPER", "LC_TELEPHONE", "LC_TIME"],
];

/** What git needs besides, to reach a repository through an agent, a proxy or a private CA. */
const PASSED_TO_GIT = [
  ...["SSH_AUTH_SOCK", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"],
  ...["XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO"],
];

/** All that is read of the server's environment unless configured: what it needs leave for. */
export const READ_NAMES: readonly string[] = [...PASSED, ...PASSED_TO_GIT];

/** The markers that every process of an attempt carries. */
export const INSTANCE_MARKER = "HOLDFAST_INSTANCE";
export const KEY_MARKER = "HOLDFAST_EFFECT_KEY";
/** The marker of a process that belongs to a VM, besides. */
export const VM_MARKER = "HOLDFAST_VM";

/** Names that begin so are Holdfast's own. */
const OWN_PREFIX = "HOLDFAST_";

/** Names whose literal values are secrets. */
const SECRET_NAME = /token|secret|passw|passphrase|credential|(?:api|access|private)_?key/i;

export type EnvironmentOptions = {
  /** Names that configuration passes on to every command. */
  passEnv: readonly string[];
  /** Names that a task may ask for with `envFrom`. */
  allowedEnv: readonly string[];
  /** Reads a variable of the server. */
  readEnv: (name: string) => string | undefined;
};

export type Environment = {
  variables: Record<string, string>;
  /** Values among them that must not appear in output. */
  secrets: string[];
};

/** What the processes of an attempt are known by. */
export function markersOf(instance: string, key: string): Record<string, string> {
  return { [INSTANCE_MARKER]: instance, [KEY_MARKER]: key };
}

/** The environment of an attempt's command. Throws `ExecutorError("spawn_failed")`. */
export function commandEnvironment(
  input: ExecutorInput,
  markers: Record<string, string>,
  { passEnv, allowedEnv, readEnv }: EnvironmentOptions,
): Environment {
  const variables = read([...PASSED, ...passEnv], readEnv);
  const secrets = passEnv.flatMap((name) => SECRET_NAME.test(name) ? variables[name] ?? [] : []);
  for (const name of input.envFrom) {
    const value = readAllowed(name, [...PASSED, ...passEnv, ...allowedEnv], readEnv);
    variables[name] = value;
    if (!PASSED.includes(name)) secrets.push(value);
  }
  for (const [name, value] of Object.entries(input.env)) {
    checkName(name);
    variables[name] = value;
    if (SECRET_NAME.test(name)) secrets.push(value);
  }
  Object.assign(variables, markers, {
    HOLDFAST_TASK_ID: input.taskId,
    HOLDFAST_ATTEMPT: String(input.attempt),
    HOLDFAST_EPOCH: String(input.epoch),
    ...input.prompt === null ? {} : { HOLDFAST_PROMPT: input.prompt },
    ...input.session === null ? {} : { HOLDFAST_SESSION: input.session },
  });
  checkLengths(variables);
  return { variables, secrets };
}

/**
 * The same for a command in a VM, which has an environment of its own: only what the task adds.
 * Throws `ExecutorError("spawn_failed")`.
 */
export function environmentInVm(
  input: ExecutorInput,
  markers: Record<string, string>,
  options: EnvironmentOptions,
): Environment {
  const { variables, secrets } = commandEnvironment(input, markers, options);
  const added = new Set([...Object.keys(input.env), ...input.envFrom]);
  const own = Object.entries(variables).filter(([name]) =>
    added.has(name) || name.startsWith(OWN_PREFIX)
  );
  return { variables: Object.fromEntries(own), secrets };
}

/** The environment of our own git commands: never a prompt, never a surprising transport. */
export function gitEnvironment(
  markers: Record<string, string>,
  { passEnv, readEnv }: EnvironmentOptions,
): Record<string, string> {
  return {
    ...read([...PASSED, ...PASSED_TO_GIT, ...passEnv], readEnv),
    ...markers,
    // Messages are read by program.
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    GIT_ALLOW_PROTOCOL: "https:ssh:git:file",
  };
}

function read(
  names: readonly string[],
  readEnv: (name: string) => string | undefined,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of names) {
    const value = name.startsWith(OWN_PREFIX) ? undefined : readEnv(name);
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}

function readAllowed(
  name: string,
  allowed: readonly string[],
  readEnv: (name: string) => string | undefined,
): string {
  checkName(name);
  if (!allowed.includes(name)) {
    throw new ExecutorError(
      "spawn_failed",
      `Cannot pass on variable "${name}": the configuration does not allow it`,
    );
  }
  const value = readEnv(name);
  if (value !== undefined) return value;
  throw new ExecutorError(
    "spawn_failed",
    `Cannot pass on variable "${name}": the server's environment does not have it`,
  );
}

function checkName(name: string): void {
  if (name.startsWith(OWN_PREFIX)) {
    throw new ExecutorError(
      "spawn_failed",
      `Cannot set variable "${name}": names that begin with ${OWN_PREFIX} are Holdfast's own`,
    );
  }
  if (name === "" || /[=\0]/.test(name)) {
    throw new ExecutorError(
      "spawn_failed",
      `Cannot set variable "${name}": that is no name of a variable`,
    );
  }
}

/** The system would refuse the whole command with no word of which variable it was. */
function checkLengths(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const bytes = byteLength(`${name}=${value}`);
    if (bytes <= MAX_VARIABLE_BYTES) continue;
    throw new ExecutorError(
      "spawn_failed",
      `Cannot set variable "${name}": it has ${bytes} bytes with its name, ` +
        `the limit is ${MAX_VARIABLE_BYTES}`,
    );
  }
}
