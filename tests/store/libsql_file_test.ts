/** What only a local file has: its lock, its pragmas, its key, its copies. */
import { createClient } from "@libsql/client";
import { assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../actors/store/libsql_connection.ts";
import { openStore, SCHEMA_VERSION } from "../../actors/store/open.ts";
import { rejectsWith } from "../suites/store_bench.ts";
import { create, newActor, NOW } from "./commits.ts";
import { withDirectory } from "./directory.ts";
import { hold } from "./holder.ts";

const LEASE_MS = 60_000;

Deno.test("openStore() makes the directories of a new database", async () => {
  await withDirectory(async (directory) => {
    const url = `file:${directory}/deep/er/a b%20c?.db`;
    const store = await openStore(url);
    assertEquals(store.info, {
      url,
      syncMode: "FULL",
      encrypted: false,
      schemaVersion: SCHEMA_VERSION,
    });
    await store.close();
    assertEquals((await Deno.stat(`${directory}/deep/er/a b%20c?.db`)).isFile, true);
  });
});

Deno.test("openStore() takes a bare path, and finds what was written before", async () => {
  await withDirectory(async (directory) => {
    const first = await openStore(`${directory}/holdfast.db`, { syncMode: "NORMAL" });
    assertEquals(first.info.syncMode, "NORMAL");
    const { epoch } = await first.acquireLease("boot_1", NOW, LEASE_MS);
    await create(first, [newActor("task:a", 1)]);
    await first.close();
    const second = await openStore(`file:${directory}/holdfast.db`);
    assertEquals((await second.acquireLease("boot_2", NOW, LEASE_MS)).epoch, epoch + 1);
    assertEquals(await second.lastSeq(), 1);
    await second.close();
  });
});

Deno.test("openStore() refuses a symbolic link, which would have a lock of its own", async () => {
  await withDirectory(async (directory) => {
    await Deno.symlink(`${directory}/real.db`, `${directory}/holdfast.db`);
    await assertRejects(() => openStore(`${directory}/holdfast.db`), TypeError, "symbolic link");
  });
});

Deno.test("openStore() refuses a file that is no database, and a wrong key", async () => {
  await withDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/letter.txt`, "Dear all,\n".repeat(1_000));
    await rejectsWith("corrupt", () => openStore(`${directory}/letter.txt`));
    const path = `${directory}/holdfast.db`;
    const store = await openStore(path, { encryptionKey: "secret" });
    assertEquals(store.info.encrypted, true);
    await store.close();
    const error = await rejectsWith("corrupt", () => openStore(path, { encryptionKey: "guess" }));
    assertEquals(error.message.includes("its encryption key is another"), true);
    await rejectsWith("corrupt", () => openStore(path));
    await (await openStore(path, { encryptionKey: "secret" })).close();
  });
});

Deno.test("Connection holds its pragmas when it opens and when it opens again", async () => {
  await withDirectory(async (directory) => {
    const name = `file:${directory}/holdfast.db`;
    const target = { where: "file", name, url: name, syncMode: "FULL" } as const;
    const connection = await Connection.open(target);
    const inForce = async () => {
      const names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout", "cache_size"];
      const columns = names.map((pragma) => `(select * from pragma_${pragma})`);
      const sql = `select json_array(${columns.join(", ")}) as row`;
      return (await connection.select<unknown>({ sql, args: [] }))[0];
    };
    const expected = ["wal", 2, 1, 250, -32 * 1024];
    assertEquals(await inForce(), expected);
    await connection.reopen();
    assertEquals(await inForce(), expected);
    connection.close();
    // SQLite leaves a pragma that it cannot follow as it is, and says nothing.
    const impossible = { ...target, pragmas: { page_size: 1_000 } };
    const error = await rejectsWith("other", () => Connection.open(impossible));
    assertEquals(error.message.endsWith("pragma page_size is 4096, want 1000"), true);
  });
});

Deno.test("acquireLease() names the process that has the file, and is free when that is killed", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    const holder = await hold("lease", path);
    const store = await openStore(path);
    const take = () => store.acquireLease("boot_1", NOW + LEASE_MS * 100, LEASE_MS);
    const error = await rejectsWith("fenced", take);
    assertEquals(error.message.includes(`process ${holder.pid} (boot_holder)`), true);
    assertEquals(await store.lastSeq(), 0);
    await holder.kill();
    await take();
    await store.close();
  });
});

Deno.test("openStore() changes no schema while another process has the file", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    const holder = await hold("lease", path);
    const client = createClient({ url: `file:${path}` });
    await client.execute("delete from schema");
    await rejectsWith("fenced", () => openStore(path));
    await client.execute("insert into schema values (1, 'as it was')");
    client.close();
    await holder.end();
  });
});

Deno.test("commit() is fenced when the lease in the file is another's", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    const store = await openStore(path);
    await store.acquireLease("boot_1", NOW, LEASE_MS);
    await create(store, [newActor("task:a", 1)]);
    const client = createClient({ url: `file:${path}` });
    await client.execute("update head set epoch = epoch + 1");
    client.close();
    await rejectsWith("fenced", () => create(store, [newActor("task:b", 2)]));
    await rejectsWith("fenced", () => create(store, [newActor("task:c", 2)]));
    await store.close();
    const next = await openStore(path);
    assertEquals(await next.lastSeq(), 1);
    await next.close();
  });
});

Deno.test("backup() writes a copy that is whole, and never over a file", async () => {
  await withDirectory(async (directory) => {
    const encryptionKey = "secret";
    const store = await openStore(`${directory}/holdfast.db`, { encryptionKey });
    await store.acquireLease("boot_1", NOW, LEASE_MS);
    await create(store, [newActor("task:a", 1), newActor("task:b", 2)]);
    const path = `${directory}/copy.db`;
    await store.backup(path);
    await assertRejects(() => store.backup(path), Deno.errors.AlreadyExists, path);
    await create(store, [newActor("task:c", 3)]);
    await assertRejects(() => store.backup(`${directory}/none/copy.db`));
    await store.close();
    const copy = await openStore(path, { encryptionKey });
    await copy.check();
    assertEquals((await copy.listActors({ limit: 9 })).length, 2);
    assertEquals((await copy.acquireLease("boot_2", NOW, LEASE_MS)).bootId, "boot_2");
    await copy.close();
    const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
    assertEquals(names.filter((name) => name.includes("partial")), []);
  });
});

Deno.test("check() finds a damaged file", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    const store = await openStore(path);
    await store.acquireLease("boot_1", NOW, LEASE_MS);
    const writes = Array.from({ length: 500 }, (_, index) => newActor(`task:${index}`, index + 1));
    await create(store, writes);
    await store.check();
    await store.close();
    await damage(path);
    const damaged = await openStore(path);
    await rejectsWith("corrupt", () => damaged.check());
    await damaged.close();
  });
});

/** Overwrites what comes after the pages that opening needs. */
async function damage(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, read: true });
  const { size } = await file.stat();
  await file.seek(Math.floor(size * 0.6), Deno.SeekMode.Start);
  await file.write(new Uint8Array(Math.floor(size * 0.3)).fill(0xa5));
}
