/** Slots and watches, as the statecharts that ask for them see them. */
import { assertEquals } from "@std/assert";
import { assign, type EventObject, setup } from "xstate";
import { defineEffect, type KindDefinition } from "../../actors/runtime/kind.ts";
import { external, slot, watch } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & { at: number; address?: string; state?: string; status?: string };
type Input = { priority?: number; watches?: string[] };

const user = setup({
  types: {
    context: {} as { priority: number; watches: string[]; ended: unknown[] },
    events: {} as Event,
    input: {} as Input,
  },
  actors: { slot, watch, work: external<undefined, unknown>() },
  actions: {
    hear: assign({
      ended: ({ context, event }) => [
        ...context.ended,
        [event.address, event.status, event.state],
      ],
    }),
  },
}).createMachine({
  id: "user",
  context: ({ input }) => ({
    priority: input.priority ?? 0,
    watches: input.watches ?? [],
    ended: [],
  }),
  initial: "idle",
  states: {
    idle: { on: { claim: "claiming", watch: "watching", end: "ended" } },
    claiming: {
      invoke: {
        src: "slot",
        id: "slot",
        input: ({ context }) => ({
          pools: [{ name: "p", limit: 1 }],
          priority: context.priority,
        }),
      },
      initial: "waiting",
      states: {
        waiting: { on: { "slot.granted": "holding" } },
        holding: { on: { work: "working" } },
        working: { invoke: { src: "work", id: "work" } },
      },
      on: { release: "idle", end: "ended", again: { target: "claiming", reenter: true } },
    },
    watching: {
      invoke: {
        src: "watch",
        id: "watch",
        input: ({ context }) => ({ addresses: context.watches }),
      },
      on: { "actor.ended": { actions: "hear" }, release: "idle" },
    },
    ended: { type: "final" },
  },
});

const kinds: KindDefinition[] = [{
  name: "user",
  version: 1,
  machine: user,
  effects: { work: defineEffect({ run: () => new Promise(() => {}) }) },
}];

async function startedWith(ids: readonly string[], given: readonly KindDefinition[] = kinds) {
  const world = await startWorld(given);
  for (const id of ids) await world.system.spawn("user", id, {});
  return world;
}

type Reading = { get(address: string): Promise<{ state: string; context: unknown }> };
const states = async (system: Reading, ids: readonly string[]) => {
  const records = await Promise.all(ids.map((id) => system.get(`user:${id}`)));
  return records.map((record) => record.state);
};

Deno.test("a slot is granted in the commit that frees its place", async () => {
  const { system } = await startedWith(["a", "b"]);
  await system.send("user:a", { type: "claim" });
  await system.send("user:b", { type: "claim" });
  assertEquals(await states(system, ["a", "b"]), ["claiming.holding", "claiming.waiting"]);
  await system.send("user:a", { type: "release" });
  assertEquals(await states(system, ["a", "b"]), ["idle", "claiming.holding"]);
});

Deno.test("an ended actor and a re-entered state give their slots back", async () => {
  const { system, store } = await startedWith(["a", "b"]);
  await system.send("user:a", { type: "claim" });
  await system.send("user:b", { type: "claim" });
  await system.send("user:a", { type: "again" });
  assertEquals(await states(system, ["a", "b"]), ["claiming.waiting", "claiming.holding"]);
  await system.send("user:b", { type: "end" });
  assertEquals(await states(system, ["a", "b"]), ["claiming.holding", "ended"]);
  assertEquals((await store.listSlots(0, 10)).length, 1);
});

Deno.test("slots held and asked for outlive a crash, in their order", async () => {
  const world = await startedWith(["a", "b", "c"]);
  for (const id of ["a", "b", "c"]) await world.system.send(`user:${id}`, { type: "claim" });
  const { system, report } = await world.crash();
  assertEquals(report.slots, { held: 1, waiting: 2 });
  await system.send("user:a", { type: "end" });
  assertEquals(await states(system, ["b", "c"]), ["claiming.holding", "claiming.waiting"]);
});

Deno.test("a limit that is raised live grants at once, and is kept over a crash", async () => {
  const world = await startedWith(["a", "b"]);
  for (const id of ["a", "b"]) await world.system.send(`user:${id}`, { type: "claim" });
  await world.system.setPool("p", 2);
  assertEquals(await states(world.system, ["a", "b"]), ["claiming.holding", "claiming.holding"]);
  const { system } = await world.crash();
  assertEquals(system.pools(), [{ name: "p", limit: 2, held: 2, waiting: 0 }]);
  await system.setPool("p", null);
  assertEquals((await (await world.crash()).system.pools())[0]?.limit, null);
});

Deno.test("a place is free for others only when the aborted work has let go of it", async () => {
  let letGo = () => {};
  const run = () => new Promise<void>((resolve) => letGo = resolve);
  const [kind] = kinds;
  const { system, clock } = await startedWith(["a", "b"], [
    { ...kind, effects: { work: defineEffect({ run }) } } as KindDefinition,
  ]);
  await system.send("user:a", { type: "claim" });
  await system.send("user:a", { type: "work" });
  await system.send("user:b", { type: "claim" });
  await system.send("user:a", { type: "release" });
  await clock.settle();
  assertEquals(await states(system, ["a", "b"]), ["idle", "claiming.waiting"]);
  letGo();
  await clock.settle();
  assertEquals(await states(system, ["a", "b"]), ["idle", "claiming.holding"]);
});

Deno.test("a watch tells of actors that end, have ended, and never were", async () => {
  const { system } = await startedWith(["old", "live"]);
  await system.send("user:old", { type: "end" });
  await system.spawn("user", "w", { watches: ["user:old", "user:live", "user:none"] });
  await system.send("user:w", { type: "watch" });
  const ended = async () => ((await system.get("user:w")).context as { ended: unknown }).ended;
  assertEquals(await ended(), [
    ["user:old", "done", "ended"],
    ["user:none", "missing", "missing"],
  ]);
  await system.send("user:live", { type: "end" });
  assertEquals((await ended() as unknown[]).at(-1), ["user:live", "done", "ended"]);
});

Deno.test("a watch outlives a crash, and is gone with its state", async () => {
  const world = await startedWith(["live", "other"]);
  await world.system.spawn("user", "w", { watches: ["user:live", "user:other"] });
  await world.system.send("user:w", { type: "watch" });
  const { system, store, report } = await world.crash();
  assertEquals(report.watches, 1);
  await system.send("user:live", { type: "end" });
  const { context } = await system.get("user:w");
  assertEquals((context.ended as unknown[]).length, 1);
  await system.send("user:w", { type: "release" });
  assertEquals(await store.watchesOf("user:w"), []);
  await system.send("user:other", { type: "end" });
  assertEquals((await system.get("user:w")).context, context);
});
