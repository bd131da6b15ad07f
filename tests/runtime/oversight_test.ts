import { assertEquals, assertRejects } from "@std/assert";
import { type EventObject, setup } from "xstate";
import type { HookContext, KindDefinition } from "../../actors/runtime/kind.ts";
import { external, slot } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

const MINUTE_MS = 60_000;

const machine = setup({
  types: { events: {} as EventObject },
  actors: { work: external<undefined, unknown>(), slot },
  delays: { later: MINUTE_MS },
}).createMachine({
  id: "job",
  initial: "idle",
  states: {
    idle: { on: { wait: "waiting", work: "working", queue: "queued", end: "ended" } },
    waiting: { after: { later: "idle" } },
    working: { invoke: { src: "work", onDone: "idle", onError: "idle" } },
    queued: { invoke: { src: "slot", input: { pools: ["all"] } }, on: { rest: "idle" } },
    ended: { type: "final" },
  },
});

function jobs(): KindDefinition[] {
  return [{ name: "job", version: 1, machine, effects: { work: { run: hang } } }];
}

/** Work that goes on until it is aborted. */
function hang(_: unknown, { signal }: { signal: AbortSignal }): Promise<void> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

Deno.test("unattended() gives actors that only an event from outside moves on", async () => {
  const { system } = await startWorld(jobs());
  const addresses = ["none", "wait", "work", "queue", "end"].map((id) => `job:${id}`);
  for (const id of ["none", "wait", "work", "queue", "end"]) {
    await system.spawn("job", id, {});
    if (id !== "none") await system.send(`job:${id}`, { type: id });
  }
  assertEquals(await system.unattended(addresses), ["job:none"]);
  await system.send("job:queue", { type: "rest" });
  assertEquals((await system.unattended(addresses)).toSorted(), ["job:none", "job:queue"]);
  await system.stop();
});

Deno.test("overdue() gives timers that should have fired longer ago, the oldest first", async () => {
  const { system, clock } = await startWorld(jobs());
  for (const id of ["a", "b"]) {
    await system.spawn("job", id, {});
    await system.send(`job:${id}`, { type: "wait" });
    clock.jump(1_000);
  }
  const dueAt = clock.now() - 2_000 + MINUTE_MS;
  // The clock jumps on and no alarm goes off: the timers are late.
  clock.jump(MINUTE_MS + 1_000);
  const query = { lateMs: 1_000, limit: 10 };
  const overdue = await system.overdue(query);
  assertEquals(overdue.map(({ address, dueAt }) => ({ address, dueAt })), [
    { address: "job:a", dueAt },
    { address: "job:b", dueAt: dueAt + 1_000 },
  ]);
  const [timer] = (await system.inspect("job:a")).timers;
  assertEquals(overdue[0]?.timer, timer?.id);
  assertEquals((await system.overdue({ lateMs: 2_000, limit: 10 })).length, 1);
  assertEquals((await system.overdue({ lateMs: 1_000, limit: 1 })).length, 1);
  assertEquals(await system.overdue({ lateMs: 3_000, limit: 10 }), []);
  await assertRejects(() => system.overdue({ lateMs: 0, limit: 0 }), RangeError);
  await clock.advance(0);
  assertEquals(await system.overdue({ lateMs: 0, limit: 10 }), []);
  await system.stop();
});

Deno.test("orphanedEffects() gives those that nobody runs or waits with", async () => {
  const first = await startWorld(jobs());
  for (const id of ["a", "b"]) {
    await first.system.spawn("job", id, {});
    await first.system.send(`job:${id}`, { type: "work" });
  }
  first.clock.jump(MINUTE_MS);
  const query = { lateMs: 1_000, limit: 10 };
  assertEquals(await first.system.orphanedEffects(query), []);
  // A program that does not have the kind leaves its effects where they are.
  const { system, store, clock } = await first.crash([]);
  const [a, b] = await store.listEffects("", 10);
  const { address, key, src, attempt } = a ?? {};
  assertEquals(await system.orphanedEffects({ ...query, limit: 1 }), [
    { address, key, src, attempt },
  ] as unknown[]);
  assertEquals((await system.orphanedEffects(query)).map((found) => found.key), [key, b?.key]);
  assertEquals(await system.orphanedEffects({ lateMs: MINUTE_MS + 1, limit: 10 }), []);
  await clock.settle();
  await system.stop();
});

Deno.test("an effect that nothing carries out any more is orphaned", async () => {
  const run = (context: HookContext) => hang(undefined, context);
  const hooks = [{ name: "tell", priority: 0, mode: "async", on: { to: "ended" }, run }] as const;
  const first = await startWorld(jobs().map((job) => ({ ...job, hooks })));
  await first.system.spawn("job", "a", {});
  await first.system.send("job:a", { type: "end" });
  await first.clock.advance(2_000);
  const query = { lateMs: 1_000, limit: 10 };
  assertEquals(await first.system.orphanedEffects(query), []);
  const { system, clock } = await first.crash(jobs());
  await clock.settle();
  const [orphan] = await system.orphanedEffects(query);
  assertEquals([orphan?.address, orphan?.src, orphan?.attempt], ["job:a", "tell", 2]);
  await system.stop();
});
