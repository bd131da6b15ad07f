/**
 * Mirrors of repositories that nobody needs any more. One is kept while a worktree refers to it,
 * and for some time after it was fetched last; a task that wants it later clones it again. How a
 * mirror is made is in `repository.ts`.
 */
import { join, resolve } from "node:path";
import { MIRROR_UNUSED_MS } from "./executor_limits.ts";
import { absent, removeIfThere } from "./files.ts";
import type { Mutex } from "./mutex.ts";

export type MirrorOptions = {
  /** Where mirrors are kept. */
  repos: string;
  /** The one that is taken while a mirror is worked on. */
  mutex: Mutex;
  /** Ms since the epoch. */
  now: number;
};

/** What a clone that was cut off leaves; the next one makes it anew. */
const PARTIAL = ".partial";

/** Removes mirrors without use; returns how many. */
export async function removeUnusedMirrors({ repos, mutex, now }: MirrorOptions): Promise<number> {
  const before = now - MIRROR_UNUSED_MS;
  let removed = 0;
  for (const name of await namesIn(repos)) {
    const path = join(repos, name);
    if (await isUsed(path, before)) continue;
    const mirror = path.endsWith(PARTIAL) ? path.slice(0, -PARTIAL.length) : path;
    await mutex(mirror, new AbortController().signal, async () => {
      // A task may have taken it up meanwhile.
      if (await isUsed(path, before)) return;
      await removeWhole(path, `${mirror}${PARTIAL}`);
      removed += 1;
    });
  }
  return removed;
}

/** A mirror that is half gone must not look like one: it goes by the name of a torn clone. */
async function removeWhole(path: string, partial: string): Promise<void> {
  if (path !== partial) {
    await removeIfThere(partial);
    await Deno.rename(path, partial).catch(absent);
  }
  await removeIfThere(partial);
}

async function isUsed(path: string, before: number): Promise<boolean> {
  // Git writes this file at every fetch, whatever comes of it.
  const info = await Deno.stat(join(path, "FETCH_HEAD")).catch(absent) ??
    await Deno.stat(path).catch(absent);
  if ((info?.mtime?.getTime() ?? Infinity) >= before) return true;
  const worktrees = join(path, "worktrees");
  for (const name of await namesIn(worktrees)) {
    const entry = join(worktrees, name);
    const pointer = await Deno.readTextFile(join(entry, "gitdir")).catch(absent);
    if (pointer !== undefined && await mayExist(resolve(entry, pointer.trim()))) return true;
  }
  return false;
}

/** A command may have made a worktree where the server may not look. */
async function mayExist(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return true;
    if (error instanceof Deno.errors.PermissionDenied) return true;
    return absent(error) ?? false;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(directory));
    return entries.filter((entry) => entry.isDirectory).map((entry) => entry.name);
  } catch (error) {
    return absent(error) ?? [];
  }
}
