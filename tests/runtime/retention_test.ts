import { assertEquals, assertRejects } from "@std/assert";
import { createMachine } from "xstate";
import { DrainingError, NotFoundError } from "../../actors/runtime/errors.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import type { System } from "../../actors/runtime/system.ts";
import type {
  JournalQuery,
  JournalRow,
  PruneReport,
  PruneRequest,
} from "../../actors/store/store.ts";
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

Deno.test("retain() takes all that is past its time, round by round, then tidies", async () => {
  const tidied: number[] = [];
  const store = new CountingStore();
  const world = await startWorld(kinds, {
    store,
    archiveAfterMs: HOUR_MS,
    retention: "called",
    tidy: async (archived) => {
      tidied.push((await archived(["job:0", "job:249", "job:active"])).size);
    },
  });
  const { system, clock } = world;
  await endMany(system, 250);
  await system.spawn("job", "active", {});
  await system.keepAnswer("k", "f", {});
  await clock.advance(48 * HOUR_MS);
  assertEquals([store.rounds, tidied], [0, []]);
  const looks = [system.retain(), system.retain()];
  await clock.advance(1_000);
  const retained = { archived: 250, cut: 500, idempotency: 1 };
  assertEquals(await Promise.all(looks), [retained, retained]);
  assertEquals([store.rounds, tidied], [2, [2]]);
  const nothing = { archived: 0, cut: 0, idempotency: 0 };
  assertEquals(await system.retain(), nothing);
  assertEquals([store.rounds, tidied], [3, [2, 2]]);
  await system.stop();
  await assertRejects(() => system.retain(), DrainingError);
});

Deno.test("retain() ends between two rounds when nobody waits any more", async () => {
  const store = new CountingStore();
  const options = { store, archiveAfterMs: HOUR_MS, retention: "called" } as const;
  const { system, clock } = await startWorld(kinds, options);
  await endMany(system, 250);
  await clock.advance(2 * HOUR_MS);
  const [one, other] = [new AbortController(), new AbortController()];
  const reason = new Error("enough");
  const looks = [one, other].map(({ signal }) => system.retain({ signal }));
  await clock.settle();
  one.abort(reason);
  assertEquals(await looks[0]?.catch((error) => error), reason);
  await clock.settle();
  assertEquals(store.rounds, 1);
  other.abort(reason);
  assertEquals(await looks[1]?.catch((error) => error), reason);
  await clock.advance(HOUR_MS);
  assertEquals(store.rounds, 1);
  await assertRejects(() => system.retain({ signal: other.signal }), Error, "enough");
  const last = system.retain();
  await clock.settle();
  assertEquals((await last).archived, 50);
  await system.stop();
});

Deno.test("retain() that a stop cuts off says so", async () => {
  const options = { archiveAfterMs: HOUR_MS, retention: "called" } as const;
  const { system, clock } = await startWorld(kinds, options);
  await endMany(system, 250);
  await clock.advance(2 * HOUR_MS);
  const look = assertRejects(() => system.retain(), DrainingError);
  await clock.settle();
  await system.stop();
  await look;
});

async function endMany(system: System, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => index);
  await Promise.all(ids.map((id) => system.spawn("job", `${id}`, {})));
  await Promise.all(ids.map((id) => system.send(`job:${id}`, { type: "close" })));
}

/** Counts how often it is asked to prune. */
class CountingStore extends MemoryStore {
  rounds = 0;

  override prune(request: PruneRequest): Promise<PruneReport> {
    this.rounds += 1;
    return super.prune(request);
  }
}

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
