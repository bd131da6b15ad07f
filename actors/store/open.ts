/** Opens a store from what a user writes in the settings. */
import { dirname } from "node:path";
import { Connection, type Target } from "./libsql_connection.ts";
import { LibsqlStore } from "./libsql.ts";
import { takeLock } from "./lock.ts";
import { migrate, MIGRATIONS, schemaVersion } from "./migrations.ts";
import type { Store } from "./store.ts";

/** How a store is opened. All of it has a default. */
export type StoreOptions = {
  /** Of a local file: its content is encrypted with it. By default it is not encrypted. */
  encryptionKey?: string;
  /** Of a server. */
  authToken?: string;
  /** `FULL` (default): a receipt survives power loss; `NORMAL`: it survives a crash. */
  syncMode?: "FULL" | "NORMAL";
  /** Further SQLite pragmas for a local database, held to like its own. */
  pragmas?: { readonly [name: string]: string | number };
  /** False: the schema stays as it is; `info.schemaVersion` says which it is. */
  migrate?: boolean;
};

/** The schema that this version works on. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** Schemes of databases on a server. */
const REMOTE = /^(libsql|https?|wss?):\/\//;

/**
 * Opens a database, makes it if it is not there, and brings its schema up to date. `url` is
 * `file:` and a path as it is, not percent-encoded, or a bare path; `:memory:`; or the address of
 * a libSQL server (`libsql:`, `http:`, `https:`, `ws:`, `wss:`).
 *
 * Throws `StoreError`: `corrupt` when the file is no database or the key is wrong, `fenced` when
 * its schema is old and another process works on it.
 *
 * @example
 * ```ts
 * import { openStore } from "@holdfast/holdfast";
 *
 * const store = await openStore(":memory:");
 * await store.close();
 * ```
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  const path = pathOf(url);
  if (path !== null) await prepareFile(path);
  const { migrate: migrates = true, ...how } = options;
  const target = targetOf(url, path, how);
  const connection = await Connection.open(target);
  try {
    const version = migrates
      ? await bringUpToDate(connection, path)
      : await schemaVersion(connection);
    return new LibsqlStore(connection, { info: infoOf(target, version), path });
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The path in a URL of a local file, else null. */
function pathOf(url: string): string | null {
  if (url === ":memory:" || REMOTE.test(url)) return null;
  const path = url.replace(/^file:(\/\/(?=\/))?/, "");
  if (path === "" || /^[a-z]+:\/\//.test(path)) {
    throw new TypeError(`Cannot open "${url}": want a path, ":memory:" or a libSQL server's URL`);
  }
  return path;
}

/** Makes the directory, and refuses what is no file of its own. */
async function prepareFile(path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  // The lock lies beside the name that the file is opened by: two names would be two locks.
  if (await isSymlink(path)) {
    throw new TypeError(`Cannot open "${path}": it is a symbolic link; give the file's own path`);
  }
}

async function isSymlink(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).isSymlink;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function targetOf(url: string, path: string | null, options: StoreOptions): Target {
  const { syncMode = "FULL", ...rest } = options;
  if (path !== null) {
    // The client decodes it again.
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    return { where: "file", name: `file:${path}`, url: `file:${encoded}`, syncMode, ...rest };
  }
  if (url === ":memory:") return { where: "memory", name: url, url, syncMode, ...rest };
  if (options.encryptionKey !== undefined) {
    throw new TypeError(`Cannot encrypt "${withoutSecrets(url)}": a server encrypts its own files`);
  }
  return { where: "remote", name: withoutSecrets(url), url, syncMode, ...rest };
}

/** A server's URL without user, password and query, where tokens may be. */
function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

/** Nobody changes the schema while another process works on the database. */
async function bringUpToDate(connection: Connection, path: string | null): Promise<number> {
  if (path === null || await schemaVersion(connection) >= MIGRATIONS.length) {
    return await migrate(connection);
  }
  const lock = await takeLock(path, { pid: Deno.pid, bootId: "migration" });
  try {
    return await migrate(connection);
  } finally {
    lock.release();
  }
}

function infoOf({ where, name, syncMode, encryptionKey }: Target, schemaVersion: number) {
  const modes = { file: syncMode, memory: "MEMORY", remote: "REMOTE" } as const;
  return {
    url: name,
    syncMode: modes[where],
    encrypted: encryptionKey !== undefined,
    schemaVersion,
  };
}
