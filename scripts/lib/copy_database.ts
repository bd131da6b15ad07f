/** Copies a database that this process holds, and reads the copy before it is relied upon. */
import { openStore } from "../../actors/store/open.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import { type Offline, storeOptions } from "./offline.ts";

export type Copy = { path: string; bytes: number; lastSeq: number; schemaVersion: number };

/** Throws `ExitError` where there is a file already, `StoreError` where the copy is no good. */
export async function copyDatabase({ store, config }: Offline, path: string): Promise<Copy> {
  try {
    await store.backup(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new ExitError(EXIT.failed, error.message, { cause: error });
  }
  // Without a log of its own, so that the copy stays one file.
  const pragmas = { journal_mode: "delete" };
  const copy = await openStore(`file:${path}`, { ...storeOptions(config), pragmas });
  try {
    await copy.check();
    const [lastSeq, wanted] = [await copy.lastSeq(), await store.lastSeq()];
    if (lastSeq !== wanted) {
      throw new ExitError(
        EXIT.failed,
        `Cannot trust ${path}: it ends at ${lastSeq}, not ${wanted}`,
      );
    }
    const { size: bytes } = await Deno.stat(path);
    return { path, bytes, lastSeq, schemaVersion: copy.info.schemaVersion };
  } finally {
    await copy.close();
  }
}
