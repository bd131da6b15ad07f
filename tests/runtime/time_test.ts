import { assertEquals } from "@std/assert";
import { assign, cancel, type EventObject, raise, sendTo, setup } from "xstate";
import { actorAt } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & { at: number; ms?: number };

const clockwork = setup({
  types: { context: {} as { fired: string[]; ms: number }, events: {} as Event },
  actions: {
    note: assign({
      fired: ({ context, event }) => [...context.fired, `${event.type}@${event.at}`],
    }),
    later: raise({ type: "tick" } as Event, { delay: 300, id: "tick" }),
    never: cancel("tick"),
    tell: sendTo(() => actorAt("clockwork:b"), { type: "told" } as Event, { delay: 50 }),
    keep: assign({ ms: ({ event }) => event.ms ?? 0 }),
    wrong: raise({ type: "tick" } as Event, { delay: () => NaN }),
  },
  delays: { kept: ({ context }) => context.ms },
}).createMachine({
  id: "clockwork",
  context: { fired: [], ms: 0 },
  initial: "idle",
  on: {
    tick: { actions: "note" },
    told: { actions: "note" },
    later: { actions: "later" },
    never: { actions: "never" },
    tell: { actions: "tell" },
    wrong: { actions: "wrong" },
  },
  states: {
    idle: { on: { wait: { target: "waiting", actions: "keep" } } },
    waiting: {
      after: { kept: { target: "idle", actions: "note" } },
      on: { again: { target: "waiting", reenter: true }, leave: "idle", end: "ended" },
    },
    ended: { type: "final" },
  },
});

const kinds = [{ name: "clockwork", version: 1, machine: clockwork }];

async function started() {
  const world = await startWorld(kinds);
  await world.system.spawn("clockwork", "a", {});
  return world;
}

const fired = async (system: { get(address: string): Promise<{ context: unknown }> }, id = "a") =>
  ((await system.get(`clockwork:${id}`)).context as { fired: string[] }).fired
    .map((line) => line.replace("xstate.after.kept.clockwork.waiting", "after"));

Deno.test("a timer fires once, at its time, and not before", async () => {
  const { system, store, clock } = await started();
  await system.send("clockwork:a", { type: "wait", ms: 500 });
  await clock.advance(499);
  assertEquals(await fired(system), []);
  await clock.advance(1);
  await clock.advance(5_000);
  assertEquals(await fired(system), ["after@1000500"]);
  assertEquals(await store.countTimers(), 0);
});

Deno.test("a timer outlives a crash, and fires at once when its time has passed", async () => {
  const world = await started();
  await world.system.send("clockwork:a", { type: "wait", ms: 500 });
  world.clock.jump(9_000);
  const { system, clock, report } = await world.crash();
  assertEquals(report.timers, { armed: 1, overdue: 1 });
  await clock.settle();
  assertEquals(await fired(system), ["after@1009000"]);
});

Deno.test("late timers fire in the order in which they were due", async () => {
  const world = await startWorld(kinds);
  for (const [id, ms] of [["a", 300], ["b", 100], ["c", 200]] as const) {
    await world.system.spawn("clockwork", id, {});
    await world.system.send(`clockwork:${id}`, { type: "wait", ms });
  }
  world.clock.jump(1_000);
  const { system, clock } = await world.crash();
  await clock.settle();
  const order: string[] = [];
  for await (const item of system.feed({ after: 6 })) {
    if (item.type === "entry") order.push(item.entry.address);
    if (order.length === 3) break;
  }
  assertEquals(order, ["clockwork:b", "clockwork:c", "clockwork:a"]);
});

Deno.test("leaving a state, cancel and the end of an actor take its timers away", async () => {
  const { system, store, clock } = await started();
  await system.send("clockwork:a", { type: "wait", ms: 500 });
  await system.send("clockwork:a", { type: "leave" });
  await system.send("clockwork:a", { type: "later" });
  await system.send("clockwork:a", { type: "never" });
  assertEquals(await store.countTimers(), 0);
  await system.send("clockwork:a", { type: "later" });
  await system.send("clockwork:a", { type: "wait", ms: 500 });
  await system.send("clockwork:a", { type: "end" });
  assertEquals(await store.countTimers(), 0);
  await clock.advance(1_000);
  assertEquals(await fired(system), []);
});

Deno.test("re-entering a state starts its timer anew", async () => {
  const { system, clock } = await started();
  await system.send("clockwork:a", { type: "wait", ms: 500 });
  await clock.advance(400);
  await system.send("clockwork:a", { type: "again" });
  await clock.advance(499);
  assertEquals(await fired(system), []);
  await clock.advance(1);
  assertEquals(await fired(system), ["after@1000900"]);
});

Deno.test("a delayed message reaches its target at its time", async () => {
  const { system, clock } = await started();
  await system.spawn("clockwork", "b", {});
  await system.send("clockwork:a", { type: "tell" });
  await clock.advance(50);
  assertEquals(await fired(system, "b"), ["told@1000050"]);
});

Deno.test("a delay that is no number fails its event and leaves nothing behind", async () => {
  const { system, store } = await started();
  const [result] = await Promise.allSettled([system.send("clockwork:a", { type: "wrong" })]);
  assertEquals(result?.status, "rejected");
  assertEquals(await store.countTimers(), 0);
  assertEquals((await system.get("clockwork:a")).revision, 1);
});

Deno.test("a clock that is set back fires no timer early, one that is set forward fires it late", async () => {
  const { system, clock } = await started();
  await system.send("clockwork:a", { type: "wait", ms: 500 });
  clock.jump(-10_000);
  await clock.advance(600);
  assertEquals(await fired(system), []);
  await clock.advance(9_900);
  assertEquals(await fired(system), ["after@1000500"]);
});

Deno.test("a thousand timers due together all fire once", async () => {
  const { system, store, clock } = await startWorld(kinds, { maxCachedActors: 50 });
  const ids = Array.from({ length: 1_000 }, (_, index) => `t${index}`);
  await Promise.all(ids.map((id) => system.spawn("clockwork", id, {})));
  await Promise.all(ids.map((id) => system.send(`clockwork:${id}`, { type: "wait", ms: 100 })));
  await clock.advance(100);
  assertEquals(await store.countTimers(), 0);
  assertEquals((await system.stats()).timersFired, 1_000);
  for (const id of ["t0", "t500", "t999"]) assertEquals((await fired(system, id)).length, 1);
});
