/**
 * What the server process may do, as Deno's flags, worked out from its configuration. Pure.
 *
 * - net: the address it listens on, the host of a remote database, and the socket of a container
 *   engine where one is configured. Nothing else: whatever reaches out is a task, and tasks are
 *   processes of their own.
 * - read, write: its home, and the directory of a database that lies elsewhere. Workspaces are not
 *   among them: only commands look into those. The socket of a container engine is.
 * - env: the names that commands may be given, and those whose values are taken out of output.
 * - run: any program, since tasks are commands, unless the configuration names those allowed.
 * - ffi, sys: what the native addon of libSQL needs to load. The addon itself is bound by nothing.
 */
import { dirname } from "node:path";
import { READ_NAMES } from "../../actors/adapters/executor/environment.ts";
import { ENGINE_ADDRESS } from "../../actors/adapters/vm/docker_limits.ts";
import { listenAddress } from "./config.ts";
import type { Config } from "./settings.ts";

/** Read by libSQL's loader. */
const LIBSQL_ENV = ["LIBSQL_JS_DEV"];
/** Read by the WebSocket client's loader. */
const WS_ENV = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];
/** Asked by libSQL's loader, to tell one C library from another. */
const LIBSQL_SYS = ["cpus", "hostname", "networkInterfaces"];

/** Programs that the server starts for itself, besides the tasks' own. */
const OWN_PROGRAMS = ["git", "ps", "sh"];
/** The same for VMs: what makes them, enters them and gives them terminals. */
const VM_PROGRAMS = ["bash", "bwrap", "nsenter", "script", "setpriv", "stty", "unshare"];

/** The permission flags of the server. `libsqlDir` is where the addon lies. */
export function serverPermissions(config: Config, paths: { libsqlDir: string }): string[] {
  const { hostname, port } = listenAddress(config);
  const address = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const socket = config.dockerSocket === null ? [] : [config.dockerSocket];
  const engine = socket.flatMap((path) => [ENGINE_ADDRESS, `unix:${path}`]);
  const directories = [config.home, ...databaseDirectory(config), ...socket];
  return [
    allow("net", [address, ...databaseHost(config), ...engine]),
    allow("read", directories),
    allow("write", directories),
    allow("env", [...READ_NAMES, ...LIBSQL_ENV, ...WS_ENV, ...config.taskEnv, ...config.secretEnv]),
    config.allowRun === null ? "--allow-run" : allow("run", [
      ...OWN_PROGRAMS,
      ...VM_PROGRAMS,
      ...config.allowRun,
    ]),
    allow("ffi", [paths.libsqlDir]),
    allow("sys", LIBSQL_SYS),
  ];
}

/** The directory that holds libSQL's packages, from the URL of a module in one of them. */
export function libsqlDirectory(moduleUrl: string): string {
  const path = decodeURIComponent(new URL(moduleUrl).pathname);
  const end = path.lastIndexOf("/@libsql/");
  if (end < 0) throw new Error(`Cannot find libSQL's packages: "${path}" is in none of them`);
  return path.slice(0, end + "/@libsql".length);
}

function allow(kind: string, values: readonly string[]): string {
  const unusable = values.find((value) => value === "" || value.includes(","));
  // Deno's lists have no way to write a comma, and an empty list would allow everything.
  if (unusable !== undefined || values.length === 0) {
    throw new RangeError(`Cannot allow ${kind} "${unusable ?? ""}": it is empty or holds a comma`);
  }
  return `--allow-${kind}=${[...new Set(values)].join(",")}`;
}

/** The directory of a database file outside of the home: its lock lies beside it. */
function databaseDirectory({ databaseUrl, home }: Config): string[] {
  if (!databaseUrl.startsWith("file:")) return [];
  const directory = dirname(databaseUrl.replace(/^file:(\/\/(?=\/))?/, ""));
  return directory === home || directory.startsWith(`${home}/`) ? [] : [directory];
}

/** The host of a remote database, with its port where the URL names one. */
function databaseHost({ databaseUrl }: Config): string[] {
  if (/^(file:|:memory:)/.test(databaseUrl)) return [];
  // As http, so that the parser takes host and port apart; `libsql:` alone it would not.
  return [new URL(databaseUrl.replace(/^\w+:/, "http:")).host];
}
