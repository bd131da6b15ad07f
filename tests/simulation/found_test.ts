/** Faults of the runtime that were found by simulation or by reading, each as small as it gets. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { assign, sendTo, setup } from "xstate";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import { defineEffect } from "../../actors/runtime/kind.ts";
import { actorAt, slot, watch } from "../../machines/lib/builtins.ts";
import { events, hanging, kindOf, working } from "./found_cases.ts";
import { Stage } from "./stage.ts";

Deno.test("an attempt is not written down again once its state was left", async () => {
  let fail = () => {};
  const failing = defineEffect({
    run: () => new Promise((_, reject) => fail = () => reject(new Error("no"))),
    maxAttempts: 9,
  });
  const stage: Stage = new Stage([kindOf("working", working, { work: failing })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  await stage.during(system.send("working:a", { type: "go" }));
  stage.latency = () => stage.clock.sleep(10, stage.nature);
  const rested = system.send("working:a", { type: "rest" });
  await stage.pass(15);
  // The commit that leaves its state is on its way.
  fail();
  await stage.during(rested);
  await stage.pass(100);
  assertEquals(await stage.store.listEffects("", 10), []);
});

Deno.test("retryDeadLetter() twice at once applies the event once", async () => {
  const counter = setup({
    types: { events, context: {} as { count: number } },
    actions: {
      count: assign({ count: ({ context }) => context.count + 1 }),
      write: sendTo(() => actorAt("counter:late"), { type: "count" }),
    },
  }).createMachine({
    id: "counter",
    context: { count: 0 },
    on: { count: { actions: "count" }, write: { actions: "write" } },
  });
  const stage: Stage = new Stage([kindOf("counter", counter)]);
  const system = await stage.boot();
  await stage.during(system.spawn("counter", "early", null));
  await stage.during(system.send("counter:early", { type: "write" }));
  await stage.during(system.spawn("counter", "late", null));
  const [letter] = (await system.deadLetters()).items;
  assert(letter !== undefined);
  const retries = [system.retryDeadLetter(letter.id), system.retryDeadLetter(letter.id)];
  const answers = await stage.during(Promise.allSettled(retries));
  assertEquals(answers.map(({ status }) => status), ["fulfilled", "rejected"]);
  assertEquals((await system.get("counter:late")).context, { count: 1 });
});

Deno.test("send() refuses on the ground of committed states only", async () => {
  const stage: Stage = new Stage([kindOf("working", working, { work: hanging })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  stage.fates.push({ type: "fails", failure: "full" });
  const answers = await stage.during(Promise.allSettled([
    system.send("working:a", { type: "go" }),
    system.send("working:a", { type: "go" }),
  ]));
  const reasons = answers.map((answer) => answer.status === "rejected" && answer.reason);
  assertEquals(reasons.map((reason) => reason instanceof NotAcceptedError), [false, false]);
  assertEquals((await system.get("working:a")).state, "resting");
});

Deno.test("a child that cannot be addressed fails alone, and not everyone who is granted", async () => {
  const leaf = setup({ types: { events } }).createMachine({ id: "leaf" });
  const parent = setup({ types: { events }, actors: { slot, leaf } }).createMachine({
    id: "parent",
    initial: "claiming",
    states: {
      claiming: {
        invoke: { src: "slot", id: "slot", input: { pools: [{ name: "p", limit: 1 }] } },
        on: { leave: { target: "left" } },
        initial: "queued",
        states: {
          queued: { on: { "slot.granted": { target: "working" } } },
          working: {
            invoke: { src: "leaf", id: "leaf", onError: { target: "#parent.left" } },
          },
        },
      },
      left: { type: "final" },
    },
  });
  const stage: Stage = new Stage([kindOf("parent", parent)]);
  const system = await stage.boot();
  await stage.during(system.spawn("parent", "first", null));
  const long = "x".repeat(240);
  await stage.during(system.spawn("parent", long, null));
  await stage.during(system.send("parent:first", { type: "leave" }));
  assertEquals((await system.get("parent:first")).state, "left");
  assertEquals((await system.get(`parent:${long}`)).state, "left");
  assertEquals(system.pools().map(({ held, waiting }) => held + waiting), []);
});

Deno.test("a machine that gives its place back as soon as it has it lets others go on", async () => {
  const restless = setup({ types: { events }, actors: { slot } }).createMachine({
    id: "restless",
    initial: "claiming",
    on: { stop: { target: ".stopped" } },
    states: {
      claiming: {
        invoke: { src: "slot", id: "slot", input: { pools: [{ name: "p", limit: 1 }] } },
        on: { "slot.granted": { target: "claiming", reenter: true } },
      },
      stopped: { type: "final" },
    },
  });
  const stage: Stage = new Stage([kindOf("restless", restless)]);
  const system = await stage.boot();
  await stage.during(system.spawn("restless", "a", null));
  await stage.during(system.send("restless:a", { type: "stop" }));
  assertEquals((await system.get("restless:a")).state, "stopped");
});

Deno.test("a result that the store could not take for a moment is not lost", async () => {
  const quick = defineEffect({ run: () => null });
  const stage: Stage = new Stage([kindOf("working", working, { work: quick })]);
  const system = await stage.boot();
  await stage.during(system.spawn("working", "a", null));
  stage.fates.push({ type: "stands" }, { type: "fails", failure: "other" });
  await stage.during(system.send("working:a", { type: "go" }));
  await stage.pass(5_000);
  assertEquals((await system.get("working:a")).state, "done");
});

Deno.test("a watch on very many is whole after a restart", async () => {
  const count = 1_100;
  const names = Array.from({ length: count }, (_, index) => `w${index}`);
  const watching = setup({
    types: { events, context: {} as { ended: number } },
    actors: { watch },
    actions: { count: assign({ ended: ({ context }) => context.ended + 1 }) },
  }).createMachine({
    id: "watching",
    context: { ended: 0 },
    invoke: {
      src: "watch",
      id: "watch",
      input: { addresses: names.map((name) => `working:${name}`) },
    },
    on: { "actor.ended": { actions: "count" } },
  });
  const quick = defineEffect({ run: () => null });
  const stage: Stage = new Stage([
    kindOf("working", working, { work: quick }),
    kindOf("watching", watching),
  ]);
  const before = await stage.boot();
  const made = names.map((name) => before.spawn("working", name, null));
  await stage.during(Promise.all(made));
  await stage.during(before.spawn("watching", "w", null));
  stage.crash();
  const system = await stage.boot();
  const gone = names.map((name) => system.send(`working:${name}`, { type: "go" }));
  await stage.during(Promise.all(gone));
  await stage.pass(1_000);
  assertEquals((await system.get("watching:w")).context, { ended: count });
});

Deno.test("a timer set anew beside an envelope that cannot be applied does not fire early", async () => {
  const rearming = setup({ types: { events } }).createMachine({
    id: "rearming",
    initial: "armed",
    states: {
      armed: {
        on: { rearm: { target: "armed", reenter: true } },
        after: { 1_000: { target: "fired" } },
      },
      fired: { type: "final" },
    },
  });
  const stage: Stage = new Stage([kindOf("rearming", rearming)]);
  const system = await stage.boot();
  await stage.during(system.spawn("rearming", "a", null));
  // A commit is on its way while three things gather: a new timer, a poison, the old timer.
  stage.latency = (what) =>
    what === "commit" ? stage.clock.sleep(50, stage.nature) : Promise.resolve();
  await stage.pass(980);
  const other = system.spawn("rearming", "b", null);
  await stage.pass(5);
  const rearmed = system.send("rearming:a", { type: "rearm" });
  const poison = system.spawn("rearming", "c", null, {
    idempotency: {
      key: "k",
      fingerprint: "f",
      answer: () => {
        throw new Error("poison");
      },
    },
  });
  const refused = assertRejects(() => poison, Error, "poison");
  await stage.pass(100);
  await stage.during(Promise.all([other, rearmed, refused]));
  await stage.pass(500);
  assertEquals((await system.get("rearming:a")).state, "armed");
  await stage.pass(1_000);
  assertEquals((await system.get("rearming:a")).state, "fired");
});
