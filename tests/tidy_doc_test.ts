/**
 * Our public documentation, as far as a program can check it: everything that `mod.ts` exports
 * says what it is, and the types that it names are exported too.
 */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../"));

/**
 * Types of packages that the public API names. The linter takes them for private, whatever their
 * package exports (denoland/deno#27364), and if `mod.ts` exported them it would lint the package.
 */
const PACKAGE_TYPES = [
  "AnyActorRef",
  "AnyStateMachine",
  "CallbackActorLogic",
  "EventObject",
  "Hono",
  "PromiseActorLogic",
];

Deno.test("tidy: everything that mod.ts exports is documented", async () => {
  const known = PACKAGE_TYPES.map((name) => `references private type '${name}'`);
  const found = await lintDocs("mod.ts");
  assertEquals(found.filter((what) => !known.some((end) => what.endsWith(end))), []);
});

Deno.test("lintDocs() finds what is not documented, not typed or not exported", async () => {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      path,
      "type A = string;\n/** B. */\nexport type B = { a: A };\nexport const c = [1].length;\n",
    );
    const found = await lintDocs(path);
    assertEquals(found.map((what) => what.replace(/^.*?\.ts/, "")).sort(), [
      ":3:1: public type 'B' references private type 'A'",
      ":4:14: exported symbol is missing JSDoc documentation",
      ":4:14: exported symbol is missing an explicit type annotation",
    ]);
  } finally {
    await Deno.remove(path);
  }
});

/** What `deno doc --lint` finds, as `path:line:column: what`. */
async function lintDocs(path: string): Promise<string[]> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--quiet", "--lint", path],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr);
  const found = [...text.matchAll(/^error\[[\w-]+\]: (.+)\n\s*--> (.+)$/gm)]
    .map(([, what = "", place = ""]) => `${place.replace(ROOT, "")}: ${what}`);
  const said = Number(/^error: Found (\d+) documentation lint error/m.exec(text)?.[1] ?? 0);
  // What cannot be read must not pass for clean documentation.
  if (found.length !== said || (code !== 0) !== (said > 0)) {
    throw new Error(`Cannot lint ${path}: deno doc ended with code ${code}: ${text}`);
  }
  return found;
}
