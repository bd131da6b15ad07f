import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { assign, createMachine, setup } from "xstate";
import { DrainingError, NotFoundError } from "../../actors/runtime/errors.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import type { PersistedSnapshot } from "../../actors/runtime/kind.ts";
import type { FeedItem, System } from "../../actors/runtime/system.ts";
import type { Address } from "../../actors/runtime/address.ts";
import type {
  BaseRow,
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

const counter = setup({
  types: { context: {} as { n: number } },
  actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
}).createMachine({ id: "counter", context: { n: 0 }, on: { count: { actions: "count" } } });
const counters = [{ name: "counter", version: 1, machine: counter }];

/** With bases so near to each other that a test comes by some. */
const options = { archiveAfterMs: 1.2 * HOUR_MS, retention: "called", eventsPerBase: 10 } as const;

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
  const retained = { archived: 250, cut: 0, idempotency: 1 };
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

Deno.test("an actor that goes on keeps its latest past, and can be folded from there", async () => {
  const world = await startWorld(counters, options);
  const { system, clock, store } = world;
  await system.spawn("counter", "a", {});
  for (let revision = 2; revision <= 25; revision++) {
    await system.send("counter:a", { type: "count" }, { key: `k${revision}` });
    await clock.advance(HOUR_MS / 10);
  }
  // Revision 10 is 1.6 hours old, revision 20 not one.
  assertEquals((await store.journal({ address: "counter:a", limit: 99 })).length, 25);
  const looks = [await system.retain(), await system.retain()];
  assertEquals(looks.map(({ archived, cut }) => [archived, cut]), [[0, 10], [0, 0]]);
  const { items } = await system.history("counter:a", { limit: 200 });
  assertEquals(items.map(({ revision }) => revision).slice(0, 2), [11, 12]);
  for (const revision of [10, 11, 20, 25]) {
    const record = await system.at("counter:a", revision);
    assertEquals([record.revision, record.context["n"]], [revision, revision - 1]);
    assertEquals(
      record.updatedAt,
      (await system.get("counter:a")).updatedAt - (25 - revision) * 360_000,
    );
  }
  await assertRejects(() => system.at("counter:a", 9), NotFoundError, "at revision 9");
  assertEquals((await system.replay("counter:a")).same, true);
  const reused = await system.send("counter:a", { type: "count" }, { key: "k25" });
  assertEquals([reused.duplicate, reused.revision], [true, 25]);
  const fresh = await system.send("counter:a", { type: "count" }, { key: "k2" });
  assertEquals([fresh.duplicate, fresh.revision], [false, 26]);
  await store.check();
  const again = await world.crash();
  const read: FeedItem[] = [];
  for await (const item of again.system.feed({ after: 3 })) {
    read.push(item);
    if (read.length === 2) break;
  }
  const [reset, next] = read;
  assertEquals(reset, { type: "reset", oldest: 11 });
  assertEquals(next?.type === "entry" ? next.entry.revision : undefined, 11);
  await again.system.stop();
});

Deno.test("histories are kept for ever where nothing says otherwise", async () => {
  const { system, clock, store } = await startWorld(counters, { eventsPerBase: 2 });
  await system.spawn("counter", "a", {});
  for (let count = 0; count < 9; count++) await system.send("counter:a", { type: "count" });
  clock.jump(400 * 24 * HOUR_MS);
  assertEquals((await system.retain()).cut, 0);
  assertEquals((await store.baseOf("counter:a", 99))?.revision, 10);
  assertEquals((await system.at("counter:a", 1)).context["n"], 0);
  await system.stop();
});

Deno.test("events of one commit that pass a base's place leave it at their end", async () => {
  const { system, store } = await startWorld(counters, options);
  await system.spawn("counter", "a", {});
  const sends = Array.from({ length: 14 }, () => system.send("counter:a", { type: "count" }));
  const receipts = await Promise.all(sends);
  const base = await store.baseOf("counter:a", 99);
  assertEquals([base?.revision, base?.seq], [15, receipts.at(-1)?.seq]);
  assertEquals((await system.at("counter:a", 12)).context["n"], 11);
  await system.stop();
});

Deno.test("a history that is cut while it is read is not folded across the gap", async () => {
  const store = new CuttingStore();
  const { system } = await startWorld(counters, { store, eventsPerBase: 700 });
  await system.spawn("counter", "a", {});
  for (let count = 0; count < 699; count++) void system.send("counter:a", { type: "count" });
  await system.send("counter:a", { type: "count" });
  await system.send("counter:a", { type: "count" });
  store.reads = 1;
  // Folding to 650 takes two pages of the journal; of the second 601 and later are left.
  await assertRejects(() => system.at("counter:a", 650), NotFoundError, "at revision 650");
  assertEquals((await system.at("counter:a", 702)).context["n"], 701);
  await system.stop();
});

Deno.test("replay() goes back from base to base, and finds the one that is not as it was", async () => {
  const store = new TamperedStore();
  const { system } = await startWorld(counters, { ...options, store });
  await system.spawn("counter", "a", {});
  for (let count = 0; count < 34; count++) await system.send("counter:a", { type: "count" });
  assertEquals((await system.replay("counter:a")).same, true);
  store.revision = 10;
  const { same, detail } = await system.replay("counter:a");
  assertEquals(same, false);
  // Base 20 follows from what is stored as base 10.
  assertMatch(`${detail}`, /^at revision 20: stored .*"n":19.* but folds to .*"n":11/);
  await system.stop();
});

Deno.test("at() says so where a past begins in a state that the definition does not know", async () => {
  const actions = { stay: () => {} };
  const first = setup({ actions }).createMachine({
    id: "mover",
    initial: "old",
    states: { old: { on: { stay: { actions: "stay" }, go: "new" } }, new: {} },
  });
  const second = createMachine({ id: "mover", initial: "new", states: { new: {} } });
  const world = await startWorld([{ name: "mover", version: 1, machine: first }], {
    eventsPerBase: 2,
  });
  await world.system.spawn("mover", "a", {});
  await world.system.send("mover:a", { type: "stay" });
  await world.system.send("mover:a", { type: "go" });
  const lost = await world.crash([{ name: "mover", version: 1, machine: second }]);
  assertEquals((await lost.system.at("mover:a", 4)).state, "new");
  const begins = "Cannot fold mover:a from revision 2, written by definition 1";
  await assertRejects(() => lost.system.at("mover:a", 3), NotFoundError, begins);
  // With a migration it knows what became of that state.
  const migrate = { 1: (before: PersistedSnapshot) => ({ ...before, value: "new" }) };
  const { system } = await lost.crash([{ name: "mover", version: 2, machine: second, migrate }]);
  assertEquals((await system.at("mover:a", 2)).state, "new");
  await system.stop();
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
      const before = { endedBefore: now, basesBefore: now, idempotencyBefore: 0 };
      await this.prune({ now, ...before, limit: 10, rows: 10 });
    }
    return await super.journal(query);
  }
}

/** Cuts a part of what it can after one page of the journal. */
class CuttingStore extends MemoryStore {
  /** Pages until then. */
  reads = 0;

  override async journal(query: JournalQuery): Promise<JournalRow[]> {
    const rows = await super.journal(query);
    if (this.reads > 0 && --this.reads === 0) {
      const now = Number.MAX_SAFE_INTEGER;
      const before = { endedBefore: 0, basesBefore: now, idempotencyBefore: 0 };
      await this.prune({ now, ...before, limit: 10, rows: 600 });
    }
    return rows;
  }
}

/** Gives one base as it never was. */
class TamperedStore extends MemoryStore {
  revision = 0;

  override async baseOf(address: Address, revision: number): Promise<BaseRow | undefined> {
    const base = await super.baseOf(address, revision);
    if (base?.revision !== this.revision) return base;
    return { ...base, snapshot: base.snapshot.replace('"n":9', '"n":1') };
  }
}
