/** Lists of actors and of the journal: what is in them, in which order, in which pages. */
import { assertEquals } from "@std/assert";
import type { ActorQuery, JournalQuery, Store } from "../../actors/store/store.ts";
import { commitOn, create, journalRow, newActor, populate, update } from "../store/commits.ts";
import { type Cases, lead } from "./store_bench.ts";

export const listCases: Cases = {
  "listActors() goes from the newest to the oldest, in pages": async ({ store }) => {
    await makeWorld(store);
    assertEquals(await list(store, {}), ["vm:1", "task:5", "task:4", "task:3", "task:2", "task:1"]);
    assertEquals(await list(store, { kind: "task", limit: 2 }), ["task:5", "task:4"]);
    assertEquals(await list(store, { kind: "task", limit: 2, after: 4 }), ["task:3", "task:2"]);
    assertEquals(await list(store, { kind: "task", limit: 2, after: 2 }), ["task:1"]);
    assertEquals(await list(store, { kind: "task", after: 1 }), []);
  },

  "listActors() goes the other way when asked": async ({ store }) => {
    await makeWorld(store);
    const page = { kind: "task", ascending: true, limit: 3 };
    assertEquals(await list(store, page), ["task:1", "task:2", "task:3"]);
    assertEquals(await list(store, { ...page, after: 3 }), ["task:4", "task:5"]);
    assertEquals(await list(store, { ascending: true, after: 4 }), ["task:5", "vm:1"]);
  },

  "listActors() finds a state and all below it": async ({ store }) => {
    await makeWorld(store);
    assertEquals(await list(store, { state: "running" }), ["vm:1", "task:3", "task:2"]);
    assertEquals(await list(store, { state: "running.working" }), ["task:3", "task:2"]);
    assertEquals(await list(store, { state: "run" }), []);
    assertEquals(await list(store, { kind: "task", state: "running|queued" }), [
      "task:3",
      "task:2",
      "task:1",
    ]);
    const page = { kind: "task", state: "running|queued", limit: 1 };
    assertEquals(await list(store, { ...page, after: 3 }), ["task:2"]);
    assertEquals(await list(store, { ...page, ascending: true }), ["task:1"]);
  },

  "listActors() filters by kind, status and parent together": async ({ store }) => {
    await makeWorld(store);
    assertEquals(await list(store, { kind: "goal" }), []);
    assertEquals(await list(store, { status: "done" }), ["task:4"]);
    assertEquals(await list(store, { status: "active", kind: "vm" }), ["vm:1"]);
    assertEquals(await list(store, { parent: "goal:g" }), ["vm:1", "task:5", "task:2"]);
    assertEquals(await list(store, { parent: "goal:g", kind: "task" }), ["task:5", "task:2"]);
    assertEquals(await list(store, { parent: "goal:g", limit: 1, after: 5 }), ["task:2"]);
    assertEquals(await list(store, { parent: "goal:g", state: "running", status: "active" }), [
      "vm:1",
      "task:2",
    ]);
  },

  "listActors() filters by indexed values, all of which must match": async ({ store }) => {
    await makeWorld(store);
    const red = { name: "label", value: "red" };
    const high = { name: "priority", value: "high" };
    assertEquals(await list(store, { index: [red] }), ["vm:1", "task:3", "task:1"]);
    assertEquals(await list(store, { kind: "task", index: [red] }), ["task:3", "task:1"]);
    assertEquals(await list(store, { kind: "task", index: [red, high] }), ["task:3"]);
    assertEquals(await list(store, { kind: "task", index: [high, red] }), ["task:3"]);
    assertEquals(await list(store, { kind: "task", index: [red], limit: 1, after: 3 }), ["task:1"]);
    assertEquals(await list(store, { index: [red], state: "running" }), ["vm:1", "task:3"]);
    assertEquals(await list(store, { index: [{ name: "label", value: "re" }] }), []);
    assertEquals(await list(store, { index: [], kind: "vm" }), ["vm:1"]);
  },

  "listActors() knows those that are blocked": async ({ store }) => {
    await makeWorld(store);
    assertEquals(await list(store, { blocked: true }), ["task:2"]);
    assertEquals(await list(store, { blocked: true, kind: "vm" }), []);
    assertEquals(await list(store, { blocked: false, kind: "task" }), [
      "task:5",
      "task:4",
      "task:3",
      "task:1",
    ]);
  },

  "listActors() leaves archived actors out unless they are asked for": async ({ store }) => {
    await makeWorld(store);
    await store.prune({
      now: 9,
      endedBefore: Number.MAX_SAFE_INTEGER,
      ...{ basesBefore: 0, idempotencyBefore: 0 },
      ...{ limit: 9, rows: 9 },
    });
    assertEquals(await list(store, { kind: "task" }), ["task:3", "task:2", "task:1"]);
    assertEquals(await list(store, { kind: "task", archived: true }), ["task:5", "task:4"]);
    assertEquals(await list(store, { archived: true, status: "done" }), ["task:4"]);
    assertEquals(await list(store, { archived: true, parent: "goal:g" }), ["task:5"]);
  },

  "indexOf() gives the values of the last write": async ({ store }) => {
    await makeWorld(store);
    assertEquals(await store.indexOf("task:3"), [
      { name: "label", value: "red" },
      { name: "priority", value: "high" },
    ]);
    const twice = { name: "label", value: "blue" };
    const values = [twice, { ...twice }];
    const write = { address: "task:3", kind: "task", createdSeq: 3, values };
    await store.commit(commitOn(await store.lastSeq(), { index: [write] }));
    assertEquals(await store.indexOf("task:3"), [twice]);
    assertEquals(await list(store, { index: [twice] }), ["task:3"]);
    assertEquals(await store.indexOf("task:none"), []);
  },

  "listOutdated() finds active actors of other versions, oldest first": async ({ store }) => {
    await lead(store);
    const versions = ["1", "3", "2", "1", "2", "1"];
    await create(
      store,
      versions.map((version, index) => newActor(`task:${index}`, index + 1, { version })),
    );
    await update(store, newActor("task:3", 4), { status: "done" });
    const outdated = async (after: number, limit: number) =>
      (await store.listOutdated("task", "2", after, limit)).map(({ address }) => address);
    assertEquals(await outdated(0, 9), ["task:0", "task:1", "task:5"]);
    assertEquals(await outdated(0, 2), ["task:0", "task:1"]);
    assertEquals(await outdated(2, 2), ["task:5"]);
    assertEquals(await store.listOutdated("vm", "2", 0, 9), []);
    const counted = (await store.versions("task")).map(({ version, count }) => [version, count]);
    assertEquals(new Map(counted as [string, number][]), new Map([["1", 2], ["2", 2], ["3", 1]]));
  },

  "tallies() counts what the commits add up to": async ({ store }) => {
    await makeWorld(store);
    const states = { kind: "task", state: "idle", status: "active" } as const;
    const count = async () =>
      (await store.tallies()).find(({ kind, state }) => kind === "task" && state === "idle")?.count;
    assertEquals(await count(), undefined);
    const tallies = [{ ...states, delta: 2 }, { ...states, delta: 2 }, { ...states, delta: -1 }];
    await store.commit(commitOn(await store.lastSeq(), { tallies }));
    assertEquals(await count(), 3);
    await store.commit(
      commitOn(await store.lastSeq(), { tallies: [{ ...states, delta: -3 }] }),
    );
    assertEquals(await count(), undefined);
  },

  "journal() goes by seq, in pages, either way": async ({ store }) => {
    await writeJournal(store);
    assertEquals(await seqs(store, {}), [1, 2, 3, 4, 5, 6]);
    assertEquals(await seqs(store, { limit: 2, after: 2 }), [3, 4]);
    assertEquals(await seqs(store, { descending: true, limit: 2 }), [6, 5]);
    assertEquals(await seqs(store, { descending: true, limit: 2, before: 5 }), [4, 3]);
    assertEquals(await seqs(store, { after: 1, before: 4 }), [2, 3]);
  },

  "journal() filters by addresses, kinds and revisions": async ({ store }) => {
    await writeJournal(store);
    assertEquals(await seqs(store, { address: "task:a" }), [1, 3, 5]);
    assertEquals(await seqs(store, { address: "task:a", after: 1, limit: 1 }), [3]);
    assertEquals(await seqs(store, { address: "task:a", descending: true, before: 5 }), [3, 1]);
    assertEquals(await seqs(store, { address: "task:a", afterRevision: 1 }), [3, 5]);
    assertEquals(await seqs(store, { address: "task:a", upToRevision: 2 }), [1, 3]);
    assertEquals(
      await seqs(store, { address: "task:a", afterRevision: 1, upToRevision: 2 }),
      [3],
    );
    assertEquals(await seqs(store, { addresses: ["task:b", "task:a"], limit: 3 }), [1, 2, 3]);
    assertEquals(await seqs(store, { addresses: ["task:b", "vm:a"], after: 2 }), [4, 6]);
    assertEquals(
      await seqs(store, { addresses: ["task:b", "task:a"], descending: true, limit: 2 }),
      [6, 5],
    );
    assertEquals(await seqs(store, { addresses: [] }), []);
    assertEquals(await seqs(store, { kinds: ["vm"] }), [4]);
    assertEquals(await seqs(store, { kinds: ["vm", "task"], after: 3 }), [4, 5, 6]);
  },

  "findKeys() finds the rows of keys that exist": async ({ store }) => {
    await lead(store);
    await populate(store, "task:a", "task:b");
    const rows = [
      journalRow(1, "task:a", { key: "k", emitted: "[]" }),
      journalRow(2, "task:b", { key: "k" }),
      journalRow(3, "task:b", { key: "ключ" }),
    ];
    await store.commit(commitOn(0, { journal: rows }));
    const found = await store.findKeys([
      { address: "task:a", key: "k" },
      { address: "task:a", key: "other" },
      { address: "task:b", key: "ключ" },
    ]);
    assertEquals(found.sort((left, right) => left.seq - right.seq), [
      ...rows.slice(0, 1),
      ...rows.slice(2),
    ]);
    assertEquals(await store.findKeys([]), []);
  },

  "baseOf() finds the newest base that is not too new": async ({ store }) => {
    await lead(store);
    const base = (revision: number) => ({
      address: "task:a",
      revision,
      version: "1",
      snapshot: `{"n":${revision}}`,
      at: 100 + revision,
      seq: 0,
    });
    await store.commit(commitOn(0, { bases: [base(5), base(10)] }));
    assertEquals(await store.baseOf("task:a", 4), undefined);
    assertEquals(await store.baseOf("task:a", 9), base(5));
    assertEquals(await store.baseOf("task:a", 10), base(10));
    assertEquals(await store.baseOf("task:b", 10), undefined);
  },
};

