import { assertEquals, assertRejects } from "@std/assert";
import { createMachine } from "xstate";
import { NotFoundError } from "../../actors/runtime/errors.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import type { JournalQuery, JournalRow } from "../../actors/store/store.ts";
import { startWorld } from "../testing/system.ts";

const HOUR_MS = 60 * 60_000;
const machine = createMachine({
  id: "job",
  initial: "open",
  states: { open: { on: { close: "closed" } }, closed: { type: "final" } },
});
const kinds = [{ name: "job", version: 1, machine }];

Deno.test("actors that ended long ago are archived, and can still be read and folded", async () => {
  const { system, clock, store } = await startWorld(kinds, { archiveAfterMs: 3 * HOUR_MS });
  for (const id of ["old", "active"]) await system.spawn("job", id, {});
  await system.send("job:old", { type: "close" });
  await clock.advance(3 * HOUR_MS);
  await system.spawn("job", "new", {});
  await system.send("job:new", { type: "close" });
  await clock.advance(HOUR_MS);
  const listed = async (archived: boolean) =>
    (await system.list("job", { archived, sort: "oldest" })).items.map((item) => item.id);
  assertEquals(await listed(true), ["old"]);
  assertEquals(await listed(false), ["active", "new"]);
  const record = await system.get("job:old");
  assertEquals(record.state, "closed");
  assertEquals((await system.at("job:old", 2)).updatedAt, record.updatedAt);
  assertEquals((await system.replay("job:old")).same, true);
  assertEquals((await store.journal({ address: "job:old", limit: 10 })).length, 0);
  await system.stop();
});

Deno.test("an actor that is archived while its history is read is found all the same", async () => {
  const store = new ArchivingStore();
  const { system } = await startWorld(kinds, { store });
  await system.spawn("job", "old", {});
  await system.send("job:old", { type: "close" });
  store.archives = true;
  assertEquals((await system.at("job:old", 2)).state, "closed");
  await assertRejects(() => system.at("job:old", 3), NotFoundError);
  await system.stop();
});

Deno.test("a feed reader from before what is kept is told so, and misses nothing after", async () => {
  const world = await startWorld(kinds, { archiveAfterMs: HOUR_MS });
  await world.system.spawn("job", "old", {});
  await world.system.send("job:old", { type: "close" });
  await world.clock.advance(2 * HOUR_MS);
  const { system } = await world.crash();
  await system.spawn("job", "new", {});
  const items: unknown[] = [];
  for await (const item of system.feed({ after: 0 })) {
    items.push(item.type === "entry" ? item.entry.address : item);
    if (items.length === 2) break;
  }
  assertEquals(items, [{ type: "reset", oldest: 3 }, "job:new"]);
});

/** Cuts what can be cut between the look for a base and the look at the journal. */
class ArchivingStore extends MemoryStore {
  archives = false;

  override async journal(query: JournalQuery): Promise<JournalRow[]> {
    if (this.archives) {
      const now = Number.MAX_SAFE_INTEGER;
      await this.prune({ now, endedBefore: now, idempotencyBefore: 0, limit: 10 });
    }
    return await super.journal(query);
  }
}
