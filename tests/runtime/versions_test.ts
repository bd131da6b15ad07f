import { assertEquals, assertRejects } from "@std/assert";
import { type EventObject, fromPromise, setup } from "xstate";
import { BlockedError } from "../../actors/runtime/errors.ts";
import type { KindDefinition, PersistedSnapshot } from "../../actors/runtime/kind.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & { at: number };
type States = Record<string, object>;

/** A kind whose states differ from version to version. */
function versioned(states: States, options: Partial<KindDefinition> = {}): KindDefinition[] {
  const machine = setup({
    types: { context: {} as { n: number }, events: {} as Event },
    actors: {
      job: fromPromise(() => new Promise(() => {})),
      extra: fromPromise<unknown, unknown>(({ input }) => Promise.resolve(input)),
    },
    delays: { computed: ({ context }) => context.n * 7 },
  }).createMachine(
    { id: "v", context: { n: 3 }, initial: Object.keys(states)[0], states } as never,
  );
  return [{ name: "v", version: 1, machine, ...options } as KindDefinition];
}

const first = versioned({
  wait: { after: { 1000: "late" }, on: { go: "late" }, invoke: { src: "job", id: "job" } },
  late: {},
});

async function stored() {
  const world = await startWorld(first);
  await world.system.spawn("v", "a", {});
  return world;
}

Deno.test("an actor of an older definition gets the timers that the new one wants", async () => {
  const world = await stored();
  const next = versioned({
    wait: {
      after: { computed: "soon", 9000: "late" },
      on: { go: "late" },
      invoke: { src: "job", id: "job" },
    },
    late: {},
    soon: {},
  });
  const { system, store, clock, report } = await world.crash(next);
  assertEquals(report.versions, { upgraded: 1, blocked: 0 });
  const due = (await store.timersOf("v:a")).map(({ id, dueAt }) => [id, dueAt - clock.now()]);
  assertEquals(due.sort(), [
    ["xstate.after.9000.v.wait", 9_000],
    ["xstate.after.computed.v.wait", 21],
  ]);
  await clock.advance(21);
  assertEquals((await system.get("v:a")).state, "soon");
  assertEquals((await system.replay("v:a")).same, true);
});

Deno.test("an actor of an older definition gets the children that the new one invokes", async () => {
  const world = await stored();
  const next = versioned({
    wait: {
      on: { go: "late" },
      invoke: [
        { src: "job", id: "job" },
        { src: "extra", id: "extra", input: { k: 1 }, onDone: "late" },
      ],
    },
    late: {},
  });
  const { system, store, clock } = await world.crash(next);
  await clock.settle();
  assertEquals((await system.get("v:a")).state, "late");
  assertEquals(await store.timersOf("v:a"), []);
  assertEquals(await store.effectsOf("v:a"), []);
});

Deno.test("an effect that the new definition does not invoke is ended", async () => {
  const world = await stored();
  const next = versioned({
    wait: { on: { go: "late" } },
    late: { invoke: { src: "job", id: "job" } },
  });
  const { system, store } = await world.crash(next);
  assertEquals(await store.effectsOf("v:a"), []);
  assertEquals((await system.inspect("v:a")).children, []);
});

Deno.test("migrations run one after the other", async () => {
  const world = await stored();
  const add = (n: number) => (snapshot: PersistedSnapshot) => ({
    ...snapshot,
    context: { n: (snapshot.context.n as number) * 10 + n },
  });
  const states = { wait: { on: { go: "late" } }, late: {} };
  const next = versioned(states, { version: 3, migrate: { 1: add(1), 2: add(2) } });
  const { system } = await world.crash(next);
  assertEquals((await system.get("v:a")).context, { n: 312 });
  assertEquals((await system.replay("v:a")).same, true);
});

Deno.test("an actor whose state is gone is blocked, listed, and unblocked by a fix", async () => {
  const world = await stored();
  const broken = await world.crash(versioned({ other: {} }));
  assertEquals(broken.report.versions, { upgraded: 0, blocked: 1 });
  await assertRejects(() => broken.system.send("v:a", { type: "go" }), BlockedError);
  const { items } = await broken.system.list("v", { blocked: true });
  assertEquals(items.map((item) => [item.address, item.blocked !== null]), [["v:a", true]]);
  const fixed = await broken.crash(first);
  await fixed.system.send("v:a", { type: "go" });
  assertEquals((await fixed.system.get("v:a")).state, "late");
});

Deno.test("a timer of a blocked actor waits until the actor is unblocked", async () => {
  const world = await stored();
  const broken = await world.crash(versioned({ other: {} }));
  await broken.clock.advance(5_000);
  assertEquals(await broken.store.countTimers(), 1);
  const fixed = await broken.crash(first);
  await fixed.clock.advance(60_000);
  assertEquals((await fixed.system.get("v:a")).state, "late");
});

Deno.test("actors of a kind that is not registered are named and left alone", async () => {
  const world = await stored();
  const { system, report } = await world.crash([]);
  assertEquals(report.unknownKinds, ["v"]);
  assertEquals((await system.get("v:a")).blocked, 'kind "v" is not registered');
  await assertRejects(() => system.send("v:a", { type: "go" }), BlockedError);
});

Deno.test("history goes back beyond a change of definition", async () => {
  const world = await stored();
  const next = versioned({ wait: { on: { go: "end" } }, end: {} });
  const { system } = await world.crash(next);
  await system.send("v:a", { type: "go" });
  const { items } = await system.history("v:a");
  assertEquals(items.map((entry) => entry.event.type), ["xstate.init", "holdfast.upgraded", "go"]);
  assertEquals((await system.at("v:a", 3)).state, "end");
  assertEquals((await system.at("v:a", 1)).state, "wait");
});
