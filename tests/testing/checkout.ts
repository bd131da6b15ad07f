/** A copy of the checkout that a test may change. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

export type Checkout = AsyncDisposable & { path: string };

/** Copies all but what begins with a dot: git's data, caches, settings of editors. */
export async function copyCheckout(): Promise<Checkout> {
  const path = await Deno.makeTempDir({ prefix: "holdfast_checkout_" });
  await copyDirectory(ROOT, path);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

async function copyDirectory(from: string, to: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (name.startsWith(".") || name === "node_modules") continue;
    const [source, target] = [join(from, name), join(to, name)];
    if (isDirectory) {
      await Deno.mkdir(target);
      await copyDirectory(source, target);
    } else if (isFile) await Deno.copyFile(source, target);
  }
}
