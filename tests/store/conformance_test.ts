/**
 * The store's suite on each kind of store. A server is included when `HOLDFAST_TEST_REMOTE_URL`
 * names one, whose database is emptied.
 */
import { createClient } from "@libsql/client";
import { MemoryStore } from "../../actors/store/memory.ts";
import { MemoryData } from "../../actors/store/memory_data.ts";
import { openStore } from "../../actors/store/open.ts";
import { storeSuite } from "../suites/store_suite.ts";

storeSuite("MemoryStore", () => {
  const content = new MemoryData();
  return Promise.resolve({
    store: new MemoryStore(content),
    another: () => Promise.resolve(new MemoryStore(content)),
    leaseRunsOut: true,
    dispose: () => Promise.resolve(),
  });
});

storeSuite("libSQL in memory", async () => ({
  store: await openStore(":memory:"),
  leaseRunsOut: false,
  dispose: () => Promise.resolve(),
}));

storeSuite("libSQL on a file", async () => {
  const directory = await Deno.makeTempDir({ prefix: "holdfast_store_" });
  const open = () => openStore(`file:${directory}/holdfast.db`);
  return {
    store: await open(),
    another: open,
    leaseRunsOut: false,
    dispose: () => Deno.remove(directory, { recursive: true }),
  };
});

const remoteUrl = Deno.env.get("HOLDFAST_TEST_REMOTE_URL");
if (remoteUrl !== undefined) {
  storeSuite("libSQL on a server", async () => {
    await empty(remoteUrl);
    return {
      store: await openStore(remoteUrl),
      another: () => openStore(remoteUrl),
      leaseRunsOut: true,
      dispose: () => Promise.resolve(),
    };
  });
}

async function empty(url: string): Promise<void> {
  const client = createClient({ url });
  const { rows } = await client.execute("select name from sqlite_master where type = 'table'");
  const tables = rows.map(({ name }) => String(name)).filter((name) => !name.startsWith("sqlite_"));
  // Those that refer to others go first.
  tables.sort((left, right) => Number(right === "blob_owners") - Number(left === "blob_owners"));
  await client.batch(tables.map((name) => `drop table ${name}`), "write");
  client.close();
}
