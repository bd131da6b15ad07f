/** Cutting the history of actors that go on. */
import { assertEquals, assertMatch } from "@std/assert";
import type { ActorWrite, BaseRow, BlobWrite, Store } from "../../actors/store/store.ts";
import {
  commitOn,
  create,
  effect,
  journalRow,
  newActor,
  nextWrite,
  NOW,
  timer,
} from "../store/commits.ts";
import { type Cases, lead, rejectsWith } from "./store_bench.ts";

const PRUNE = {
  now: NOW + 100,
  endedBefore: 0,
  basesBefore: NOW + 50,
  idempotencyBefore: 0,
  limit: 9,
  rows: 99,
};

export const cutCases: Cases = {
  "prune() cuts the journal behind the newest base that is old enough": async ({ store }) => {
    const a = await begin(store, "task:a", "task:b");
    await live(store, a, { to: 8, bases: { 2: NOW + 1, 4: NOW + 49, 6: NOW + 50 } });
    const report = await store.prune(PRUNE);
    assertEquals([report.cut, report.actors, report.journalRows, report.isFull], [
      4,
      0,
      0,
      false,
    ]);
    assertEquals(await revisionsOf(store, "task:a"), [5, 6, 7, 8]);
    assertEquals(await revisionsOf(store, "task:b"), [1]);
    assertEquals((await store.loadActors(["task:a"]))[0]?.archivedAt, null);
    // What is before the base that was cut behind can be folded no more.
    assertEquals(await store.baseOf("task:a", 3), undefined);
    assertEquals((await store.baseOf("task:a", 5))?.revision, 4);
    assertEquals((await store.baseOf("task:a", 8))?.revision, 6);
    assertEquals((await store.prune(PRUNE)).cut, 0);
    await store.check();
  },

  "prune() leaves the journal whole where no base is old enough": async ({ store }) => {
    const a = await begin(store, "task:a");
    await live(store, a, { to: 4, bases: { 2: NOW + 50 } });
    assertEquals((await store.prune(PRUNE)).cut, 0);
    assertEquals((await store.prune({ ...PRUNE, basesBefore: 0 })).cut, 0);
    assertEquals(await revisionsOf(store, "task:a"), [1, 2, 3, 4]);
    assertEquals(await store.oldestSeq(), 1);
  },

  "prune() keeps what an actor recorded after its base, though it changed nothing": async (
    bench,
  ) => {
    const { store } = bench;
    const a = await begin(store, "task:a");
    await live(store, a, { to: 3, bases: { 3: NOW } });
    const dropped = journalRow(4, "task:a", { revision: 3, outcome: "dropped" });
    await store.commit(commitOn(3, { journal: [dropped] }));
    assertEquals((await store.prune(PRUNE)).cut, 3);
    assertEquals((await store.journal({ limit: 9 })).map(({ seq }) => seq), [4]);
    await store.check();
  },

  "oldestSeq() after a cut is behind the last row that is gone": async ({ store }) => {
    const a = await begin(store, "task:a", "task:b");
    await live(store, a, { to: 5, bases: { 3: NOW } });
    await store.prune(PRUNE);
    // task:b wrote seq 2, task:a 1, 3 and 4.
    assertEquals(await store.oldestSeq(), 5);
    assertEquals((await store.journal({ limit: 9 })).map(({ seq }) => seq), [2, 5, 6]);
  },

  "a key is forgotten with its row, and may be used again": async ({ store }) => {
    const a = await begin(store, "task:a");
    await live(store, a, { to: 4, bases: { 3: NOW } });
    const keys = [2, 3, 4].map((revision) => ({ address: "task:a", key: `k${revision}` }));
    assertEquals((await store.findKeys(keys)).length, 3);
    await store.prune(PRUNE);
    assertEquals((await store.findKeys(keys)).map(({ key }) => key), ["k4"]);
    const again = journalRow(5, "task:a", { revision: 4, key: "k2", outcome: "dropped" });
    await store.commit(commitOn(4, { journal: [again] }));
    assertEquals((await store.findKeys(keys)).length, 2);
  },

  "prune() cuts no more rows than it may, and goes on where it stopped": async ({ store }) => {
    const a = await begin(store, "task:a");
    await live(store, a, { to: 9, bases: { 8: NOW } });
    const first = await store.prune({ ...PRUNE, rows: 5 });
    assertEquals([first.cut, first.isFull], [5, true]);
    assertEquals(await revisionsOf(store, "task:a"), [6, 7, 8, 9]);
    await store.check();
    const second = await store.prune({ ...PRUNE, rows: 5 });
    assertEquals([second.cut, second.isFull], [3, false]);
    assertEquals(await revisionsOf(store, "task:a"), [9]);
    assertEquals((await store.prune(PRUNE)).cut, 0);
  },

  "prune() cuts behind no more bases than it may, oldest first": async ({ store }) => {
    const a = await begin(store, "task:a", "task:b", "task:c");
    for (const [index, id] of ["b", "c", "a"].entries()) {
      const write = { ...a, address: `task:${id}`, createdSeq: { a: 1, b: 2, c: 3 }[id] ?? 0 };
      await live(store, write, { to: 3, bases: { 2: NOW + index } });
    }
    const first = await store.prune({ ...PRUNE, limit: 2 });
    assertEquals([first.cut, first.isFull], [4, true]);
    assertEquals(await revisionsOf(store, "task:a"), [1, 2, 3]);
    assertEquals((await store.prune({ ...PRUNE, limit: 2 })).cut, 2);
    assertEquals(await revisionsOf(store, "task:a"), [3]);
  },

  "prune() releases the blobs that only cut rows referred to": async ({ store }) => {
    const a = await begin(store, "task:a", "task:b");
    const at = (seq: number, ...shas: string[]): Promise<void> => keep(store, seq, shas);
    await at(2, "gone", "shown", "based", "owed", "timed", "letter", "again", "others");
    await keep(store, 2, ["others"], "task:b");
    const snapshots = { 4: '{"context":"based"}', 6: '{"context":"shown"}' };
    await live(store, a, { to: 6, bases: { 3: NOW, 4: NOW }, snapshots });
    await at(7, "again");
    await store.commit(commitOn(7, {
      effects: [effect("task:a/2/0", { input: '"owed"' })],
      timers: [{ ...timer("task:a", "x", NOW), event: '"timed"' }],
      deadLetters: [{
        ...{ id: "d", seq: 2, at: NOW, address: "task:a" },
        ...{ event: '"letter"', cause: "api", reason: "threw" },
      }],
    }));
    assertEquals((await store.prune(PRUNE)).blobs, 1);
    for (const kept of ["shown", "based", "owed", "timed", "letter", "again", "others"]) {
      assertEquals(await store.getBlob(kept), kept);
    }
    assertEquals(await store.getBlob("gone"), undefined);
    await store.check();
  },

  "prune() archives an actor that was cut behind a base before": async ({ store }) => {
    const a = await begin(store, "task:a");
    const last = await live(store, a, { to: 4, bases: { 2: NOW, 3: NOW + 60 } });
    await store.prune(PRUNE);
    const ended = nextWrite(last, { status: "done", updatedAt: NOW + 70 });
    await store.commit(commitOn(4, {
      actors: [ended],
      journal: [journalRow(5, "task:a", { revision: 5, status: "done" })],
      tallies: [
        { kind: "task", state: "idle", status: "active", delta: -1 },
        { kind: "task", state: "idle", status: "done", delta: 1 },
      ],
    }));
    const later = { ...PRUNE, endedBefore: NOW + 99, basesBefore: NOW + 99 };
    const report = await store.prune(later);
    assertEquals([report.actors, report.journalRows, report.cut], [1, 3, 0]);
    assertEquals(await store.baseOf("task:a", 4), undefined);
    assertEquals((await store.baseOf("task:a", 5))?.seq, 5);
    await store.check();
  },

  "check() names a history that begins where nothing can be folded from": async ({ store }) => {
    await lead(store);
    const begins = newActor("task:a", 1, { revision: 3 });
    await store.commit(commitOn(0, {
      actors: [begins],
      journal: [journalRow(1, "task:a", { revision: 3 })],
      bases: [baseOf(begins, { revision: 1, at: NOW, seq: 0 })],
      tallies: [{ kind: "task", state: "idle", status: "active", delta: 1 }],
    }));
    const { message } = await rejectsWith("corrupt", () => store.check());
    assertMatch(message, /journal of task:a begins at revision 3, and no base is before it/);
    await store.commit(commitOn(1, { bases: [baseOf(begins, { revision: 2, at: NOW, seq: 0 })] }));
    await store.check();
  },
};

