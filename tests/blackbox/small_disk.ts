/** A disk of a few MiB that a test can fill: a tmpfs, which only root may mount. */

export type SmallDisk = AsyncDisposable & {
  path: string;
  /** Writes until nothing more goes in. */
  fill(): Promise<void>;
  /** Makes room again. */
  clear(): Promise<void>;
};

/** Mounts one below a directory of its own. Throws where the user may not. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk> {
  const path = await Deno.makeTempDir({ prefix: "holdfast_disk_" });
  const mounted = await run("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path);
  if (!mounted.success) {
    await Deno.remove(path);
    throw new Error(`Cannot mount a disk on ${path}: ${mounted.reason}`);
  }
  const filler = `${path}/filler`;
  return {
    path,
    async fill() {
      const piece = new Uint8Array(64 * 1024);
      using file = await Deno.open(filler, { create: true, append: true });
      try {
        for (;;) await file.write(piece);
      } catch (error) {
        if (!isFull(error)) throw error;
      }
    },
    clear: () => Deno.remove(filler),
    async [Symbol.asyncDispose]() {
      const { success, reason } = await run("umount", path);
      if (!success) throw new Error(`Cannot unmount ${path}: ${reason}`);
      await Deno.remove(path);
    },
  };
}

/** Why this user cannot have one, or undefined. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "tmpfs is Linux's";
  try {
    await using _disk = await mountSmallDisk(1);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function run(program: string, ...args: string[]) {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  return { success, reason: new TextDecoder().decode(stderr).trim() };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOSPC";
}
