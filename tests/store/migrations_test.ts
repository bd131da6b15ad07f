import { createClient } from "@libsql/client";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Connection } from "../../actors/store/libsql_connection.ts";
import {
  migrate,
  type Migration,
  MIGRATIONS,
  schemaVersion,
} from "../../actors/store/migrations.ts";
import { openStore, SCHEMA_VERSION } from "../../actors/store/open.ts";
import { rejectsWith } from "../suites/store_bench.ts";
import { create, newActor, NOW } from "./commits.ts";
import { withDirectory } from "./directory.ts";

const NEXT: Migration = {
  name: "colours",
  statements: ["alter table actors add column colour text", "create table colours (a integer)"],
};

Deno.test("migrate() brings an empty database to the newest schema", async () => {
  await withConnection(async (connection) => {
    assertEquals(await schemaVersion(connection), 0);
    assertEquals(await migrate(connection), MIGRATIONS.length);
    assertEquals(await schemaVersion(connection), SCHEMA_VERSION);
  });
});

Deno.test("migrate() changes nothing when there is nothing to do", async () => {
  await withConnection(async (connection) => {
    await migrate(connection);
    const before = await schemaOf(connection);
    assertEquals(await migrate(connection), SCHEMA_VERSION);
    assertEquals(await schemaOf(connection), before);
  });
});

Deno.test("migrate() applies what is missing and keeps what is there", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    const store = await openStore(path);
    await store.acquireLease("boot_1", NOW, 60_000);
    await create(store, [newActor("task:a", 1)]);
    await store.close();
    await withConnection(async (connection) => {
      assertEquals(await migrate(connection, [...MIGRATIONS, NEXT]), SCHEMA_VERSION + 1);
      const sql = "select json_array(address, colour) as row from actors";
      assertEquals(await connection.select({ sql, args: [] }), [["task:a", null]]);
    }, path);
  });
});

Deno.test("migrate() gives the bases of before their time and place in the journal", async () => {
  await withConnection(async (connection) => {
    await migrate(connection, MIGRATIONS.slice(0, 2));
    const actor = "'1', 3, 0, 77, 'active', 'idle', '{}', null, null, null";
    const journal = "'{}', null, 'api', '[]', 'idle', 'active', null";
    const statements = [
      "update head set boot_id = 'boot_1', epoch = 1, seq = 9",
      `insert into actors values (1, 'task:a', 'task', ${actor}, null)`,
      `insert into actors values (2, 'task:old', 'task', ${actor}, 50)`,
      `insert into journal values (4, 1, 'task:a', 2, 44, ${journal}, 'taken')`,
      `insert into journal values (5, 1, 'task:a', 2, 45, ${journal}, 'dropped')`,
      "insert into bases values ('task:a', 2, '1', '{}')",
      "insert into bases values ('task:old', 2, '1', '{}'), ('task:old', 3, '1', '{}')",
      "insert into blobs values ('s', 'd', 0)",
      "insert into blob_owners values ('task:a', 's')",
    ];
    await connection.batch(statements.map((sql) => ({ sql, args: [] })));
    await migrate(connection);
    const select = (sql: string) => connection.select({ sql, args: [] });
    assertEquals(
      await select("select json_array(address, revision, at, seq, cut) as row from bases"),
      [["task:a", 2, 44, 4, 0], ["task:old", 3, 77, 9, 1]],
    );
    assertEquals(await select("select json_array(sha, seq) as row from blob_owners"), [["s", 9]]);
    // Whoever held the lease with the program from before has lost it.
    assertEquals(await select("select json_array(epoch) as row from head"), [[2]]);
  });
});

Deno.test("migrate() leaves nothing of a migration that fails", async () => {
  await withConnection(async (connection) => {
    await migrate(connection);
    const before = await schemaOf(connection);
    const failing = { ...NEXT, statements: [...NEXT.statements, "insert into nowhere values (1)"] };
    await rejectsWith("other", () => migrate(connection, [...MIGRATIONS, failing]));
    assertEquals(await schemaOf(connection), before);
    assertEquals(await migrate(connection, [...MIGRATIONS, NEXT]), SCHEMA_VERSION + 1);
  });
});

Deno.test("migrate() takes it that another process was quicker", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    await withConnection(async (connection) => {
      await migrate(connection);
      const batch = connection.batch.bind(connection);
      connection.batch = async (statements) => {
        await batch(statements);
        return await batch(statements);
      };
      assertEquals(await migrate(connection, [...MIGRATIONS, NEXT]), SCHEMA_VERSION + 1);
    }, path);
  });
});

Deno.test("openStore() refuses a schema that is newer than it knows", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    await (await openStore(path)).close();
    const client = createClient({ url: `file:${path}` });
    await client.execute("insert into schema values (99, 'from the future')");
    client.close();
    const { message } = await rejectsWith("other", () => openStore(path));
    assertStringIncludes(message, `its schema is version 99, this program knows ${SCHEMA_VERSION}`);
  });
});

async function withConnection(run: (connection: Connection) => Promise<void>, path?: string) {
  const where = path === undefined ? "memory" : "file";
  const url = path === undefined ? ":memory:" : `file:${path}`;
  const connection = await Connection.open({ where, name: url, url, syncMode: "FULL" });
  try {
    await run(connection);
  } finally {
    connection.close();
  }
}

async function schemaOf(connection: Connection): Promise<unknown[]> {
  const tables = "select json_array(name, sql) as row from sqlite_master order by name";
  const versions = "select json_array(version, name) as row from schema";
  return [
    ...await connection.select({ sql: tables, args: [] }),
    ...await connection.select({ sql: versions, args: [] }),
  ];
}
