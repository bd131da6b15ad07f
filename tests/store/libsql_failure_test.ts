/** What happens when the database cannot do what it should: full, locked, gone, or mute. */
import { type Client, type Config, createClient, LibsqlError } from "@libsql/client";
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError, type StoreFailure } from "../../actors/runtime/errors.ts";
import { LibsqlStore } from "../../actors/store/libsql.ts";
import { Connection } from "../../actors/store/libsql_connection.ts";
import { storeError } from "../../actors/store/libsql_errors.ts";
import { migrate } from "../../actors/store/migrations.ts";
import { openStore } from "../../actors/store/open.ts";
import type { Store } from "../../actors/store/store.ts";
import { rejectsWith } from "../suites/store_bench.ts";
import { commitOn, create, newActor, NOW, streamRow } from "./commits.ts";
import { withDirectory } from "./directory.ts";
import { hold } from "./holder.ts";

const LEASE_MS = 60_000;

Deno.test("commit() on a full disk leaves nothing, and goes on when there is room", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    // SQLite fails as on a full disk when the file would need more pages.
    const store = await openStore(path, { pragmas: { max_page_count: 150 } });
    await store.acquireLease("boot_1", NOW, LEASE_MS);
    await create(store, [newActor("task:a", 1)]);
    const snapshot = "x".repeat(1_000_000);
    const error = await rejectsWith(
      "full",
      () => create(store, [newActor("task:b", 2, { snapshot })]),
    );
    assertEquals(error.message.includes("the disk is full"), true);
    assertEquals(await store.lastSeq(), 1);
    assertEquals(await store.loadActors(["task:b"]), []);
    await create(store, [newActor("task:c", 2)]);
    await store.check();
    await store.close();
    await expectActors(path, ["task:c", "task:a"]);
  });
});

Deno.test("a store that found the database locked never writes again", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    const store = await openStore(path);
    await store.acquireLease("boot_1", NOW, LEASE_MS);
    await create(store, [newActor("task:a", 1)]);
    const stranger = await hold("transaction", path);
    await rejectsWith("busy", () => create(store, [newActor("task:b", 2)]));
    await stranger.end();
    await rejectsWith("busy", () => store.commit(commitOn(1)));
    await rejectsWith("busy", () => store.lastSeq());
    await rejectsWith("busy", () =>
      store.prune({
        ...{ now: NOW, endedBefore: NOW, basesBefore: NOW, idempotencyBefore: NOW },
        ...{ limit: 1, rows: 1 },
      }));
    await store.close();
    await expectActors(path, ["task:a"]);
  });
});

Deno.test("commit() stands when only its answer was lost", async () => {
  await withFragileStore(async ({ store, loseAnswer }) => {
    await create(store, [newActor("task:a", 1)]);
    loseAnswer();
    await create(store, [newActor("task:b", 2)]);
    assertEquals(await store.lastSeq(), 2);
    // A commit without a journal is told apart as well.
    loseAnswer();
    await store.commit(commitOn(2, { streams: [streamRow("task:a", 1)] }));
    await create(store, [newActor("task:c", 3)]);
    assertEquals((await store.listActors({ limit: 9 })).length, 3);
  });
});

Deno.test("commit() fails when its request was lost, and can be made again", async () => {
  await withFragileStore(async ({ store, loseRequest }) => {
    await create(store, [newActor("task:a", 1)]);
    loseRequest();
    await rejectsWith("other", () => create(store, [newActor("task:b", 2)]));
    await create(store, [newActor("task:b", 2)]);
    assertEquals(await store.lastSeq(), 2);
  });
});

Deno.test("a store ends when a commit that it gave up turns out to stand", async () => {
  await withFragileStore(async ({ store, loseAnswer, loseReopening }) => {
    await create(store, [newActor("task:a", 1)]);
    loseAnswer();
    loseReopening();
    await rejectsWith("other", () => create(store, [newActor("task:b", 2)]));
    await rejectsWith("conflict", () => store.lastSeq());
    await rejectsWith("conflict", () => create(store, [newActor("task:b", 2)]));
  });
});

Deno.test("a request that was given up changes nothing when it arrives late", async () => {
  await withFragileStore(async ({ store, delayRequest }) => {
    const limit = (limit: number) => store.commit(commitOn(0, { pools: [{ name: "p", limit }] }));
    const arrive = delayRequest();
    await rejectsWith("other", () => limit(1));
    await limit(2);
    await assertRejects(arrive, LibsqlError, "head.commits");
    assertEquals(await store.listPools(), [{ name: "p", limit: 2 }]);
  });
});

