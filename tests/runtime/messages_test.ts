import { assertEquals, assertRejects } from "@std/assert";
import { assign, createMachine, type EventObject, sendParent, sendTo, setup } from "xstate";
import {
  AlreadyExistsError,
  EventFailedError,
  NotAcceptedError,
  NotFoundError,
  RevisionConflictError,
  TooLargeError,
} from "../../actors/runtime/errors.ts";
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { MAX_SNAPSHOT_BYTES } from "../../actors/runtime/limits.ts";
import { actorAt, createActor } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & { at: number; to?: string; text?: string };

const counter = setup({
  types: { context: {} as { n: number; times: number[]; notes: string[] }, events: {} as Event },
  actions: {
    count: assign({
      n: ({ context }) => context.n + 1,
      times: ({ context, event }) => [...context.times, event.at],
    }),
    explode: assign({
      n: () => {
        throw new Error("boom");
      },
    }),
    note: assign({ notes: ({ context, event }) => [...context.notes, event.text ?? ""] }),
    pass: sendTo(
      ({ event }) => actorAt(event.to ?? ""),
      { type: "count" },
    ),
    hand: sendTo(
      ({ event }) => actorAt(event.to ?? ""),
      ({ event }) => ({ type: "note", text: event.text }),
    ),
    make: sendTo(({ event }) => actorAt(event.to ?? ""), createActor({ n: 3 })),
    bounce: sendTo(({ event }) => actorAt(event.to ?? ""), ({ self }) => ({
      type: "bounce",
      to: self.id,
    })),
  },
  guards: { isLoud: ({ event }) => event.text === "loud" },
}).createMachine({
  id: "counter",
  context: { n: 0, times: [], notes: [] },
  initial: "open",
  states: {
    open: {
      on: {
        count: { actions: "count" },
        explode: { actions: "explode" },
        note: { actions: "note" },
        pass: { actions: "pass" },
        hand: { actions: "hand" },
        make: { actions: "make" },
        bounce: { actions: "bounce" },
        shout: { guard: "isLoud", target: "closed" },
        close: "closed",
      },
    },
    closed: { type: "final" },
  },
});

const child = setup({
  types: { context: {} as { n: number }, events: {} as Event, input: {} as { n: number } },
  actions: {
    report: sendParent({ type: "child.ready" }),
    explode: assign({
      n: () => {
        throw new Error("boom");
      },
    }),
  },
}).createMachine({
  id: "child",
  context: ({ input }) => {
    if (input.n < 0) throw new Error("negative");
    return { n: input.n };
  },
  initial: "on",
  states: { on: { entry: "report", on: { finish: "done" } }, done: { type: "final" } },
  output: ({ context }) => ({ n: context.n }),
});

const parent = setup({
  types: {
    context: {} as { ready: boolean; result: unknown; n: number },
    events: {} as Event & { output?: unknown },
    input: {} as { n: number },
  },
  actors: { child },
  actions: {
    hear: assign({ ready: true }),
    keep: assign({ result: ({ event }) => event.output }),
    tell: sendTo("kid", { type: "finish" }),
  },
}).createMachine({
  id: "parent",
  context: ({ input }) => ({ ready: false, result: null, n: input.n }),
  initial: "idle",
  states: {
    idle: { on: { go: "busy" } },
    busy: {
      invoke: {
        src: "child",
        id: "kid",
        input: ({ context }) => ({ n: context.n }),
        onDone: { target: "done", actions: "keep" },
        onError: "failed",
      },
      on: { "child.ready": { actions: "hear" }, tell: { actions: "tell" }, leave: "idle" },
    },
    done: { type: "final" },
    failed: {},
  },
});

const kinds: KindDefinition[] = [
  { name: "counter", version: 1, machine: counter },
  { name: "parent", version: 1, machine: parent },
];

Deno.test("send() applies an event with its time and answers with a receipt", async () => {
  const { system, clock } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await clock.advance(5);
  const receipt = await system.send("counter:a", { type: "count" });
  assertEquals(receipt, {
    address: "counter:a",
    seq: 2,
    revision: 2,
    state: "open",
    status: "active",
    duplicate: false,
  });
  assertEquals((await system.get("counter:a")).context.times, [1_000_005]);
});

Deno.test("send() answers a repeated key with the first receipt, also after a crash", async () => {
  const world = await startWorld(kinds);
  const spawned = await world.system.spawn("counter", "a", {}, { key: "make" });
  const first = await world.system.send("counter:a", { type: "count" }, { key: "k" });
  await world.system.send("counter:a", { type: "count" });
  const { system } = await world.crash();
  assertEquals(await system.send("counter:a", { type: "count" }, { key: "k" }), {
    ...first,
    duplicate: true,
  });
  assertEquals(await system.spawn("counter", "a", {}, { key: "make" }), {
    ...spawned,
    duplicate: true,
  });
  assertEquals((await system.get("counter:a")).context.n, 2);
});

