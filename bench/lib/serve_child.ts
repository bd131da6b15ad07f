/**
 * A server process to be measured: the real app on a real database, with the kinds of the benches
 * and some counters to send to. "ready" answers where it listens; "mark" says that what is measured begins here; "floor"
 * answers how long each commit since then takes raw.
 */
import { createApp } from "../../routes/app.ts";
import { answerLines } from "./child.ts";
import type { BenchContext, SyncMode } from "./context.ts";
import { replay } from "./raw.ts";
import { COUNTERS } from "./server.ts";
import { inFlight } from "./statistics.ts";
import { withWorld } from "./worlds.ts";

const SPAWNS_IN_FLIGHT = 256;

if (import.meta.main) {
  const [dir = ".", syncMode = "FULL"] = Deno.args;
  const context: Pick<BenchContext, "dir" | "syncMode"> = { dir, syncMode: syncMode as SyncMode };
  await withWorld(context, async ({ system, recorded }) => {
    await inFlight(SPAWNS_IN_FLIGHT, COUNTERS, (number) => {
      return system.spawn("counter", `${number}`, { title: `Events of sender ${number}` });
    });
    const app = createApp(system);
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
    let from = 0;
    await answerLines(async (command) => {
      switch (command) {
        case "ready":
          return { url: `http://127.0.0.1:${server.addr.port}` };
        case "mark":
          from = recorded.length;
          return { from };
        case "floor":
          return { durations: await replay(context, recorded, from) };
        default:
          throw new Error(`Cannot answer "${command}": unknown command`);
      }
    });
    await server.shutdown();
  });
  Deno.exit(0);
}
