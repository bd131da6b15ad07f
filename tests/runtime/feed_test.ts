import { assertEquals, assertRejects } from "@std/assert";
import { assign, emit, type EventObject, setup } from "xstate";
import type { FeedEntry, FeedOptions, System } from "../../actors/runtime/api.ts";
import { StoreError } from "../../actors/runtime/errors.ts";
import { defineEffect, type HookContext, type KindDefinition } from "../../actors/runtime/kind.ts";
import { external } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & { at: number };

const counter = setup({
  types: { context: {} as { n: number }, events: {} as Event },
  actors: { write: external<undefined, null>() },
  actions: {
    count: assign({ n: ({ context }) => context.n + 1 }),
    shout: emit({ type: "shouted" }),
  },
}).createMachine({
  id: "counter",
  context: { n: 0 },
  initial: "open",
  states: {
    open: { on: { count: { actions: ["count", "shout"] }, write: "writing", close: "closed" } },
    writing: { invoke: { src: "write", id: "write", onDone: "closed" } },
    closed: { type: "final" },
  },
});

const kinds: KindDefinition[] = [
  {
    name: "counter",
    version: 1,
    machine: counter,
    effects: {
      write: defineEffect({
        run: (_, { append }) => {
          for (const line of ["one\n", "two\n", "three\n"]) append("output", line);
          return null;
        },
      }),
    },
  },
  { name: "other", version: 1, machine: counter.provide({}) },
];

/** The next `count` entries from a cursor on. */
async function take(
  system: System,
  count: number,
  options: FeedOptions = {},
): Promise<FeedEntry[]> {
  const entries: FeedEntry[] = [];
  for await (const item of system.feed({ after: 0, ...options })) {
    if (item.type === "entry") entries.push(item.entry);
    if (entries.length === count) break;
  }
  return entries;
}

async function filled(count: number) {
  const world = await startWorld(kinds);
  await world.system.spawn("counter", "a", {});
  for (let i = 0; i < count; i++) await world.system.send("counter:a", { type: "count" });
  return world;
}

Deno.test("feed() gives every commit in order, from memory and from the store alike", async () => {
  const world = await filled(20);
  const fromMemory = await take(world.system, 21);
  const { system } = await world.crash();
  const fromStore = await take(system, 21);
  assertEquals(fromMemory, fromStore);
  assertEquals(fromMemory.map((entry) => entry.seq), Array.from({ length: 21 }, (_, i) => i + 1));
  assertEquals(fromMemory[1]?.emitted, [{ type: "shouted" }]);
});

Deno.test("feed() goes on from a cursor without gap or double, while commits go on", async () => {
  const { system } = await filled(5);
  const head = await take(system, 3);
  const rest = take(system, 6, { after: head.at(-1)?.seq ?? 0 });
  for (let i = 0; i < 3; i++) await system.send("counter:a", { type: "count" });
  assertEquals((await rest).map((entry) => entry.seq), [4, 5, 6, 7, 8, 9]);
});

Deno.test("feed() filters by kind and by address, over a restart too", async () => {
  const world = await filled(2);
  await world.system.spawn("other", "x", {});
  await world.system.spawn("counter", "b", {});
  for (const { system } of [world, await world.crash()]) {
    assertEquals((await take(system, 1, { kinds: ["other"] }))[0]?.address, "other:x");
    assertEquals((await take(system, 1, { addresses: ["counter:b"] }))[0]?.seq, 5);
  }
});

Deno.test("feed() ends with its signal and with the system", async () => {
  const { system } = await filled(1);
  const controller = new AbortController();
  const reading = (async () => {
    for await (const _ of system.feed({ signal: controller.signal })) { /* waits */ }
  })();
  controller.abort();
  await reading;
  const other = (async () => {
    for await (const _ of system.feed()) { /* waits */ }
  })();
  await system.stop();
  await other;
  assertEquals((await system.stats().catch(() => null))?.feedReaders ?? 0, 0);
});

Deno.test("stream() gives what an effect appended, whole and once, and ends with the actor", async () => {
  const { system } = await filled(0);
  const reading = (async () => {
    let text = "";
    for await (const row of system.stream("counter:a", "output", { follow: true })) {
      text += row.data;
    }
    return text;
  })();
  await system.send("counter:a", { type: "write" });
  assertEquals(await reading, "one\ntwo\nthree\n");
  const again: number[] = [];
  for await (const row of system.stream("counter:a", "output")) again.push(row.seq);
  assertEquals(again, [1]);
});

Deno.test("waitFor() answers when the record is as wanted, and says how it stands when not", async () => {
  const { system, clock } = await filled(0);
  const closed = system.waitFor("counter:a", (record) => record.state === "closed");
  await system.send("counter:a", { type: "close" });
  assertEquals((await closed).status, "done");
  const late = system.waitFor("counter:a", () => false, { timeoutMs: 100 });
  const refused = assertRejects(() => late, DOMException, 'is "closed" after 100 ms');
  await clock.advance(100);
  await refused;
});

