/**
 * The database, opened by a script in a server's place: it takes the lease, so that no server works
 * on it meanwhile, and refuses while one does. The schema stays as it is.
 */
import { NotFoundError, StoreError } from "../../actors/runtime/errors.ts";
import { LEASE_MS } from "../../actors/runtime/limits.ts";
import { openStore, SCHEMA_VERSION, type StoreOptions } from "../../actors/store/open.ts";
import type { Store } from "../../actors/store/store.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import { readConfig } from "./read_config.ts";
import type { Config } from "./settings.ts";

/** Options of every script that works on the database itself. */
export const DATABASE = {
  home: { type: "string", value: "DIR", help: "Directory of all data (HOLDFAST_HOME)" },
  "database-url": {
    type: "string",
    value: "URL",
    help: "The database, if not holdfast.db in the home (HOLDFAST_DATABASE_URL)",
  },
} as const;

/** Exit codes of every script that works on the database itself. */
export const DATABASE_CODES = {
  [EXIT.notFound]: "There is no such database, kind or actor",
  [EXIT.held]: "A server holds the database",
  [EXIT.config]: "The configuration cannot be used",
} as const;

export type Offline = { store: Store; config: Config };

type Flags = { readonly [flag: string]: unknown };

/**
 * Opens the database that the options and the configuration name, runs `work` on it and closes it.
 * Unless `anySchema`, the schema must be this version's. Throws `ExitError`.
 */
export async function withDatabase<T>(
  flags: Flags,
  work: (offline: Offline) => Promise<T>,
  { anySchema = false }: { anySchema?: boolean } = {},
): Promise<T> {
  const { config } = readConfig(flags);
  await checkThere(config);
  const store = await holding(() => openStore(config.databaseUrl, storeOptions(config)));
  try {
    if (!anySchema) checkSchema(store);
    // An empty file has no lease to take, and nobody has worked on it yet.
    if (store.info.schemaVersion > 0) await takeLease(store);
    return await work({ store, config });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new ExitError(EXIT.notFound, error.message, { cause: error });
  } finally {
    await store.close();
  }
}

/** How a configuration's database is opened; the schema stays as it is. */
export function storeOptions({ encryptionKey, databaseToken, syncMode }: Config): StoreOptions {
  return {
    syncMode,
    migrate: false,
    ...(encryptionKey === null ? {} : { encryptionKey }),
    ...(databaseToken === null ? {} : { authToken: databaseToken }),
  };
}

/** The path of a local database; null for one on a server. Throws `ExitError` for memory. */
export function databasePath({ databaseUrl }: Config): string | null {
  if (databaseUrl === ":memory:") {
    throw new ExitError(EXIT.notFound, "Cannot open :memory:: it ends with its own process");
  }
  return databaseUrl.startsWith("file:") ? databaseUrl.replace(/^file:(\/\/(?=\/))?/, "") : null;
}

/** A script must not make an empty database where somebody mistyped a path. */
async function checkThere(config: Config): Promise<void> {
  const path = databasePath(config);
  try {
    if (path !== null) await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const message = `Cannot open database ${path}: there is none; HOLDFAST_HOME or --home says ` +
      "where to look";
    throw new ExitError(EXIT.notFound, message, { cause: error });
  }
}

function checkSchema({ info: { url, schemaVersion } }: Store): void {
  if (schemaVersion === SCHEMA_VERSION) return;
  const advice = schemaVersion < SCHEMA_VERSION
    ? `"deno task migrate" brings it there, on a copy made with "deno task fork" if need be`
    : "a newer version wrote it, use that";
  throw new ExitError(
    EXIT.failed,
    `Cannot use ${url}: its schema is ${schemaVersion}, this version's is ${SCHEMA_VERSION}; ` +
      advice,
  );
}

async function takeLease(store: Store): Promise<void> {
  await holding(() => store.acquireLease(`script_${Deno.pid}`, Date.now(), LEASE_MS));
}

async function holding<T>(take: () => Promise<T>): Promise<T> {
  try {
    return await take();
  } catch (error) {
    const isHeld = error instanceof StoreError && ["fenced", "busy"].includes(error.failure);
    if (!isHeld) throw error;
    throw new ExitError(EXIT.held, `${error.message}; stop that server first`, { cause: error });
  }
}
