/** Faults at boot, at rest and at the end that were found, each as small as it gets. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { setup } from "xstate";
import { DrainingError, NotFoundError } from "../../actors/runtime/errors.ts";
import { defineEffect, type EffectContext } from "../../actors/runtime/kind.ts";
import { never } from "./crashing_store.ts";
import { events, hanging, holder, HOUR_MS, kindOf, untilAborted, working } from "./found_cases.ts";
import { Stage } from "./stage.ts";

Deno.test("an overdue timer and the takeover of its actor in one commit take it over once", async () => {
  const napping = (extra: Record<string, { tags?: ["waiting"] }>) =>
    setup({ types: { events } }).createMachine({
      id: "napping",
      initial: "asleep",
      states: { asleep: { after: { 1_000: { target: "awake" } } }, awake: {}, ...extra },
    });
  const stage: Stage = new Stage([kindOf("napping", napping({}))]);
  const before = await stage.boot();
  await stage.during(before.spawn("napping", "a", null));
  stage.crash();
  stage.kinds = [kindOf("napping", napping({ dreaming: {} }))];
  stage.clock.jump(HOUR_MS);
  // While the first commit is on its way, both gather for the second.
  stage.latency = (what) => stage.clock.sleep(what === "commit" ? 50 : 5, stage.nature);
  const system = stage.wire();
  const started = system.start();
  const isMade = () => stage.process.call(() => system.spawn("napping", "b", null));
  while ((await stage.during(isMade())).type !== "value") await stage.pass(1);
  await stage.during(started);
  await stage.pass(200);
  const { items } = await stage.during(system.history("napping:a"));
  const types = items.map((entry) => entry.event.type);
  assertEquals(types, ["xstate.init", "holdfast.upgraded", "xstate.after.1000.napping.asleep"]);
  assertEquals(items.map((entry) => entry.revision), [1, 2, 3]);
});

Deno.test("stop() waits for an attempt that followed without delay", async () => {
  let isAborted = false;
  const stubborn = defineEffect({
    maxAttempts: 2,
    backoff: () => 0,
    run: async (_: unknown, { attempt, signal }) => {
      if (attempt === 1) throw new Error("first");
      await untilAborted(signal).catch(() => stage.clock.sleep(100, stage.nature));
      isAborted = true;
    },
  });
  const stage: Stage = new Stage([kindOf("working", working, { work: stubborn })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  await stage.during(system.send("working:a", { type: "go" }));
  await stage.pass(10);
  await stage.during(system.stop());
  assert(isAborted);
});

Deno.test("waitFor() ends when the system stops", async () => {
  const stage: Stage = new Stage([kindOf("working", working, { work: hanging })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  const waiting = assertRejects(() => system.waitFor("working:a", () => false), DrainingError);
  await stage.during(system.stop());
  await stage.during(waiting);
});

Deno.test("one who waits for a closed pool keeps no place free in an open one", async () => {
  const stage: Stage = new Stage([kindOf("holder", holder, { work: hanging })]);
  const system = await stage.boot({ pools: { open: 1, closed: 0 } });
  await stage.during(system.spawn("holder", "patient", { pools: ["open", "closed"] }));
  stage.clock.jump(24 * HOUR_MS);
  await stage.during(system.spawn("holder", "quick", { pools: ["open"] }));
  assertEquals((await system.get("holder:quick")).state, "claiming.working");
});

Deno.test("spawn() during start is refused, or done on what is stored", async () => {
  const stage: Stage = new Stage([kindOf("working", working, { work: hanging })]);
  const before = await stage.boot();
  await stage.during(before.spawn("working", "a", null));
  stage.crash();
  stage.latency = () => stage.clock.sleep(5, stage.nature);
  const system = stage.wire();
  const started = system.start();
  const answers: string[] = [];
  for (let index = 0; index < 20; index++) {
    const spawned = system.spawn("working", `b${index}`, null);
    spawned.then(() => answers.push("made"), (error) => answers.push(error.name));
    await stage.pass(3);
  }
  await stage.during(started);
  await stage.pass(100);
  assertEquals(new Set(answers), new Set(["DrainingError", "made"]));
  assertEquals(system.health().status, "ready");
});

Deno.test("one who yields is granted again when its work has let go", async () => {
  const slow = defineEffect({
    run: (_: unknown, { signal }) =>
      untilAborted(signal).catch(() => stage.clock.sleep(100, stage.nature)),
  });
  const stage: Stage = new Stage([kindOf("holder", holder, { work: slow })]);
  const system = await stage.boot({ pools: { p: 1 } });
  await stage.during(system.spawn("holder", "a", { pools: ["p"] }));
  await stage.during(system.send("holder:a", { type: "yield" }));
  assertEquals((await system.get("holder:a")).state, "claiming.queued");
  await stage.pass(200);
  assertEquals((await system.get("holder:a")).state, "claiming.working");
});

Deno.test("an overdue timer at boot ends the work of its state, and begins none in vain", async () => {
  const begun: string[] = [];
  const noted = defineEffect({
    run: (_: unknown, { key, signal }) => {
      begun.push(key);
      return untilAborted(signal);
    },
  });
  const stage: Stage = new Stage([kindOf("working", working, { work: noted })]);
  const before = await stage.boot();
  await stage.during(before.spawn("working", "a", null));
  await stage.during(before.send("working:a", { type: "go" }));
  stage.crash();
  stage.clock.jump(HOUR_MS);
  const system = await stage.boot({ sweep: () => stage.clock.sleep(100, stage.nature) });
  await stage.pass(500);
  assertEquals((await system.get("working:a")).state, "resting");
  const { effectsRunning, effectsWaiting } = await system.stats();
  assertEquals(effectsRunning + effectsWaiting, 0);
  await stage.during(system.send("working:a", { type: "go" }));
  await stage.pass(10);
  assertEquals(begun.at(-1), "working:a/4/0");
});

Deno.test("an effect that does not let go keeps no wake-up after stop()", async () => {
  const deaf = defineEffect({ run: () => never(), timeoutMs: HOUR_MS });
  const stage: Stage = new Stage([kindOf("working", working, { work: deaf })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  await stage.during(system.send("working:a", { type: "go" }));
  await stage.during(system.stop());
  assertEquals(stage.clock.pendingOf(stage.process), 0);
});

Deno.test("an effect that goes on writing after stop() wakes nobody", async () => {
  const { promise: silence, resolve: speak } = Promise.withResolvers<void>();
  const deaf = defineEffect({
    run: async (_: unknown, context: EffectContext) => {
      await silence;
      context.append("output", "Still here");
    },
  });
  const stage: Stage = new Stage([kindOf("working", working, { work: deaf })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  await stage.during(system.send("working:a", { type: "go" }));
  await stage.during(system.stop());
  speak();
  await stage.pass(1);
  assertEquals(stage.clock.pendingOf(stage.process), 0);
});

Deno.test("retryDeadLetter() of one that is gone says so", async () => {
  const stage: Stage = new Stage([kindOf("working", working, { work: hanging })]);
  const system = await stage.boot();
  await assertRejects(() => system.retryDeadLetter("dead_0"), NotFoundError);
});

Deno.test("feed() tells a reader of what was cut while it read", async () => {
  const quick = defineEffect({ run: () => null });
  const stage: Stage = new Stage([kindOf("working", working, { work: quick })]);
  const before = await stage.boot();
  await stage.during(before.spawn("working", "old", null));
  await stage.during(before.send("working:old", { type: "go" }));
  await stage.during(before.spawn("working", "new", null));
  stage.crash();
  const system = await stage.boot();
  let reads = 0;
  stage.latency = async () => {
    reads += 1;
    if (reads !== 2) return;
    const now = stage.clock.now() + 1;
    const before = { endedBefore: now, basesBefore: now, idempotencyBefore: 0 };
    await stage.store.prune({ now, ...before, limit: 10, rows: 10 });
  };
  const items = system.feed({ after: 0 })[Symbol.asyncIterator]();
  const first = await stage.during(items.next());
  assertEquals(first.value, { type: "reset", oldest: await stage.store.oldestSeq() });
});
