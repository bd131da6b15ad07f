/**
 * A restart to be measured: opens a database, starts the system on it and serves the app
 * ("runtime"), or only opens it and writes with libSQL ("raw"). Prints one line of JSON and ends.
 */
import { createClient } from "@libsql/client";
import { createSystem } from "../../actors/runtime/system.ts";
import { openStore } from "../../actors/store/open.ts";
import { createApp } from "../../routes/app.ts";
import { print } from "../../scripts/lib/output.ts";
import { benchKinds } from "../machines.ts";
import type { SyncMode } from "./context.ts";
import { sum } from "./statistics.ts";

export type Restart = {
  /** From the opening of the database until the system is ready, ms. */
  readyMs: number;
  /** From the start of the process until `/readyz` has answered, ms. */
  processMs: number;
  /** Resident memory then, bytes. */
  rss: number;
  /** Actors that the system found. */
  actors: number;
};

if (import.meta.main) {
  const [how = "", url = "", syncMode = "FULL", spawnedAt = "0"] = Deno.args;
  const start = how === "raw" ? startRaw : startRuntime;
  const found = await start(url, syncMode as SyncMode);
  const processMs = Date.now() - Number(spawnedAt);
  const restart: Restart = { ...found, processMs, rss: Deno.memoryUsage().rss };
  print(Deno.stdout, JSON.stringify(restart));
  Deno.exit(0);
}

type Found = Pick<Restart, "readyMs" | "actors">;

async function startRuntime(url: string, syncMode: SyncMode): Promise<Found> {
  const startedAt = performance.now();
  const system = createSystem({ store: await openStore(url, { syncMode }), kinds: benchKinds });
  await system.start();
  const readyMs = performance.now() - startedAt;
  const { fetch: handle } = createApp(system);
  const { addr } = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handle);
  const answer = await fetch(`http://127.0.0.1:${addr.port}/readyz`);
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`Cannot restart on ${url}: /readyz answers ${answer.status}`);
  const { tallies } = await system.stats();
  return { readyMs, actors: sum(tallies.map(({ count }) => count)) };
}

async function startRaw(url: string, syncMode: SyncMode): Promise<Found> {
  const startedAt = performance.now();
  const client = createClient({ url, concurrency: 1 });
  await client.execute("PRAGMA journal_mode = WAL");
  await client.execute(`PRAGMA synchronous = ${syncMode}`);
  await client.batch(["CREATE TABLE bench_lease (at)", "DROP TABLE bench_lease"], "write");
  return { readyMs: performance.now() - startedAt, actors: 0 };
}
