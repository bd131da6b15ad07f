/** `deno task migrate`: brings the schema of the database to this version's. */
import { openStore } from "../actors/store/open.ts";
import { runScript } from "./lib/args.ts";
import { DATABASE, DATABASE_CODES, storeOptions, withDatabase } from "./lib/offline.ts";
import { createOutput } from "./lib/output.ts";
import { readConfig } from "./lib/read_config.ts";

const SPEC = {
  name: "migrate",
  summary: "Brings the database to this version's schema. A start does so too; this does only\n" +
    "that. Older versions cannot open it afterwards: make a backup first.",
  options: DATABASE,
  exitCodes: DATABASE_CODES,
  examples: ["deno task backup before.db && deno task migrate"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const { config } = readConfig(options);
    // Held for a moment only: the migration takes the lock for itself.
    const from = await withDatabase(
      options,
      ({ store }) => Promise.resolve(store.info.schemaVersion),
      { anySchema: true },
    );
    const store = await openStore(config.databaseUrl, { ...storeOptions(config), migrate: true });
    const { url, schemaVersion: to } = store.info;
    await store.close();
    createOutput(options).result(
      { database: url, from, to },
      () =>
        from === to
          ? `${url} has schema ${to} already`
          : `${url} was brought from schema ${from} to ${to}`,
    );
  });
}