Deno.test("a store goes on once the database can be reached again", async () => {
  await withFragileStore(async ({ store, loseRequest, loseReopening }) => {
    loseRequest();
    loseReopening();
    await rejectsWith("other", () => create(store, [newActor("task:a", 1)]));
    await create(store, [newActor("task:a", 1)]);
    assertEquals(await store.lastSeq(), 1);
  });
});

Deno.test("storeError() says what a failure means to a caller", () => {
  const cases: [LibsqlError, StoreFailure][] = [
    [new LibsqlError("locked", "SQLITE_BUSY"), "busy"],
    [new LibsqlError("locked", "SQLITE_LOCKED"), "busy"],
    [new LibsqlError("full", "SQLITE_FULL"), "full"],
    [new LibsqlError("i/o", "SQLITE_IOERR", "SQLITE_IOERR_WRITE"), "full"],
    [new LibsqlError("i/o", "SQLITE_IOERR", "SQLITE_IOERR_READ"), "other"],
    [new LibsqlError("malformed", "SQLITE_CORRUPT"), "corrupt"],
    [new LibsqlError("not a database", "SQLITE_NOTADB"), "corrupt"],
    [new LibsqlError("UNIQUE constraint failed: x.y", "SQLITE_CONSTRAINT"), "conflict"],
    [new LibsqlError("NOT NULL constraint failed: head.boot_id", "SQLITE_CONSTRAINT"), "fenced"],
    [new LibsqlError("NOT NULL constraint failed: head.updates", "SQLITE_CONSTRAINT"), "conflict"],
    [new LibsqlError("NOT NULL constraint failed: actors.kind", "SQLITE_CONSTRAINT"), "other"],
  ];
  for (const [cause, failure] of cases) {
    const error = storeError("commit seq 1", cause);
    assertEquals([error.failure, error.cause], [failure, cause], cause.message);
    assertEquals(error.message.startsWith("Cannot commit seq 1: "), true);
  }
  const other = new StoreError("full", "as it is");
  assertEquals(storeError("commit", other), other);
  assertEquals(storeError("commit", "text").message, "Cannot commit: text");
});

type Fragile = {
  store: Store;
  /** The next transaction stands, and its answer is an error. */
  loseAnswer(): void;
  /** The next transaction never gets there. */
  loseRequest(): void;
  /** The next transaction is given up, and arrives when the function is called. */
  delayRequest(): () => Promise<unknown>;
  /** The connection cannot be opened again the next time. */
  loseReopening(): void;
};

/** A store on a connection that breaks when told to, as one to a server may. */
async function withFragileStore(run: (fragile: Fragile) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const name = `file:${directory}/holdfast.db`;
    const reset = () => new Error("connection reset");
    let fate: "stands" | "loses its answer" | "is lost" = "stands";
    let connects = true;
    let arrive = (): Promise<unknown> => Promise.reject(new Error("nothing is under way"));
    const connect = (config: Config): Client => {
      if (!connects) {
        connects = true;
        throw reset();
      }
      const client = createClient(config);
      const batch = client.batch.bind(client);
      client.batch = async (...transaction) => {
        const happens = fate;
        fate = "stands";
        if (happens === "is lost") {
          // Its connection is replaced meanwhile.
          arrive = async () => {
            const late = createClient(config);
            await late.batch(...transaction).finally(() => late.close());
          };
          throw reset();
        }
        const results = await batch(...transaction);
        if (happens === "loses its answer") throw reset();
        return results;
      };
      return client;
    };
    const target = { where: "file", name, url: name, syncMode: "FULL" } as const;
    const connection = await Connection.open(target, connect);
    const schemaVersion = await migrate(connection);
    const info = { url: name, encrypted: false, schemaVersion, syncMode: "FULL" } as const;
    const store = new LibsqlStore(connection, { info, path: null });
    await store.acquireLease("boot_1", NOW, LEASE_MS);
    await run({
      store,
      loseAnswer: () => fate = "loses its answer",
      loseRequest: () => fate = "is lost",
      delayRequest: () => {
        fate = "is lost";
        return () => arrive();
      },
      loseReopening: () => connects = false,
    });
    await store.close();
  });
}

async function expectActors(path: string, addresses: string[]): Promise<void> {
  const store = await openStore(path);
  await store.check();
  assertEquals((await store.listActors({ limit: 9 })).map(({ address }) => address), addresses);
  await store.close();
}
