/** Small questions to the file system whose answer may be "there is none". */

/** For `catch`: undefined where there is nothing of that name; throws any other error again. */
export function absent(error: unknown): undefined {
  if (
    error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.IsADirectory
  ) return undefined;
  throw error;
}

/** Whether anything stands at the path, a dangling link too. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).catch(absent) !== undefined;
}

/** Removes whatever stands at the path. */
export async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(absent);
}