Deno.test("send() applies two events with one key in one commit only once", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  const send = () => system.send("counter:a", { type: "count" }, { key: "k" });
  const [first, second] = await Promise.all([send(), send()]);
  assertEquals([first?.duplicate, second?.duplicate], [false, true]);
  assertEquals((await system.get("counter:a")).revision, 2);
});

Deno.test("send() refuses what the state does not accept, and leaves no trace of it", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  for (const event of [{ type: "missing" }, { type: "shout", text: "quiet" }]) {
    const error = await assertRejects(() => system.send("counter:a", event), NotAcceptedError);
    assertEquals([error.state, error.event], ["open", event.type]);
    assertEquals(error.accepts, await system.accepts("counter:a"));
  }
  const { items } = await system.history("counter:a");
  assertEquals(items.length, 1);
  assertEquals((await system.stats()).refused, 2);
});

Deno.test("send() refuses events for ended, unknown and nameless actors", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await system.send("counter:a", { type: "close" });
  await assertRejects(
    () => system.send("counter:a", { type: "count" }),
    NotAcceptedError,
    "no event",
  );
  await assertRejects(() => system.send("counter:b", { type: "count" }), NotFoundError);
  await assertRejects(() => system.send("not an address", { type: "count" }), NotFoundError);
  await assertRejects(() => system.send("counter:a", { type: "xstate.stop" }), TypeError);
});

Deno.test("send() refuses a revision that is not the actor's", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  const stale = () => system.send("counter:a", { type: "count" }, { expectRevision: 7 });
  const error = await assertRejects(stale, RevisionConflictError);
  assertEquals([error.expected, error.actual], [7, 1]);
  await system.send("counter:a", { type: "count" }, { expectRevision: 1 });
});

Deno.test("spawn() refuses an address that is taken and a kind that is not registered", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await assertRejects(() => system.spawn("counter", "a", {}), AlreadyExistsError);
  await assertRejects(() => system.spawn("nothing", "a", {}), NotFoundError);
  await assertRejects(() => system.spawn("counter", "a b", {}), TypeError);
});

Deno.test("an event whose step throws goes to the dead letters and the actor stays", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await assertRejects(
    () => system.send("counter:a", { type: "explode" }),
    EventFailedError,
    "boom",
  );
  assertEquals((await system.get("counter:a")).revision, 1);
  const { items } = await system.deadLetters();
  assertEquals(items.map((letter) => [letter.address, letter.reason]), [
    ["counter:a", "Error: boom"],
  ]);
  await system.send("counter:a", { type: "count" });
  await system.dropDeadLetter(items[0]?.id ?? "");
  assertEquals((await system.deadLetters()).items, []);
});

Deno.test("a step that throws does not disturb the others in its commit", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await system.spawn("counter", "b", {});
  const results = await Promise.allSettled([
    system.send("counter:a", { type: "count" }),
    system.send("counter:a", { type: "explode" }),
    system.send("counter:b", { type: "count" }),
  ]);
  assertEquals(results.map((result) => result.status), ["fulfilled", "rejected", "fulfilled"]);
});

Deno.test("send() refuses an event that would make the snapshot too large", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  const text = "x".repeat(8_000);
  for (let i = 0; i < Math.floor(MAX_SNAPSHOT_BYTES / 8_000); i++) {
    await system.send("counter:a", { type: "note", text });
  }
  await assertRejects(() => system.send("counter:a", { type: "note", text }), TooLargeError);
});

Deno.test("a long string moves to a blob, and comes back in what is read", async () => {
  const { system, store } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  const text = "long ".repeat(10_000);
  await system.send("counter:a", { type: "note", text });
  const [row] = await store.loadActors(["counter:a"]);
  assertEquals(row !== undefined && row.snapshot.length < 1_000, true);
  assertEquals((await system.get("counter:a")).context.notes, [text]);
  assertEquals((await system.at("counter:a", 2)).context.notes, [text]);
});

Deno.test("a blob that another actor brought is kept for whoever refers to it", async () => {
  const world = await startWorld(kinds, { archiveAfterMs: 1 });
  const { system, store, clock } = world;
  for (const id of ["a", "b"]) await system.spawn("counter", id, {});
  const text = "long ".repeat(10_000);
  await system.send("counter:a", { type: "hand", to: "counter:b", text });
  await system.send("counter:a", { type: "close" });
  await clock.advance(2 * 60 * 60_000);
  assertEquals((await store.listActors({ archived: true, limit: 9 })).length, 1);
  assertEquals((await system.get("counter:b")).context.notes, [text]);
});

