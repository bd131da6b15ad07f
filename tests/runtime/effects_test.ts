import { assertEquals } from "@std/assert";
import { assign, type EventObject, fromCallback, fromPromise, sendTo, setup } from "xstate";
import {
  defineEffect,
  type EffectContext,
  type KindDefinition,
} from "../../actors/runtime/kind.ts";
import { external } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & {
  at: number;
  output?: unknown;
  error?: { message: string; code?: string };
};

const worker = setup({
  types: { context: {} as { heard: unknown[] }, events: {} as Event },
  actors: {
    work: external<{ n: number }, unknown>(),
    promise: fromPromise<number, { n: number }>(({ input }) => Promise.resolve(input.n * 2)),
    callback: fromCallback<EventObject>(({ sendBack, receive }) => {
      receive((event) => sendBack({ ...event, type: "echo" }));
      sendBack({ type: "hello" });
    }),
  },
  actions: {
    hear: assign({ heard: ({ context, event }) => [...context.heard, event.output ?? event.type] }),
    hearError: assign({
      heard: ({ context, event }) => [...context.heard, event.error?.code ?? event.error?.message],
    }),
    tell: sendTo("cb", { type: "ping", x: 1 }),
    notify: (_, _params: { text: string }) => {},
    remember: ({ context, event }) => acted.push({ context, event: (event as Event).type }),
  },
}).createMachine({
  id: "worker",
  context: { heard: [] },
  initial: "idle",
  on: { "effect.failed": { actions: "hearError" } },
  states: {
    idle: {
      on: {
        work: "working",
        promise: "promising",
        callback: "calling",
        notify: { actions: { type: "notify", params: { text: "hi" } } },
        act: { actions: "remember" },
      },
    },
    working: {
      invoke: {
        src: "work",
        id: "work",
        input: { n: 3 },
        onDone: { target: "idle", actions: "hear" },
        onError: { target: "idle", actions: "hearError" },
      },
      on: {
        progress: { actions: "hear" },
        leave: "idle",
        again: { target: "working", reenter: true },
      },
    },
    promising: {
      invoke: {
        src: "promise",
        id: "p",
        input: { n: 4 },
        onDone: { target: "idle", actions: "hear" },
      },
    },
    calling: {
      invoke: { src: "callback", id: "cb" },
      on: { hello: { actions: ["hear", "tell"] }, echo: { target: "idle", actions: "hear" } },
    },
  },
});

/** What the machine's own action function was called with. */
const acted: unknown[] = [];

type Work = (input: { n: number }, context: EffectContext) => unknown;

function kindWith(run: Work, options: Partial<Parameters<typeof defineEffect>[0]> = {}) {
  return [{
    name: "worker",
    version: 1,
    machine: worker,
    effects: {
      work: defineEffect({ run, ...options } as never),
      notify: defineEffect({ run, ...options } as never),
    },
  }] as KindDefinition[];
}

async function started(run: Work, options: Partial<Parameters<typeof defineEffect>[0]> = {}) {
  const world = await startWorld(kindWith(run, options));
  await world.system.spawn("worker", "w", {});
  return world;
}

const heard = async (system: { get(address: string): Promise<{ context: unknown }> }) =>
  ((await system.get("worker:w")).context as { heard: unknown[] }).heard;

Deno.test("an effect gets its input, key and attempt, and its result is one event", async () => {
  const calls: unknown[] = [];
  const { system, store, clock } = await started((input, { key, attempt, address }) => {
    calls.push({ input, key, attempt, address });
    return { ok: true };
  });
  await system.send("worker:w", { type: "work" });
  await clock.settle();
  assertEquals(calls, [{ input: { n: 3 }, key: "worker:w/2/0", attempt: 1, address: "worker:w" }]);
  assertEquals(await heard(system), [{ ok: true }]);
  assertEquals(await store.effectsOf("worker:w"), []);
});

