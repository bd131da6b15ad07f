/**
 * `deno task fork`: a copy of the whole world in a home of its own, to look at and to try things
 * on. Started as it says, it runs no effects and fires no timers.
 */
import { join, resolve } from "node:path";
import { runScript } from "./lib/args.ts";
import { callersDirectory } from "./lib/callers_directory.ts";
import { copyDatabase } from "./lib/copy_database.ts";
import { makeDataDirectory } from "./lib/data_directory.ts";
import { EXIT, ExitError } from "./lib/exit_codes.ts";
import { DATABASE, DATABASE_CODES, withDatabase } from "./lib/offline.ts";
import { createOutput } from "./lib/output.ts";
import type { Config } from "./lib/settings.ts";

/** Where the copy listens, so that the original may run beside it. */
const LISTEN = "127.0.0.1:7718";

const SPEC = {
  name: "fork",
  summary: "Copies the database into a home of its own, and says how to look at it.",
  positionals: [{ name: "path", help: "The new home, a directory that is not there yet" }],
  options: DATABASE,
  exitCodes: DATABASE_CODES,
  examples: [
    "deno task fork ./rehearsal",
    "deno task check-machines --home ./rehearsal",
    "deno task start --home ./rehearsal --paused true --listen 127.0.0.1:7718",
  ],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals: [given = ""] }) => {
    const output = createOutput(options);
    const home = resolve(callersDirectory(), given);
    await checkFree(home);
    output.progress("Copying …");
    const { place, ...copy } = await withDatabase(options, async (offline) => {
      makeDataDirectory(home);
      const copy = await copyDatabase(offline, join(home, "holdfast.db"));
      return { ...copy, place: placeOf(home, offline.config) };
    }, { anySchema: true });
    output.progress("");
    const start = `deno task start ${place} --listen ${LISTEN} --paused true`;
    const check = `deno task check-machines ${place}`;
    output.result({ home, ...copy, start, check }, () =>
      [
        `${home} has all up to event ${copy.lastSeq}`,
        `look   ${start}`,
        `check  ${check}`,
        "Started without --paused it would carry out all that is owed, a second time.",
      ].join("\n"));
  });
}

/** How scripts are told of the copy: a setting that names the original's database goes before it. */
function placeOf(home: string, { home: original, databaseUrl }: Config): string {
  const isInHome = databaseUrl === `file:${join(original, "holdfast.db")}`;
  return `--home ${home}${isInHome ? "" : ` --database-url file:${join(home, "holdfast.db")}`}`;
}

async function checkFree(home: string): Promise<void> {
  try {
    await Deno.lstat(home);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new ExitError(EXIT.failed, `Cannot fork to ${home}: it exists`);
}
