/** What a commit writes, and that it writes all of it or nothing. */
import { assertEquals } from "@std/assert";
import type { ActorWrite, Commit, Store } from "../../actors/store/store.ts";
import {
  commitOn,
  create,
  effect,
  journalRow,
  newActor,
  nextWrite,
  NOW,
  populate,
  slot,
  streamRow,
  timer,
  update,
} from "../store/commits.ts";
import { type Cases, lead, rejectsWith } from "./store_bench.ts";

const A = newActor("task:a", 1);

export const commitCases: Cases = {
  "commit() keeps an actor as it is written": async ({ store }) => {
    await lead(store);
    const write = newActor("task:a", 1, {
      snapshot: '{"value":"idle"}',
      parent: "goal:g",
      childId: "first",
      blocked: "no such state",
    });
    await create(store, [write]);
    assertEquals(await store.loadActors(["task:a", "task:none"]), [rowOf(write)]);
    assertEquals(await store.lastSeq(), 1);
  },

  "commit() changes what an event may change, and nothing else": async ({ store }) => {
    await lead(store);
    await create(store, [A, newActor("task:b", 2)]);
    const changed = {
      version: "2",
      updatedAt: NOW + 5,
      status: "done",
      state: "succeeded",
      snapshot: '{"output":1}',
      blocked: "why",
      archivedAt: NOW + 6,
    } as const;
    await update(store, A, { ...changed, kind: "goal", createdAt: 1, parent: "x:y", childId: "z" });
    assertEquals(await store.loadActors(["task:a"]), [{ ...rowOf(A), ...changed, revision: 2 }]);
    assertEquals(await store.loadActors(["task:b"]), [rowOf(newActor("task:b", 2))]);
  },

  "commit() takes many actors at once, new and old": async ({ store }) => {
    await lead(store);
    const first = Array.from({ length: 600 }, (_, index) => newActor(`task:${index}`, index + 1));
    await create(store, first);
    const second = first.slice(0, 300).map((write, index) =>
      nextWrite(write, { state: `state${index}`, snapshot: `{"n":${index}}` })
    );
    const third = Array.from({ length: 212 }, (_, index) => newActor(`vm:${index}`, index + 601));
    await store.commit(commitOn(600, { actors: [...second, ...third] }));
    const stored = await store.loadActors([...first, ...third].map(({ address }) => address));
    const expected = [...second, ...first.slice(300), ...third].map(rowOf);
    assertEquals(byAddress(stored), byAddress(expected));
  },

  "commit() takes more than one statement holds, and checks all of it": async ({ store }) => {
    await lead(store);
    const snapshot = "x".repeat(60_000);
    const writes = Array.from(
      { length: 80 },
      (_, index) => newActor(`task:${index}`, index + 1, { snapshot: `${snapshot}${index}` }),
    );
    await create(store, writes);
    const next = writes.map((write) => nextWrite(write, { snapshot: `${write.snapshot}!` }));
    // The first statement's actors are in order, those of another are not, and the other way.
    for (const stale of [3, 79]) {
      const some = next.with(stale, nextWrite(next[stale] ?? A));
      await rejectsWith("conflict", () => store.commit(commitOn(80, { actors: some })));
    }
    await store.commit(commitOn(80, { actors: next }));
    const stored = await store.loadActors(next.map(({ address }) => address));
    assertEquals(byAddress(stored), byAddress(next.map(rowOf)));
  },

  "commit() keeps text of any kind": async ({ store }) => {
    await lead(store);
    const texts = {
      unicode: "é 漢字 🙂 \u2028 ' \" \\ \\u0041 \n\t%_",
      zero: "before\u0000after",
      json: '{"a":"\\ud800"}',
      number: "1e999",
      empty: "",
    };
    const writes = Object.entries(texts).map(([name, snapshot], index) =>
      newActor(`task:${name}`, index + 1, { snapshot })
    );
    await create(store, writes);
    await store.commit(commitOn(5, { streams: [streamRow("task:zero", 1, texts.zero)] }));
    const stored = await store.loadActors(writes.map(({ address }) => address));
    assertEquals(byAddress(stored), byAddress(writes.map(rowOf)));
    const [row] = await store.readStream("task:zero", "output", 0, 1);
    assertEquals(row?.data, texts.zero);
  },

  "commit() replaces lone surrogates, which are no text": async ({ store }) => {
    await lead(store);
    const rows = [streamRow("task:a", 1, "a\ud800b"), streamRow("task:a", 2, "\udc00")];
    await store.commit(commitOn(0, { streams: rows }));
    await store.commit(commitOn(0, { streams: [streamRow("task:a", 3, "\ud83d")] }));
    const stored = await store.readStream("task:a", "output", 0, 9);
    assertEquals(stored.map(({ data }) => data), ["a\ufffdb", "\ufffd", "\ufffd"]);
  },

  "commit() keeps large values and large numbers": async ({ store }) => {
    await lead(store);
    const large = "x".repeat(4 * 1024 * 1024);
    const write = newActor("task:a", 1, { createdAt: Number.MAX_SAFE_INTEGER });
    await create(store, [write]);
    await store.commit(commitOn(1, {
      blobs: [
        { sha: "large", data: large, address: "task:a", at: NOW },
        { sha: "small", data: "y", address: "task:a", at: NOW },
      ],
    }));
    assertEquals((await store.getBlob("large"))?.length, large.length);
    assertEquals((await store.loadActors(["task:a"]))[0]?.createdAt, Number.MAX_SAFE_INTEGER);
  },

  "commit() refuses an actor that exists": async ({ store }) => {
    await lead(store);
    await create(store, [A]);
    const error = await rejectsWith("conflict", () => create(store, [{ ...A, createdSeq: 2 }]));
    assertEquals(error.message.includes("task:a is at revision 1, the write is from 0"), true);
  },

  "commit() refuses a write from another revision": async ({ store }) => {
    await lead(store);
    await create(store, [A, newActor("task:b", 2)]);
    const stale = nextWrite(nextWrite(A));
    const good = nextWrite(newActor("task:b", 2));
    const error = await rejectsWith(
      "conflict",
      () => store.commit(commitOn(2, { actors: [good, stale] })),
    );
    assertEquals(error.message.includes("task:a is at revision 1, the write is from 2"), true);
    assertEquals((await store.loadActors(["task:b"]))[0]?.revision, 1);
  },

  "commit() refuses to update an actor that is missing": async ({ store }) => {
    await lead(store);
    await rejectsWith("conflict", () => store.commit(commitOn(0, { actors: [nextWrite(A)] })));
  },

  "commit() refuses to write one actor in the place of another": async ({ store }) => {
    await lead(store);
    await create(store, [A]);
    const mistaken = { ...nextWrite(A), address: "task:b" };
    await rejectsWith("conflict", () => store.commit(commitOn(1, { actors: [mistaken] })));
  },

  "commit() refuses a journal that does not follow": async ({ store }) => {
    await lead(store);
    await create(store, [A]);
    await rejectsWith("conflict", () => store.commit(commitOn(0)));
    await rejectsWith("conflict", () => store.commit(commitOn(2)));
    const gap = commitOn(1, { journal: [journalRow(3, "task:a")] });
    await rejectsWith("conflict", () => store.commit({ ...gap, seq: 3 }));
    assertEquals(await store.lastSeq(), 1);
  },

  "commit() refuses a key that the actor has had": async ({ store }) => {
    await lead(store);
    await populate(store, "task:a", "task:b");
    const row = journalRow(1, "task:a", { key: "k" });
    await store.commit(commitOn(0, { journal: [row, journalRow(2, "task:b", { key: "k" })] }));
    const again = commitOn(2, { journal: [{ ...row, seq: 3 }] });
    await rejectsWith("conflict", () => store.commit(again));
  },

  "commit() refuses a journal row or a timer of nobody": async ({ store }) => {
    await lead(store);
    const journal = [journalRow(1, "task:a")];
    await rejectsWith("other", () => store.commit(commitOn(0, { journal })));
    const timers = [timer("task:a", "x", NOW)];
    await rejectsWith("other", () => store.commit(commitOn(0, { timers })));
    await store.commit(commitOn(0, { actors: [A], journal, timers }));
  },

  "commit() leaves nothing of a commit that fails": async ({ store }) => {
    await lead(store);
    await store.commit(everything(0));
    const before = await contentOf(store);
    // The stream's row is the last thing written that can fail.
    const failing: Commit = {
      ...everything(2),
      actors: [nextWrite(A), newActor("task:c", 3)],
      timersCleared: ["task:a"],
      effectsDeleted: ["task:a/1/0"],
      slotsDeleted: ["task:a/1/1"],
    };
    await rejectsWith("conflict", () => store.commit(failing));
    assertEquals(await contentOf(store), before);
    await store.commit({ ...failing, streams: [streamRow("task:a", 2)] });
    assertEquals(await store.lastSeq(), 4);
  },

  "commit() of nothing stands": async ({ store }) => {
    await lead(store);
    await store.commit(commitOn(0));
    assertEquals(await store.lastSeq(), 0);
  },
};