/** Creates actors; gives the write of the first. */
async function begin(store: Store, ...addresses: string[]): Promise<ActorWrite> {
  await lead(store);
  const writes = addresses.map((address, index) => newActor(address, index + 1));
  await create(store, writes);
  return writes[0] ?? newActor("task:none", 0);
}

type Life = {
  /** The last revision. */
  to: number;
  /** When bases were made, by their revision. */
  bases: { readonly [revision: number]: number };
  snapshots?: { readonly [revision: number]: string };
};

/** Lets an actor go on, with one event a commit, keys `k2`, `k3` and so on. */
async function live(store: Store, from: ActorWrite, life: Life): Promise<ActorWrite> {
  let write = from;
  while (write.revision < life.to) {
    const before = await store.lastSeq();
    const revision = write.revision + 1;
    write = nextWrite(write, { snapshot: life.snapshots?.[revision] ?? "{}" });
    const at = life.bases[revision];
    await store.commit(commitOn(before, {
      actors: [write],
      journal: [journalRow(before + 1, write.address, { revision, key: `k${revision}` })],
      bases: at === undefined ? [] : [baseOf(write, { revision, at, seq: before + 1 })],
    }));
  }
  return write;
}

function baseOf(
  { address, version, snapshot }: ActorWrite,
  place: Pick<BaseRow, "revision" | "at" | "seq">,
): BaseRow {
  return { address, version, snapshot, ...place };
}

/** An event refers to blobs, each with its name as its content. */
async function keep(store: Store, seq: number, shas: string[], address = "task:a") {
  const blobs: BlobWrite[] = shas.map((sha) => ({ sha, data: sha, address, at: NOW }));
  await store.commit(commitOn(await store.lastSeq(), { blobs }));
  assertEquals(await store.lastSeq(), seq);
}

async function revisionsOf(store: Store, address: string): Promise<number[]> {
  return (await store.journal({ address, limit: 99 })).map(({ revision }) => revision);
}
