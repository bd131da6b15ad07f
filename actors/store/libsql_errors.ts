/**
 * What a failure of libSQL means to a caller. SQLite's codes become `StoreError`s; the constraints
 * that a commit breaks on purpose (see `libsql_commit.ts`) are told apart by the column they name.
 */
import { LibsqlError } from "@libsql/client";
import { StoreError, type StoreFailure } from "../runtime/errors.ts";

/** SQLite's base codes that a caller can act on. */
const FAILURES: { readonly [code: string]: StoreFailure } = {
  SQLITE_BUSY: "busy",
  SQLITE_LOCKED: "busy",
  SQLITE_FULL: "full",
  SQLITE_CORRUPT: "corrupt",
  SQLITE_NOTADB: "corrupt",
};

/** Input and output errors that a full disk causes; others are a failing disk. */
const FULL_DISK: ReadonlySet<string> = new Set([
  "SQLITE_IOERR_WRITE",
  "SQLITE_IOERR_TRUNCATE",
  "SQLITE_IOERR_SHMSIZE",
  "SQLITE_IOERR_SHMMAP",
  "SQLITE_IOERR_SHMOPEN",
]);

const HINTS: { readonly [code: string]: string } = {
  SQLITE_NOTADB: "it is no database, or its encryption key is another",
  SQLITE_BUSY: "another program has locked it",
  SQLITE_FULL: "the disk is full",
};

/** What the commit's checks say when they fail, by the column that they set to null. */
const CHECKS: readonly { column: string; failure: StoreFailure; reason: string }[] = [
  { column: "head.boot_id", failure: "fenced", reason: "another process has taken the lease" },
  { column: "head.commits", failure: "conflict", reason: "another commit came between" },
  { column: "head.seq", failure: "conflict", reason: "its journal does not follow the stored one" },
  { column: "head.updates", failure: "conflict", reason: "a stored revision is another" },
  { column: "journal.actor", failure: "other", reason: "its journal names a missing actor" },
  { column: "timers.actor", failure: "other", reason: "a timer belongs to a missing actor" },
];

/** Says what could not be done and why. `action` is words: `commit seq 12`. */
export function storeError(action: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  if (!(cause instanceof LibsqlError)) {
    return new StoreError("other", `Cannot ${action}: ${messageOf(cause)}`, { cause });
  }
  const { code, message } = cause;
  const check = CHECKS.find(({ column }) =>
    message.includes(`NOT NULL constraint failed: ${column}`)
  );
  if (check !== undefined) {
    return new StoreError(check.failure, `Cannot ${action}: ${check.reason}`, { cause });
  }
  const hint = HINTS[code];
  const reason = hint === undefined ? message : `${hint} (${message})`;
  return new StoreError(failureOf(cause), `Cannot ${action}: ${reason}`, { cause });
}

function failureOf({ code, extendedCode = "", message }: LibsqlError): StoreFailure {
  const failure = FAILURES[code];
  if (failure !== undefined) return failure;
  if (FULL_DISK.has(extendedCode)) return "full";
  return message.includes("UNIQUE constraint failed") ? "conflict" : "other";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