function rowOf({ baseRevision: _, ...row }: ActorWrite) {
  return row;
}

function byAddress<Row extends { address: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.address, row]));
}

/** A commit that writes to most tables. */
function everything(before: number): Commit {
  return commitOn(before, {
    actors: [A, newActor("task:b", 2)],
    journal: [journalRow(before + 1, "task:a"), journalRow(before + 2, "task:b")],
    timers: [timer("task:a", `at${before}`, NOW)],
    effects: [effect(`task:a/${before}/0`)],
    slots: [slot(`task:a/${before}/1`, before + 1)],
    index: [{
      address: "task:a",
      kind: "task",
      createdSeq: 1,
      values: [{ name: "n", value: `${before}` }],
    }],
    streams: [streamRow("task:a", 1)],
    tallies: [{ kind: "task", state: "idle", status: "active", delta: 2 }],
  });
}

async function contentOf(store: Store) {
  return {
    seq: await store.lastSeq(),
    actors: await store.listActors({ limit: 9 }),
    journal: await store.journal({ limit: 9 }),
    timers: await store.timersOf("task:a"),
    effects: await store.listEffects("", 9),
    slots: await store.listSlots(0, 9),
    index: await store.indexOf("task:a"),
    stream: await store.readStream("task:a", "output", 0, 9),
    tallies: await store.tallies(),
  };
}
