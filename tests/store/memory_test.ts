/** What the simulator asks of the memory store beyond the port. */
import { assertEquals } from "@std/assert";
import { MemoryStore, openMemoryStore } from "../../actors/store/memory.ts";
import { rejectsWith } from "../suites/store_bench.ts";
import { commitOn, create, newActor, NOW, streamRow, update } from "./commits.ts";

const LEASE_MS = 60_000;

Deno.test("reopen() keeps what was committed, frees the lease and ends the old store", async () => {
  const store = openMemoryStore();
  await store.acquireLease("boot_1", NOW, LEASE_MS);
  await create(store, [newActor("task:a", 1)]);
  const again = store.reopen();
  await rejectsWith("fenced", () => create(store, [newActor("task:b", 2)]));
  await rejectsWith("fenced", () => store.lastSeq());
  assertEquals((await again.acquireLease("boot_2", NOW, LEASE_MS)).epoch, 2);
  await create(again, [newActor("task:c", 2)]);
  assertEquals(await again.lastSeq(), 2);
  // What its process still does as it dies changes nothing.
  await store.close();
  await create(again, [newActor("task:d", 3)]);
});

Deno.test("snapshot() is a content of its own", async () => {
  const store = openMemoryStore();
  await store.acquireLease("boot_1", NOW, LEASE_MS);
  const a = newActor("task:a", 1);
  await create(store, [a]);
  await store.commit(commitOn(1, { streams: [streamRow("task:a", 1)] }));
  const content = store.snapshot();
  await update(store, a, { state: "busy" });
  await store.commit(commitOn(2, { streams: [streamRow("task:a", 2)] }));
  const fork = new MemoryStore(content);
  await fork.acquireLease("boot_2", NOW, LEASE_MS);
  assertEquals((await fork.loadActors(["task:a"]))[0]?.state, "idle");
  assertEquals(await fork.lastStreamSeq("task:a", "output"), 1);
  assertEquals((await fork.journal({ address: "task:a", limit: 9 })).length, 1);
  await update(fork, a, { state: "elsewhere" });
  assertEquals((await store.loadActors(["task:a"]))[0]?.state, "busy");
  await fork.check();
  await store.check();
});

Deno.test("rows that are handed out may be changed", async () => {
  const store = openMemoryStore();
  await store.acquireLease("boot_1", NOW, LEASE_MS);
  const write = newActor("task:a", 1);
  await create(store, [write]);
  write.state = "changed by the writer";
  const [row] = await store.loadActors(["task:a"]);
  if (row !== undefined) row.state = "changed by a reader";
  assertEquals((await store.loadActors(["task:a"]))[0]?.state, "idle");
});
