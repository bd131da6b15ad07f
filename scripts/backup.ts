/** `deno task backup`: a consistent copy of the database in one file, read through once. */
import { resolve } from "node:path";
import { runScript } from "./lib/args.ts";
import { callersDirectory } from "./lib/callers_directory.ts";
import { copyDatabase } from "./lib/copy_database.ts";
import { DATABASE, DATABASE_CODES, withDatabase } from "./lib/offline.ts";
import { createOutput } from "./lib/output.ts";

const SPEC = {
  name: "backup",
  summary: "Writes a copy of the database: actors, histories, timers, all that is owed.",
  positionals: [{ name: "path", help: "The new file" }],
  options: DATABASE,
  exitCodes: DATABASE_CODES,
  examples: ["deno task backup ./holdfast-2026-01-31.db"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals: [given = ""] }) => {
    const output = createOutput(options);
    const path = resolve(callersDirectory(), given);
    output.progress("Copying …");
    const copy = await withDatabase(
      options,
      (offline) => copyDatabase(offline, path),
      { anySchema: true },
    );
    output.progress("");
    output.result(copy, () => `${path} has all up to event ${copy.lastSeq}, ${copy.bytes} bytes`);
  });
}
