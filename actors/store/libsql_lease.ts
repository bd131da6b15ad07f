/**
 * The lease as a row of the database, and its fencing epoch. On a shared database it is all there
 * is and runs out; a local file is guarded by its lock, and the row only keeps the epoch.
 */
import { StoreError } from "../runtime/errors.ts";
import type { Fence } from "./libsql_commit.ts";
import type { Connection } from "./libsql_connection.ts";
import { type Head, head } from "./libsql_read.ts";

export async function readHead(connection: Connection): Promise<Head> {
  const [row] = await connection.select(head());
  if (row !== undefined) return row;
  throw new StoreError("corrupt", `Cannot use ${connection.name}: its head is missing`);
}

export function isOurs(head: Head, { bootId, epoch }: Fence): boolean {
  return head.bootId === bootId && head.epoch === epoch;
}

/** Takes a lease that nobody has or that ran out. Returns the head as it then is. */
export async function takeLease(
  connection: Connection,
  { bootId, now, expiresAt }: { bootId: string; now: number; expiresAt: number },
): Promise<Head> {
  const isFree = connection.target.where === "remote"
    ? "boot_id in ('', ?1) or expires_at <= ?3"
    : "true";
  const [changed] = await connection.batch([{
    sql: `update head set boot_id = ?1, epoch = epoch + 1, expires_at = ?2 where ${isFree}`,
    args: connection.target.where === "remote" ? [bootId, expiresAt, now] : [bootId, expiresAt],
  }]);
  const row = await readHead(connection);
  if (changed === 1) return row;
  const until = new Date(row.expiresAt).toISOString();
  throw new StoreError(
    "fenced",
    `Cannot take ${connection.name}: ${row.bootId} has the lease until ${until}`,
  );
}

/** Makes the lease last longer. On a local file it lasts anyway. */
export async function renewLease(
  connection: Connection,
  { bootId, epoch }: Fence,
  expiresAt: number,
): Promise<void> {
  if (connection.target.where !== "remote") return;
  const [changed] = await connection.batch([{
    sql: "update head set expires_at = ?3 where boot_id = ?1 and epoch = ?2",
    args: [bootId, epoch, expiresAt],
  }]);
  if (changed === 1) return;
  throw new StoreError(
    "fenced",
    `Cannot renew the lease of ${connection.name}: another process has taken it`,
  );
}

/** Gives the lease back, and leaves a local file whole: without a log that belongs to it. */
export async function releaseLease(
  connection: Connection,
  { bootId, epoch }: Fence,
): Promise<void> {
  await connection.batch([{
    sql: "update head set boot_id = '', expires_at = 0 where boot_id = ?1 and epoch = ?2",
    args: [bootId, epoch],
  }]);
  if (connection.target.where === "file") await foldLog(connection);
}

/**
 * Moves the log into the file. Closing would do it, but the addon keeps a closed connection until
 * its statements are collected.
 */
async function foldLog(connection: Connection): Promise<void> {
  try {
    await connection.run("pragma wal_checkpoint(truncate)");
  } catch (error) {
    // With the disk full there is no room to move it to. It is as durable where it is.
    if (!(error instanceof StoreError) || error.failure !== "full") throw error;
  }
}