Deno.test("history() pages in both directions", async () => {
  const { system } = await filled(4);
  const first = await system.history("counter:a", { limit: 3 });
  assertEquals(first.items.map((entry) => entry.revision), [1, 2, 3]);
  const rest = await system.history("counter:a", { limit: 3, cursor: first.nextCursor ?? "" });
  assertEquals(rest.items.map((entry) => entry.revision), [4, 5]);
  assertEquals(rest.nextCursor, null);
  const back = await system.history("counter:a", { limit: 2, sort: "newest" });
  assertEquals(back.items.map((entry) => entry.revision), [5, 4]);
  await assertRejects(() => system.history("counter:a", { cursor: "junk" }), RangeError);
});

Deno.test("at() shows every revision as it was", async () => {
  const { system } = await filled(3);
  for (let revision = 1; revision <= 4; revision++) {
    assertEquals((await system.at("counter:a", revision)).context, { n: revision - 1 });
  }
  await assertRejects(() => system.at("counter:a", 9), Error, "at revision 9");
});

Deno.test("hooks follow a transition: sync ones in order and again until they succeed", async () => {
  const calls: string[] = [];
  let failures = 1;
  const call = (name: string, fails = false) => ({ key, from, to }: HookContext) => {
    if (fails && failures-- > 0) throw new Error("not yet");
    calls.push(`${name} ${from}>${to} ${key}`);
  };
  const [kind] = kinds;
  const hooks = [
    { name: "low", priority: 1, mode: "sync", on: { to: "closed" }, run: call("low") },
    { name: "high", priority: 9, mode: "sync", on: { to: "closed" }, run: call("high", true) },
    { name: "free", priority: 5, mode: "async", on: { from: "open" }, run: call("free") },
    { name: "never", priority: 5, mode: "async", on: { to: "nowhere" }, run: call("never") },
  ];
  const world = await startWorld([{ ...kind, hooks } as KindDefinition]);
  await world.system.spawn("counter", "a", {});
  await world.system.send("counter:a", { type: "close" });
  await world.clock.settle();
  assertEquals(calls, ["free open>closed counter:a/2/hook.free"]);
  const { clock, store } = await world.crash();
  await clock.advance(2_000);
  assertEquals(calls.slice(1), [
    "high open>closed counter:a/2/hook.high",
    "low open>closed counter:a/2/hook.low",
  ]);
  assertEquals(await store.effectsOf("counter:a"), []);
});

Deno.test("a full disk refuses events, says so, and is over when there is room again", async () => {
  const { system, store, clock } = await filled(1);
  const commit = store.commit.bind(store);
  store.commit = () => Promise.reject(new StoreError("full", "Cannot commit: the disk is full"));
  await assertRejects(() => system.send("counter:a", { type: "count" }), StoreError, "full");
  assertEquals(system.health(), { status: "degraded", reason: "Cannot commit: the disk is full" });
  await clock.advance(5_000);
  assertEquals(system.health().status, "degraded");
  store.commit = commit;
  await clock.advance(1_000);
  assertEquals(system.health().status, "ready");
  await system.send("counter:a", { type: "count" });
  assertEquals((await system.get("counter:a")).context, { n: 2 });
});

Deno.test("a result that comes while the disk is full is applied when there is room again", async () => {
  const { system, store, clock } = await filled(0);
  const commit = store.commit.bind(store);
  await system.send("counter:a", { type: "write" });
  store.commit = () => Promise.reject(new StoreError("full", "Cannot commit: the disk is full"));
  await clock.advance(3_000);
  assertEquals((await system.get("counter:a")).state, "writing");
  store.commit = commit;
  await clock.advance(1_000);
  assertEquals((await system.get("counter:a")).state, "closed");
});

Deno.test("a store that cannot be trusted ends the system, once and for all", async () => {
  const fatal: string[] = [];
  const world = await startWorld(kinds, { onFatal: (error) => fatal.push(error.message) });
  await world.system.spawn("counter", "a", {});
  world.store.commit = () => Promise.reject(new StoreError("busy", "Cannot commit: locked"));
  const send = () => world.system.send("counter:a", { type: "count" });
  await assertRejects(send, StoreError, "locked");
  await assertRejects(send, StoreError, "locked");
  assertEquals(fatal, ["Cannot commit: locked"]);
  assertEquals(world.system.health().status, "failed");
});

Deno.test("an answer is kept in the commit of its event, and given once", async () => {
  const world = await filled(0);
  const idempotency = { key: "i", fingerprint: "f", answer: () => ({ made: true }) };
  await world.system.send("counter:a", { type: "count" }, { idempotency });
  await assertRejects(
    () => world.system.send("counter:a", { type: "count" }, { idempotency }),
    Error,
    "has been answered",
  );
  const { system } = await world.crash();
  assertEquals(await system.answerTo("i", "f"), { made: true });
  await assertRejects(() => system.answerTo("i", "other"), Error, "another request");
  assertEquals((await system.get("counter:a")).context, { n: 1 });
});
