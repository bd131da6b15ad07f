/**
 * The lock file beside a local database: one process at a time works on it. The operating system
 * holds the lock for as long as the file is open, so a process that is killed lets go at once. The
 * file itself stays; what it says is only for the message to whoever comes second.
 */
import { StoreError } from "../runtime/errors.ts";

/** What the holder of a lock says about itself. */
export type LockHolder = { pid: number; bootId: string };

/** A lock that this process holds. */
export type FileLock = { release(): void };

/** Where the lock of a database lies. */
export function lockPath(databasePath: string): string {
  return `${databasePath}.lock`;
}

/** Takes the lock. Throws `StoreError("fenced")`, naming the holder, while another has it. */
export async function takeLock(databasePath: string, holder: LockHolder): Promise<FileLock> {
  const path = lockPath(databasePath);
  const file = await Deno.open(path, { create: true, read: true, write: true });
  try {
    if (!await file.tryLock(true)) {
      const name = describe(await Deno.readTextFile(path));
      throw new StoreError("fenced", `Cannot take ${databasePath}: ${name} is working on it`);
    }
    await file.truncate();
    await file.write(new TextEncoder().encode(JSON.stringify(holder)));
  } catch (error) {
    file.close();
    if (error instanceof StoreError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError("other", `Cannot take ${databasePath}: ${reason}`, { cause: error });
  }
  return {
    release: () => {
      file.truncateSync();
      file.close();
    },
  };
}

/** The file is empty for a moment while its holder changes. */
function describe(content: string): string {
  if (content === "") return "another process";
  const { pid, bootId } = JSON.parse(content) as LockHolder;
  return `process ${pid} (${bootId})`;
}