Deno.test("an effect begins only after its commit stands", async () => {
  let stored: unknown;
  const world = await startWorld(kindWith(async () => {
    stored = (await world.store.loadActors(["worker:w"]))[0]?.state;
  }));
  await world.system.spawn("worker", "w", {});
  await world.system.send("worker:w", { type: "work" });
  await world.clock.settle();
  assertEquals(stored, "working");
});

Deno.test("an effect that fails is tried again with backoff under the same key", async () => {
  const keys: string[] = [];
  const { system, clock } = await started((_, { key, attempt }) => {
    keys.push(key);
    if (attempt < 3) throw new Error("not yet");
    return "done";
  }, { maxAttempts: 3, backoff: (attempt) => attempt * 1_000 });
  await system.send("worker:w", { type: "work" });
  await clock.advance(999);
  assertEquals(keys.length, 1);
  await clock.advance(1);
  assertEquals(keys.length, 2);
  await clock.advance(2_000);
  assertEquals(new Set(keys), new Set(["worker:w/2/0"]));
  assertEquals(await heard(system), ["done"]);
});

Deno.test("an effect whose attempts are used up is an error event", async () => {
  const { system, clock } = await started(() => {
    throw Object.assign(new Error("refused"), { code: "no_access" });
  }, { maxAttempts: 2, backoff: () => 10 });
  await system.send("worker:w", { type: "work" });
  await clock.advance(10);
  assertEquals(await heard(system), ["no_access"]);
});

Deno.test("an effect that does not mind its signal is given up at its time limit", async () => {
  const { system, clock } = await started(() => new Promise(() => {}), { timeoutMs: 500 });
  await system.send("worker:w", { type: "work" });
  await clock.advance(500);
  assertEquals(await heard(system), ["No result within 500 ms"]);
});

Deno.test("leaving the state aborts the effect, and its late result changes nothing", async () => {
  const contexts: EffectContext[] = [];
  let finish = (_: unknown) => {};
  const { system, clock } = await started((_, context) => {
    contexts.push(context);
    return new Promise((resolve) => finish = resolve);
  });
  await system.send("worker:w", { type: "work" });
  await clock.settle();
  await system.send("worker:w", { type: "leave" });
  assertEquals(contexts[0]?.signal.aborted, true);
  finish("late");
  await clock.settle();
  assertEquals(await heard(system), []);
});

Deno.test("re-entering the state makes another incarnation with another key", async () => {
  const keys: string[] = [];
  const { system, clock } = await started((_, { key }) => {
    keys.push(key);
    return new Promise(() => {});
  });
  await system.send("worker:w", { type: "work" });
  await clock.settle();
  await system.send("worker:w", { type: "again" });
  await clock.settle();
  assertEquals(keys, ["worker:w/2/0", "worker:w/3/0"]);
});

Deno.test("an effect's own events are durable, and dropped once it is obsolete", async () => {
  let context: EffectContext | undefined;
  const { system, clock } = await started((_, given) => {
    context = given;
    return new Promise(() => {});
  });
  await system.send("worker:w", { type: "work" });
  await clock.settle();
  await context?.send({ type: "progress" });
  assertEquals(await heard(system), ["progress"]);
  await context?.send({ type: "unknown" });
  const { items } = await system.history("worker:w");
  assertEquals(items.at(-1)?.outcome, "ignored");
  assertEquals((await system.replay("worker:w")).same, true);
});

Deno.test("a promise and a callback of the machine's own run as effects", async () => {
  const { system, clock } = await started(() => {});
  await system.send("worker:w", { type: "promise" });
  await clock.settle();
  await system.send("worker:w", { type: "callback" });
  await clock.settle();
  assertEquals(await heard(system), [8, "hello", "echo"]);
});