async function makeWorld(store: Store): Promise<void> {
  await lead(store);
  const parent = "goal:g";
  await create(store, [
    newActor("task:1", 1, { state: "queued" }),
    newActor("task:2", 2, { state: "running.working", parent, blocked: "no such state" }),
    newActor("task:3", 3, { state: "running.working" }),
    newActor("task:4", 4, { state: "succeeded", status: "done" }),
    newActor("task:5", 5, { state: "failed", status: "error", parent }),
    newActor("vm:1", 6, { state: "running", parent }),
  ]);
  const red = { name: "label", value: "red" };
  const high = { name: "priority", value: "high" };
  await store.commit(commitOn(6, {
    index: [
      { address: "task:1", kind: "task", createdSeq: 1, values: [red] },
      { address: "task:2", kind: "task", createdSeq: 2, values: [high] },
      { address: "task:3", kind: "task", createdSeq: 3, values: [red, high] },
      { address: "vm:1", kind: "vm", createdSeq: 6, values: [red] },
    ],
  }));
}

async function list(store: Store, query: Partial<ActorQuery>): Promise<string[]> {
  return (await store.listActors({ limit: 99, ...query })).map(({ address }) => address);
}

async function writeJournal(store: Store): Promise<void> {
  await lead(store);
  await populate(store, "task:a", "task:b", "vm:a");
  await store.commit(commitOn(0, {
    journal: [
      journalRow(1, "task:a", { revision: 1 }),
      journalRow(2, "task:b"),
      journalRow(3, "task:a", { revision: 2 }),
      journalRow(4, "vm:a"),
      journalRow(5, "task:a", { revision: 3 }),
      journalRow(6, "task:b", { revision: 2 }),
    ],
  }));
}

async function seqs(store: Store, query: Partial<JournalQuery>): Promise<number[]> {
  return (await store.journal({ limit: 99, ...query })).map(({ seq }) => seq);
}
