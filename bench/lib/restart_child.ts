/**
 * A restart to be measured: opens a database and starts the system on it ("runtime"), or only
 * opens it and writes a lease with libSQL ("raw"). Prints one line of JSON and ends.
 */
import { createClient } from "@libsql/client";
import { createSystem } from "../../actors/runtime/system.ts";
import { openStore } from "../../actors/store/open.ts";
import { print } from "../../scripts/lib/output.ts";
import { benchKinds } from "../machines.ts";
import type { SyncMode } from "./context.ts";

export type Restart = {
  /** From the opening of the database to ready, ms. */
  readyMs: number;
  /** From the start of the process to ready, ms. */
  processMs: number;
  /** Resident memory when ready, bytes. */
  rss: number;
};

if (import.meta.main) {
  const [how = "", url = "", syncMode = "FULL", spawnedAt = "0"] = Deno.args;
  const startedAt = performance.now();
  const stop = how === "raw"
    ? await startRaw(url, syncMode as SyncMode)
    : await startRuntime(url, syncMode as SyncMode);
  const restart: Restart = {
    readyMs: performance.now() - startedAt,
    processMs: Date.now() - Number(spawnedAt),
    rss: Deno.memoryUsage().rss,
  };
  await stop();
  print(Deno.stdout, JSON.stringify(restart));
  Deno.exit(0);
}

async function startRuntime(url: string, syncMode: SyncMode): Promise<() => Promise<void>> {
  const system = createSystem({ store: await openStore(url, { syncMode }), kinds: benchKinds });
  await system.start();
  return () => system.stop();
}

async function startRaw(url: string, syncMode: SyncMode): Promise<() => Promise<void>> {
  const client = createClient({ url, concurrency: 1 });
  await client.execute("PRAGMA journal_mode = WAL");
  await client.execute(`PRAGMA synchronous = ${syncMode}`);
  await client.batch(["CREATE TABLE bench_lease (at)", "DROP TABLE bench_lease"], "write");
  return () => Promise.resolve(client.close());
}
