/** Pruning and checking. */
import { assertEquals, assertMatch } from "@std/assert";
import type { ActorWrite, Store } from "../../actors/store/store.ts";
import {
  commitOn,
  create,
  effect,
  journalRow,
  newActor,
  NOW,
  slot,
  streamRow,
  timer,
  update,
} from "../store/commits.ts";
import { type Cases, lead, rejectsWith } from "./store_bench.ts";

const PRUNE = {
  now: NOW + 100,
  endedBefore: NOW + 50,
  basesBefore: 0,
  idempotencyBefore: NOW,
  limit: 99,
  rows: 99,
};
const NOTHING = {
  actors: 0,
  journalRows: 0,
  cut: 0,
  streamRows: 0,
  blobs: 0,
  idempotency: 0,
  isFull: false,
};

export const careCases: Cases = {
  "prune() cuts the history of actors that ended behind a base": async ({ store }) => {
    await makeEnded(store);
    assertEquals(await store.oldestSeq(), 1);
    assertEquals(await store.prune(PRUNE), {
      ...NOTHING,
      actors: 1,
      journalRows: 2,
      streamRows: 2,
      blobs: 1,
      idempotency: 1,
    });
    assertEquals(await store.journal({ address: "task:old", limit: 9 }), []);
    assertEquals(await store.readStream("task:old", "output", 0, 9), []);
    assertEquals(await store.baseOf("task:old", 2), {
      address: "task:old",
      revision: 2,
      version: "1",
      snapshot: '{"output":"sha_kept"}',
      at: NOW + 10,
      seq: 5,
    });
    assertEquals((await store.loadActors(["task:old"]))[0]?.archivedAt, PRUNE.now);
    await store.check();
  },

  "prune() leaves everybody else alone": async ({ store }) => {
    await makeEnded(store);
    await store.prune(PRUNE);
    for (const address of ["task:active", "task:new"]) {
      assertEquals((await store.journal({ address, limit: 9 })).length > 0, true);
      assertEquals((await store.readStream(address, "output", 0, 9)).length, 1);
      assertEquals((await store.loadActors([address]))[0]?.archivedAt, null);
    }
    assertEquals(await store.getIdempotency("fresh") === undefined, false);
    assertEquals(await store.prune(PRUNE), NOTHING);
  },

  "prune() keeps the blobs that somebody still refers to": async ({ store }) => {
    await makeEnded(store);
    await store.prune(PRUNE);
    // In the snapshot that was kept; in another actor's history; in neither.
    assertEquals(await store.getBlob("sha_kept"), "kept");
    assertEquals(await store.getBlob("sha_shared"), "shared");
    assertEquals(await store.getBlob("sha_gone"), undefined);
  },

  "oldestSeq() after prune() is where the journal is whole again": async ({ store }) => {
    await makeEnded(store);
    await store.prune(PRUNE);
    // task:old wrote seq 1 and 4: what others wrote in between is there, but not all of it is.
    assertEquals(await store.oldestSeq(), 5);
    assertEquals((await store.journal({ limit: 9 })).map(({ seq }) => seq), [2, 3, 5]);
    assertEquals(await store.lastSeq(), 5);
  },

  "prune() takes no more than its limit, oldest first": async ({ store }) => {
    await lead(store);
    const ended = (id: string, createdSeq: number, updatedAt: number) =>
      newActor(`task:${id}`, createdSeq, { status: "done", updatedAt });
    await create(store, [ended("b", 1, NOW + 2), ended("a", 2, NOW + 1), ended("c", 3, NOW + 3)]);
    const idempotency = ["k1", "k2", "k3"].map((key, index) => ({
      key,
      fingerprint: "f",
      answer: "{}",
      at: index,
    }));
    await store.commit(commitOn(3, { idempotency }));
    const first = await store.prune({ ...PRUNE, limit: 2 });
    assertEquals([first.actors, first.idempotency, first.isFull], [2, 2, true]);
    const archived = await store.listActors({ archived: true, limit: 9 });
    assertEquals(archived.map(({ address }) => address), ["task:a", "task:b"]);
    const second = await store.prune({ ...PRUNE, limit: 2 });
    assertEquals([second.actors, second.idempotency, second.isFull], [1, 1, false]);
  },

  "prune() needs the lease": async ({ store }) => {
    await rejectsWith("fenced", () => store.prune(PRUNE));
  },

  "check() is content with a store in order": async ({ store }) => {
    await makeEnded(store);
    const active = newActor("task:active", 2);
    await store.commit(commitOn(5, {
      timers: [timer(active.address, "x", NOW)],
      effects: [effect("task:active/1/0"), effect("task:old/2/0", { type: "action" })],
      slots: [slot("task:active/1/1", 1)],
    }));
    await store.check();
  },

  "check() names what belongs to an actor that ended or is missing": async ({ store }) => {
    await makeEnded(store);
    await store.commit(commitOn(5, {
      timers: [timer("task:old", "x", NOW)],
      effects: [effect("task:old/2/0"), effect("task:none/1/0")],
      slots: [slot("task:old/2/1", 1)],
      watches: [{ key: "task:new/1/0", watcher: "task:new", childId: "w", target: "task:old" }],
    }));
    const { message } = await rejectsWith("corrupt", () => store.check());
    assertMatch(message, /x of timers belongs to task:old, which is done/);
    assertMatch(message, /task:none\/1\/0 of effects belongs to task:none, which is missing/);
    assertMatch(message, /task:old\/2\/0 of effects belongs to task:old, which is done/);
    assertMatch(message, /task:old\/2\/1 of slots belongs to task:old, which is done/);
    assertMatch(message, /task:new\/1\/0 of watches belongs to task:new, which is stopped/);
  },

  "check() names tallies and histories that do not fit their actors": async ({ store }) => {
    await lead(store);
    await store.commit(commitOn(0, {
      actors: [newActor("task:a", 1)],
      journal: [journalRow(1, "task:a", { revision: 2 })],
      tallies: [{ kind: "task", state: "idle", status: "active", delta: 2 }],
    }));
    const { message } = await rejectsWith("corrupt", () => store.check());
    assertMatch(message, /tally of .*task.*idle.*active.* is off by 1/);
    assertMatch(message, /task:a is at revision 1, its journal goes further/);
  },
};

/** `task:old` ended long ago, `task:new` a moment ago, `task:active` has not. */
async function makeEnded(store: Store): Promise<void> {
  await lead(store);
  const old = newActor("task:old", 1);
  const others: ActorWrite[] = [newActor("task:active", 2), newActor("task:new", 3)];
  await create(store, [old, ...others]);
  await store.commit(commitOn(3, {
    streams: [
      streamRow("task:old", 1),
      streamRow("task:old", 2),
      streamRow("task:active", 1),
      streamRow("task:new", 1),
    ],
    blobs: [
      { sha: "sha_kept", data: "kept", address: "task:old", at: NOW },
      { sha: "sha_gone", data: "gone", address: "task:old", at: NOW },
      { sha: "sha_shared", data: "shared", address: "task:old", at: NOW },
      { sha: "sha_shared", data: null, address: "task:active", at: NOW },
    ],
    idempotency: [
      { key: "stale", fingerprint: "f", answer: "{}", at: NOW - 1 },
      { key: "fresh", fingerprint: "f", answer: "{}", at: NOW },
    ],
  }));
  const snapshot = '{"output":"sha_kept"}';
  await update(store, old, { status: "done", state: "succeeded", snapshot, updatedAt: NOW + 10 });
  const [, second] = others;
  if (second === undefined) return;
  await update(store, second, { status: "stopped", state: "cancelled", updatedAt: NOW + 60 });
}
