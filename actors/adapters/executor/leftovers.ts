/**
 * Directories that tasks have left: workspaces and worktrees stay for people to look at as long
 * as their task is kept, and go when it has been archived. A directory that no task is known for
 * is left alone: it is not ours to judge.
 */
import { join } from "node:path";
import { absent } from "./files.ts";

/** Where directories of tasks are made, below the data directory. */
const PLACES = ["workspaces", "worktrees"];
/** Tasks asked for at a time. */
const BATCH = 200;

export type LeftoverOptions = {
  /** The data directory. */
  home: string;
  /** Which of these tasks have been archived. */
  archived(taskIds: readonly string[]): Promise<ReadonlySet<string>>;
};

/** Removes the directories of archived tasks; returns how many. */
export async function removeLeftovers({ home, archived }: LeftoverOptions): Promise<number> {
  let removed = 0;
  for (const place of PLACES) {
    const directory = join(home, place);
    let batch: string[] = [];
    const flush = async () => {
      const gone = await archived(batch.map(taskOf));
      for (const name of batch.filter((name) => gone.has(taskOf(name)))) {
        await Deno.remove(join(directory, name), { recursive: true }).catch(absent);
        removed += 1;
      }
      batch = [];
    };
    for await (const name of namesIn(directory)) {
      batch.push(name);
      if (batch.length === BATCH) await flush();
    }
    if (batch.length > 0) await flush();
  }
  return removed;
}

async function* namesIn(directory: string): AsyncGenerator<string> {
  try {
    for await (const entry of Deno.readDir(directory)) if (entry.isDirectory) yield entry.name;
  } catch (error) {
    absent(error);
  }
}

/** The id that `directoryName` made the name of. */
function taskOf(name: string): string {
  return name.replaceAll(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}
