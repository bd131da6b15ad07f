/** What is owed and what is kept beside the actors: timers, effects, slots, letters, streams. */
import { assertEquals } from "@std/assert";
import type { Commit, DeadLetterRow, Store } from "../../actors/store/store.ts";
import {
  commitOn,
  create,
  effect,
  newActor,
  NOW,
  populate,
  slot,
  streamRow,
  timer,
} from "../store/commits.ts";
import { type Cases, lead, rejectsWith } from "./store_bench.ts";

export const debtCases: Cases = {
  "timersDue() goes by due time, then by order of setting": async ({ store }) => {
    await lead(store);
    await populate(store, "task:a", "task:b", "task:c");
    await write(store, { timers: [timer("task:a", "late", 30), timer("task:a", "first", 10)] });
    await write(store, { timers: [timer("task:b", "second", 10), timer("task:b", "third", 20)] });
    assertEquals(await due(store, 9), []);
    assertEquals(await due(store, 10), ["first", "second"]);
    assertEquals(await due(store, 99), ["first", "second", "third", "late"]);
    assertEquals(await due(store, 99, 3), ["first", "second", "third"]);
    await write(store, { timers: [timer("task:a", "first", 10)] });
    assertEquals(await due(store, 10), ["second", "first"]);
    assertEquals(await store.countTimers(), 4);
  },

  "nextTimerAt() is derived from the timers that there are": async ({ store }) => {
    await lead(store);
    await populate(store, "task:a", "task:b", "task:c");
    assertEquals(await store.nextTimerAt(), undefined);
    await write(store, { timers: [timer("task:a", "x", 20), timer("task:a", "y", 10)] });
    assertEquals(await store.nextTimerAt(), 10);
    assertEquals(await store.nextTimerAt(10), 20);
    assertEquals(await store.nextTimerAt(20), undefined);
    await write(store, { timersDeleted: [{ address: "task:a", id: "y" }] });
    assertEquals(await store.nextTimerAt(), 20);
  },

  "a timer of the same id replaces the one before": async ({ store }) => {
    await lead(store);
    await populate(store, "task:a", "task:b", "task:c");
    await write(store, { timers: [timer("task:a", "x", 10), timer("task:b", "x", 10)] });
    await write(store, { timers: [timer("task:a", "x", 20)] });
    assertEquals(await store.timersOf("task:a"), [timer("task:a", "x", 20)]);
    assertEquals(await store.timersOf("task:b"), [timer("task:b", "x", 10)]);
  },

  "timers are deleted one by one, or all of an actor's, before others are set": async (bench) => {
    const { store } = bench;
    await lead(store);
    await populate(store, "task:a", "task:b", "task:c");
    const all = ["a", "b", "c"].flatMap((name) => [
      timer(`task:${name}`, "x", 10),
      timer(`task:${name}`, "y", 20),
    ]);
    await write(store, { timers: all });
    await write(store, {
      timersDeleted: [{ address: "task:b", id: "y" }, { address: "task:none", id: "y" }],
      timersCleared: ["task:a", "task:c"],
      timers: [timer("task:a", "z", 30)],
    });
    assertEquals(await due(store, 99), ["x", "z"]);
    await write(store, { timersDeleted: [{ address: "task:b", id: "x" }] });
    await write(store, { timersCleared: ["task:a"] });
    assertEquals(await store.countTimers(), 0);
  },

  "effects are replaced by key and listed by key": async ({ store }) => {
    await lead(store);
    const keys = ["task:b/1/0", "task:a/2/0", "task:a/10/0", "task:a/1/0"];
    await write(store, { effects: keys.map((key) => effect(key)) });
    const again = effect("task:a/1/0", { attempt: 2, bootId: "boot_2", childId: null });
    await write(store, { effects: [again], effectsDeleted: ["task:a/2/0", "task:none/1/0"] });
    assertEquals(await store.listEffects("", 9), [
      again,
      effect("task:a/10/0"),
      effect("task:b/1/0"),
    ]);
    assertEquals((await store.listEffects("task:a/1/0", 1)).map(({ key }) => key), ["task:a/10/0"]);
    assertEquals((await store.effectsOf("task:b")).length, 1);
    assertEquals(await store.effectsOf("task:c"), []);
  },

  "slots are replaced by key and listed in the order of asking": async ({ store }) => {
    await lead(store);
    await write(store, { slots: [slot("task:a/1/0", 2), slot("task:b/1/0", 1)] });
    const granted = slot("task:a/1/0", 2, { grantedAt: NOW });
    await write(store, { slots: [granted, slot("task:a/2/0", 3)] });
    assertEquals(await store.listSlots(0, 9), [
      slot("task:b/1/0", 1),
      granted,
      slot("task:a/2/0", 3),
    ]);
    assertEquals((await store.listSlots(1, 1)).map(({ seq }) => seq), [2]);
    assertEquals(await store.slotsOf("task:a"), [granted, slot("task:a/2/0", 3)]);
    await write(store, { slotsDeleted: ["task:a/1/0"] });
    assertEquals((await store.slotsOf("task:a")).length, 1);
  },

  "listWatches() never parts the rows of one key": async ({ store }) => {
    await lead(store);
    const watch = (key: string, target: string) => ({
      key,
      watcher: key.slice(0, key.indexOf("/")),
      childId: "watch",
      target,
    });
    const rows = [
      watch("task:a/1/0", "task:x"),
      watch("task:a/1/0", "task:y"),
      watch("task:a/1/0", "task:z"),
      watch("task:b/1/0", "task:x"),
    ];
    await write(store, { watches: rows.toReversed() });
    assertEquals(await store.listWatches("", 1), rows.slice(0, 3));
    assertEquals(await store.listWatches("task:a/1/0", 1), rows.slice(3));
    assertEquals(await store.listWatches("task:b/1/0", 1), []);
    assertEquals(await store.watchesOf("task:a"), rows.slice(0, 3));
    await write(store, { watchesDeleted: [{ key: "task:a/1/0", target: "task:y" }] });
    assertEquals((await store.watchesOf("task:a")).map(({ target }) => target), [
      "task:x",
      "task:z",
    ]);
  },

  "unattended() gives active actors that own nothing that could wake them": async ({ store }) => {
    await lead(store);
    const names = ["timer", "target", "effect", "asks", "holds", "watch", "parent", "idle", "late"];
    await populate(store, ...names.map((name) => `task:${name}`));
    const ended = newActor("task:ended", 20, { status: "done" });
    const child = newActor("step:child", 21, { parent: "task:parent", childId: "c" });
    const former = newActor("step:former", 22, { parent: "task:late", status: "stopped" });
    await create(store, [ended, child, former]);
    const watch = { key: "task:watch/1/0", watcher: "task:watch", childId: "w", target: "x:y" };
    await write(store, {
      timers: [
        timer("task:timer", "x", NOW),
        { ...timer("task:timer", "y", NOW), target: "task:target" },
      ],
      effects: [effect("task:effect/1/0", { type: "action", childId: null })],
      slots: [slot("task:asks/1/0", 1), slot("task:holds/1/0", 2, { grantedAt: NOW })],
      watches: [watch],
    });
    const all = [...names.map((name) => `task:${name}`), "task:ended", "step:child", "task:none"];
    const found = await store.unattended([...all, "task:idle"]);
    assertEquals(found.toSorted(), ["step:child", "task:idle", "task:late"]);
    assertEquals(await store.unattended(["task:timer", "task:idle"]), ["task:idle"]);
    assertEquals(await store.unattended([]), []);
    await write(store, { timersCleared: ["task:timer"], watchesDeleted: [watch] });
    assertEquals((await store.unattended(all)).length, 6);
  },

  "listPools() gives the last limit of each pool": async ({ store }) => {
    await lead(store);
    await write(store, { pools: [{ name: "system", limit: 8 }, { name: "agent", limit: 0 }] });
    await write(store, { pools: [{ name: "system", limit: -1 }] });
    assertEquals(await store.listPools(), [
      { name: "agent", limit: 0 },
      { name: "system", limit: -1 },
    ]);
  },

  "listDeadLetters() goes from the newest, and never parts those of one seq": async (bench) => {
    const { store } = bench;
    await lead(store);
    const letters = [letter("d1", 1), letter("d2", 2), letter("d3", 2), letter("d4", 3)];
    await write(store, { deadLetters: letters });
    const page = async (after: number | undefined, limit: number) =>
      (await store.listDeadLetters(after, limit)).map(({ id }) => id);
    assertEquals(await page(undefined, 9), ["d4", "d2", "d3", "d1"]);
    assertEquals(await page(undefined, 2), ["d4", "d2", "d3"]);
    assertEquals(await page(2, 2), ["d1"]);
    assertEquals(await page(1, 2), []);
    assertEquals(await store.getDeadLetter("d2"), letters[1]);
    await write(store, { deadLettersDeleted: ["d2", "none"] });
    assertEquals(await store.getDeadLetter("d2"), undefined);
    assertEquals(await store.countDeadLetters(), 3);
  },

  "getIdempotency() gives the last answer of a key": async ({ store }) => {
    await lead(store);
    const row = { key: "k", fingerprint: "f", answer: '{"status":201}', at: NOW };
    await write(store, { idempotency: [row] });
    assertEquals(await store.getIdempotency("k"), row);
    await write(store, { idempotency: [{ ...row, fingerprint: "g" }] });
    assertEquals((await store.getIdempotency("k"))?.fingerprint, "g");
    assertEquals(await store.getIdempotency("other"), undefined);
  },

  "blobs are kept once, by whoever brings them": async ({ store }) => {
    await lead(store);
    const blob = { sha: "s1", data: "text", address: "task:a", at: NOW };
    await write(store, { blobs: [blob, { ...blob, address: "task:b" }] });
    await write(store, { blobs: [blob, { ...blob, address: "task:c", data: null }] });
    assertEquals(await store.getBlob("s1"), "text");
    assertEquals(await store.getBlob("s2"), undefined);
    const missing = { ...blob, sha: "s2", data: null };
    await rejectsWith("other", () => write(store, { blobs: [missing] }));
  },

  "readStream() goes on after a row, in pages": async ({ store }) => {
    await lead(store);
    const rows = [1, 2, 3].map((seq) => streamRow("task:a", seq, `line ${seq}`));
    const trace = { ...streamRow("task:a", 1, "trace"), channel: "trace" };
    await write(store, { streams: [...rows, trace, streamRow("task:b", 7)] });
    assertEquals(await store.readStream("task:a", "output", 0, 2), rows.slice(0, 2));
    assertEquals(await store.readStream("task:a", "output", 2, 2), rows.slice(2));
    assertEquals(await store.readStream("task:a", "trace", 0, 9), [trace]);
    assertEquals(await store.lastStreamSeq("task:a", "output"), 3);
    assertEquals(await store.lastStreamSeq("task:b", "output"), 7);
    assertEquals(await store.lastStreamSeq("task:c", "output"), 0);
    await rejectsWith("conflict", () => write(store, { streams: [streamRow("task:a", 3)] }));
  },
};

/** Commits without a journal. */
async function write(store: Store, parts: Partial<Commit>): Promise<void> {
  await store.commit(commitOn(await store.lastSeq(), parts));
}

async function due(store: Store, now: number, limit = 99): Promise<string[]> {
  return (await store.timersDue(now, limit)).map(({ id }) => id);
}

function letter(id: string, seq: number): DeadLetterRow {
  return { id, seq, at: NOW, address: "task:a", event: "{}", cause: "api", reason: "threw" };
}