Deno.test("an action of the kind's own gets its params, an action function its event too", async () => {
  const inputs: unknown[] = [];
  const { system, store, clock } = await started((input) => inputs.push(input));
  await system.send("worker:w", { type: "notify" });
  await system.send("worker:w", { type: "act" });
  await clock.settle();
  assertEquals(inputs, [{ text: "hi" }]);
  assertEquals(acted, [{ context: { heard: [] }, event: "act" }]);
  assertEquals(await store.effectsOf("worker:w"), []);
});

Deno.test("an action that fails for good tells its actor, if that wants to know", async () => {
  const { system, store, clock } = await started(() => {
    throw new Error("no route");
  }, { maxAttempts: 2, backoff: () => 5 });
  await system.send("worker:w", { type: "notify" });
  await clock.advance(5);
  assertEquals(await heard(system), ["no route"]);
  assertEquals(await store.effectsOf("worker:w"), []);
});

const restarts: { policy: "rerun" | "reattach" | "fail"; heard: unknown[]; calls: string[] }[] = [
  { policy: "rerun", heard: ["ran 2"], calls: ["run 1", "run 2"] },
  { policy: "reattach", heard: ["taken up"], calls: ["run 1", "reattach 2"] },
  { policy: "fail", heard: ["interrupted"], calls: ["run 1"] },
];

for (const { policy, heard: expected, calls: wanted } of restarts) {
  Deno.test(`an effect that a crash cut off is treated as "${policy}" says`, async () => {
    const calls: string[] = [];
    const run: Work = (_, { attempt }) => {
      calls.push(`run ${attempt}`);
      return attempt === 1 ? new Promise(() => {}) : `ran ${attempt}`;
    };
    const reattach: Work = (_, { attempt }) => {
      calls.push(`reattach ${attempt}`);
      return "taken up";
    };
    const world = await started(run, { onRestart: policy, reattach } as never);
    await world.system.send("worker:w", { type: "work" });
    await world.clock.settle();
    const { system, clock, report } = await world.crash();
    await clock.settle();
    assertEquals(await heard(system), expected);
    assertEquals(calls, wanted);
    assertEquals(Object.values(report.effects).reduce((sum, count) => sum + count), 1);
  });
}

Deno.test("an effect between two attempts waits out its backoff over a crash", async () => {
  const attempts: number[] = [];
  const world = await started((_, { attempt }) => {
    attempts.push(attempt);
    if (attempt === 1) throw new Error("first");
    return "second";
  }, { maxAttempts: 2, backoff: () => 60_000 });
  await world.system.send("worker:w", { type: "work" });
  await world.clock.settle();
  const { system, clock } = await world.crash();
  await clock.advance(59_000);
  assertEquals(attempts, [1]);
  await clock.advance(1_000);
  assertEquals(attempts, [1, 2]);
  assertEquals(await heard(system), ["second"]);
});

Deno.test("stop() lets running effects finish within its time, and takes no more events", async () => {
  let finish = (_: unknown) => {};
  const { system, clock, store } = await started(() => new Promise((resolve) => finish = resolve));
  await system.send("worker:w", { type: "work" });
  await clock.settle();
  const stopping = system.stop({ drainMs: 10_000 });
  assertEquals(system.health().status, "draining");
  finish("in time");
  await clock.settle();
  await stopping;
  assertEquals(system.health().status, "stopped");
  assertEquals((await store.reopen().loadActors(["worker:w"]))[0]?.state, "idle");
});

Deno.test("secrets are taken out of results before they are stored", async () => {
  const kinds = kindWith(() => ({ text: "the key is hunter2" }));
  const [kind] = kinds;
  const redact = (text: string) => text.replaceAll("hunter2", "[redacted]");
  const { system, store, clock } = await startWorld([{ ...kind, redact } as KindDefinition]);
  await system.spawn("worker", "w", {});
  await system.send("worker:w", { type: "work" });
  await clock.settle();
  const [row] = await store.loadActors(["worker:w"]);
  assertEquals(row?.snapshot.includes("hunter2"), false);
  assertEquals(await heard(system), [{ text: "the key is [redacted]" }]);
});
