/** `deno task backup`: a consistent copy of the database in one file, read through once. */
import { dirname, resolve } from "node:path";
import { runScript } from "./lib/args.ts";
import { callersDirectory } from "./lib/callers_directory.ts";
import { copyDatabase } from "./lib/copy_database.ts";
import { DATABASE, DATABASE_CODES, withDatabase } from "./lib/offline.ts";
import { EXIT, ExitError } from "./lib/exit_codes.ts";
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
    await checkDirectory(path);
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

/** A directory is not made: a name that is not there is more likely a mistake. */
async function checkDirectory(path: string): Promise<void> {
  const directory = dirname(path);
  try {
    if ((await Deno.stat(directory)).isDirectory) return;
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!isMissing) throw error;
  }
  const message = `Cannot back up to "${path}": there is no directory "${directory}"`;
  throw new ExitError(EXIT.notFound, message);
}
