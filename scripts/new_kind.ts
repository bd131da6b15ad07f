/** `deno task new-kind`: writes the files of a new kind and names it where kinds are listed. */
import { fileURLToPath } from "node:url";
import { runScript } from "./lib/args.ts";
import { newKind } from "./lib/new_kind_files.ts";
import { createOutput } from "./lib/output.ts";

const SPEC = {
  name: "new-kind",
  summary: "Writes a new kind: statechart, effects, routes and tests, ready to be changed.",
  positionals: [{ name: "name", help: "Lower-case words joined by _, such as deployment" }],
  options: {
    "dry-run": { type: "boolean", help: "Only say what would be written" },
  },
  examples: ["deno task new-kind deployment", "deno task new-kind code_review --dry-run"],
} as const;

const ROOT = new URL("../", import.meta.url);

if (import.meta.main) {
  await runScript(SPEC, ({ options, positionals: [name = ""] }) => {
    const { created, changed } = newKind(name, { read, list });
    if (!options["dry-run"]) {
      for (const [path, text] of Object.entries(created)) {
        Deno.writeTextFileSync(inRoot(path), text, { createNew: true });
      }
      for (const [path, text] of Object.entries(changed)) {
        Deno.writeTextFileSync(inRoot(path), text);
      }
    }
    const paths = { created: Object.keys(created), changed: Object.keys(changed) };
    const output = createOutput(options);
    output.result(paths, () =>
      [
        ...paths.created.map((path) => `created  ${path}`),
        ...paths.changed.map((path) => `changed  ${path}`),
      ].join("\n"));
    if (options["dry-run"]) return;
    output.note(`Try it: deno test --allow-read tests/machines/${name}_test.ts`);
    output.note("Its statechart in the docs: deno task state-machines");
    output.note(`Then: deno task start, and POST /v1/${name}s {"title": "First"}`);
  });
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(inRoot(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function list(folder: string): string[] {
  return [...Deno.readDirSync(inRoot(folder))].filter(({ isFile }) => isFile).map(({ name }) =>
    name
  );
}

function inRoot(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}