Deno.test("send() refuses a reference to a blob that comes from outside", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  const text = { $blob: "0".repeat(64), bytes: 1 };
  await assertRejects(
    () => system.send("counter:a", { type: "note", text }),
    TypeError,
    "reserved",
  );
});

Deno.test("a message reaches its actor in the sender's commit", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await system.spawn("counter", "b", {});
  const commits = (await system.stats()).commits;
  await system.send("counter:a", { type: "pass", to: "counter:b" });
  assertEquals((await system.get("counter:b")).context.n, 1);
  assertEquals((await system.stats()).commits, commits + 1);
});

Deno.test("a message to nobody, and one that never ends, go to the dead letters", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await system.spawn("counter", "b", {});
  await system.send("counter:a", { type: "pass", to: "counter:none" });
  await system.send("counter:a", { type: "bounce", to: "counter:b" });
  const reasons = (await system.deadLetters()).items.map((letter) => letter.reason);
  assertEquals(reasons.some((reason) => reason.includes("no such actor")), true);
  assertEquals(reasons.some((reason) => reason.includes("messages in a row")), true);
});

Deno.test("a child machine is an actor: it hears, reports and ends into its parent", async () => {
  const world = await startWorld(kinds);
  await world.system.spawn("parent", "p", { n: 4 });
  await world.system.send("parent:p", { type: "go" });
  assertEquals((await world.system.get("parent:p")).context.ready, true);
  const { system } = await world.crash();
  const { items } = await system.list("parent.child", { parent: "parent:p" });
  assertEquals(items.map((item) => item.state), ["on"]);
  await system.send("parent:p", { type: "tell" });
  const ended = await system.get("parent:p");
  assertEquals([ended.state, ended.context.result], ["done", { n: 4 }]);
});

Deno.test("a child is stopped with its parent's state and a new one is another actor", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("parent", "p", { n: 4 });
  await system.send("parent:p", { type: "go" });
  await system.send("parent:p", { type: "leave" });
  await system.send("parent:p", { type: "go" });
  const { items } = await system.list("parent.child", { sort: "oldest" });
  assertEquals(items.map((item) => item.status), ["stopped", "active"]);
});

Deno.test("a child that cannot be created is an error of its parent's", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("parent", "p", { n: -1 });
  await system.send("parent:p", { type: "go" });
  assertEquals((await system.get("parent:p")).state, "failed");
});

Deno.test("a cache of one actor changes nothing but speed", async () => {
  const { system } = await startWorld(kinds, { maxCachedActors: 1 });
  for (const id of ["a", "b", "c"]) await system.spawn("counter", id, {});
  for (const id of ["a", "b", "c", "a", "b", "c"]) {
    await system.send(`counter:${id}`, { type: "count" });
  }
  for (const id of ["a", "b", "c"]) {
    assertEquals((await system.get(`counter:${id}`)).context.n, 2);
    assertEquals((await system.replay(`counter:${id}`)).same, true);
  }
  assertEquals((await system.stats()).cached, 1);
});

Deno.test("a step that a kind's own index breaks fails alone", async () => {
  const index = () => {
    throw new Error("bad index");
  };
  const broken = { name: "broken", version: 1, machine: createMachine({ id: "b" }), index };
  const { system } = await startWorld([...kinds, broken]);
  await system.spawn("counter", "a", {});
  const [bad, good] = await Promise.allSettled([
    system.spawn("broken", "x", {}),
    system.send("counter:a", { type: "count" }),
  ]);
  assertEquals([bad?.status, good?.status], ["rejected", "fulfilled"]);
});

Deno.test("createActor() makes an actor in its maker's commit, and none where there is one", async () => {
  const { system, store } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  const { seq } = await system.send("counter:a", { type: "make", to: "parent:b" });
  const made = await system.get("parent:b");
  assertEquals([made.createdSeq, made.parent, made.context.n], [seq + 1, null, 3]);
  assertEquals(await store.lastSeq(), seq + 1);
  await system.send("counter:a", { type: "make", to: "parent:b" });
  assertEquals((await system.get("parent:b")).revision, 1);
  assertEquals((await system.history("parent:b")).items.length, 1);
  const { duplicates, deadLetters } = await system.stats();
  assertEquals([duplicates, deadLetters], [1, 0]);
});

Deno.test("createActor() of a kind that is not registered is a dead letter", async () => {
  const { system } = await startWorld(kinds);
  await system.spawn("counter", "a", {});
  await system.send("counter:a", { type: "make", to: "nobody:b" });
  assertEquals((await system.deadLetters()).items.map((letter) => letter.address), ["nobody:b"]);
});
