/** `deno task stats`: what the server counts. */
import { runScript } from "./lib/args.ts";
import { connect, CONNECTION, CONNECTION_CODES } from "./lib/connect.ts";
import { createOutput } from "./lib/output.ts";
import { statsText } from "./lib/render_stats.ts";
import { readStats } from "./lib/server_stats.ts";

const SPEC = {
  name: "stats",
  summary: "Prints what the server counts: actors by state, places in pools, figures.",
  options: CONNECTION,
  exitCodes: CONNECTION_CODES,
  examples: ["deno task stats", "deno task stats --json"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const stats = await readStats(connect(options));
    createOutput(options).result(stats, () => statsText(stats));
  });
}
