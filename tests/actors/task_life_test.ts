/** Tasks on the real runtime, with an executor whose every move is the test's. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
  type ExecutorResult,
} from "../../actors/adapters/executor/executor.ts";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import type { EffectContext, EventInput } from "../../actors/runtime/kind.ts";
import { createTaskKind } from "../../actors/task.ts";
import type { TaskInput } from "../../machines/task_input.ts";
import type { TaskOutput } from "../../machines/task_setup.ts";
import { startWorld, type World } from "../testing/system.ts";

type Attempt = {
  input: ExecutorInput;
  context: EffectContext;
  heard: EventInput[];
  /** Goes on when it is told to let go. */
  isDeaf: boolean;
  finish(result: Partial<ExecutorResult>): void;
};

const START = { type: "executor.started", pid: 7, startedTicks: 70, workDir: "/w" };

Deno.test("task runs from its making to its result", async () => {
  const stage = await setStage();
  const { system, clock } = stage.world;
  const made = await stage.make("a");
  assertEquals(made.state, "dispatched");
  const attempt = stage.attempt("a");
  assertEquals(attempt.input.command, ["make"]);
  await attempt.context.send(START);
  assertEquals(await stage.stateOf("a"), "running.working");
  attempt.finish({ exitCode: 0, output: "done\n" });
  await clock.settle();
  const record = await system.get("task:a");
  assertEquals([record.state, record.status], ["succeeded", "done"]);
  assertEquals((record.output as { result: ExecutorResult }).result.output, "done\n");
  await system.stop();
});

Deno.test("task starts when the task that it depends on has succeeded", async () => {
  const stage = await setStage();
  await stage.make("a");
  await stage.make("b", { dependsOn: ["a"] });
  assertEquals(await stage.stateOf("b"), "pending");
  await stage.succeed("a");
  assertEquals(await stage.stateOf("b"), "dispatched");
  await stage.world.system.stop();
});

for (
  const { of, end } of [
    { of: "failed", end: { exitCode: 1 } },
    { of: "never existed", end: undefined },
  ]
) {
  Deno.test(`task is cancelled when the task that it depends on has ${of}`, async () => {
    const stage = await setStage();
    if (end !== undefined) {
      await stage.make("a");
      stage.attempt("a").finish(end);
      await stage.world.clock.settle();
    }
    await stage.make("b", { dependsOn: ["a"] });
    const { state, context } = await stage.world.system.get("task:b");
    assertEquals(state, "cancelled");
    assertEquals((context.error as { code: string }).code, "dependency_failed");
    await stage.world.system.stop();
  });
}

const LIMITS: readonly { what: string; input: Partial<TaskInput>; pools?: { system: number } }[] = [
  { what: "the system's limit", input: {}, pools: { system: 1 } },
  { what: "an exclusive key", input: { key: { name: "deploy" } } },
  { what: "an agent", input: { agent: "builder" } },
];

for (const { what, input, pools } of LIMITS) {
  Deno.test(`task waits its turn for ${what}, the urgent one first`, async () => {
    const stage = await setStage(pools);
    await stage.make("a", input);
    await stage.make("b", input);
    await stage.make("c", { ...input, priority: 4 });
    assertEquals(await stage.statesOf("a", "b", "c"), ["dispatched", "queued", "queued"]);
    await stage.succeed("a");
    assertEquals(await stage.statesOf("b", "c"), ["queued", "dispatched"]);
    await stage.succeed("c");
    assertEquals(await stage.stateOf("b"), "dispatched");
    await stage.world.system.stop();
  });
}

Deno.test("task that waits for a person lets another have its slot, and gets one back", async () => {
  const stage = await setStage({ system: 1 });
  const { system, clock } = stage.world;
  await stage.make("a");
  await stage.make("b");
  const attempt = stage.attempt("a");
  await attempt.context.send(START);
  await system.send("task:a", { type: "task.pause" });
  await clock.settle();
  assertEquals(attempt.heard, [{ type: "executor.pause" }]);
  assertEquals(await stage.statesOf("a", "b"), ["running.paused", "dispatched"]);
  await system.send("task:a", { type: "task.resume" });
  await clock.settle();
  assertEquals(await stage.stateOf("a"), "running.resuming");
  await stage.succeed("b");
  assertEquals(await stage.stateOf("a"), "running.working");
  assertEquals(attempt.heard, [{ type: "executor.pause" }, { type: "executor.resume" }]);
  assert(!attempt.context.signal.aborted);
  await system.stop();
});

Deno.test("task that is cancelled aborts its executor, whose late report changes nothing", async () => {
  const stage = await setStage();
  const { system, clock } = stage.world;
  await stage.make("a");
  const attempt = stage.attempt("a");
  attempt.isDeaf = true;
  const { state } = await system.send("task:a", { type: "task.cancel", reason: "Enough" });
  assertEquals(state, "cancelled");
  assert(attempt.context.signal.aborted);
  const { revision } = await system.get("task:a");
  attempt.finish({ exitCode: 0 });
  await clock.settle();
  const after = await system.get("task:a");
  assertEquals([after.state, after.revision], ["cancelled", revision]);
  await system.stop();
});

Deno.test("task in a state that does not take a command refuses it and names what it takes", async () => {
  const stage = await setStage({ system: 0 });
  const { system } = stage.world;
  await stage.make("a");
  await assertRejects(
    () => system.send("task:a", { type: "task.complete", result: {} }),
    NotAcceptedError,
    'Cannot apply "task.complete" to task:a: state is "queued"',
  );
  await system.stop();
});

Deno.test("task whose server dies is orphaned, retried, and ends once", async () => {
  const stage = await setStage();
  await stage.make("a");
  await stage.attempt("a").context.send(START);
  const again = await stage.crash();
  assertEquals(again.orphaned, ["a"]);
  const { context } = await again.world.system.get("task:a");
  assertEquals(context.error, { code: "orphaned", message: "Its server is gone" });
  assertEquals(await again.stateOf("a"), "retrying");
  await again.world.clock.advance(1_000);
  const attempt = again.attempt("a");
  assertEquals([attempt.input.attempt, attempt.input.epoch], [2, 2]);
  assertEquals(attempt.input.previous, { pid: 7, startedTicks: 70 });
  await again.succeed("a");
  assertEquals(await again.stateOf("a"), "succeeded");
  await again.world.system.stop();
});

Deno.test("task that is paused when its server dies is paused still, and goes on when told to", async () => {
  const stage = await setStage({ system: 1 });
  await stage.make("a");
  await stage.attempt("a").context.send(START);
  await stage.world.system.send("task:a", { type: "task.pause" });
  const again = await stage.crash();
  const { system, clock } = again.world;
  assertEquals(again.orphaned, ["a"]);
  await clock.advance(24 * 60 * 60_000);
  const record = await system.get("task:a");
  assertEquals(record.state, "running.paused");
  const { error } = system.view(record);
  assertEquals(error, { code: "orphaned", message: "Its server is gone" });
  await again.make("b");
  assertEquals(await again.stateOf("b"), "dispatched");
  await system.send("task:a", { type: "task.resume" });
  await again.succeed("b");
  assertEquals(again.attempt("a").input.epoch, 2);
  await again.succeed("a");
  const { state, context } = await system.get("task:a");
  assertEquals([state, context.attempt, context.error], ["succeeded", 1, null]);
  await system.stop();
});

Deno.test("task that waits in the queue waits there after its server has died", async () => {
  const stage = await setStage({ system: 0 });
  await stage.make("a", { queueTtlMs: 60_000 });
  await stage.world.clock.advance(20_000);
  const again = await stage.crash();
  assertEquals(await again.stateOf("a"), "queued");
  await again.world.clock.advance(40_000);
  const { state, context } = await again.world.system.get("task:a");
  assertEquals(state, "failed");
  assertEquals((context.error as { code: string }).code, "queue_expired");
  await again.world.system.stop();
});

Deno.test("task takes a long prompt, shows it whole and hands it on", async () => {
  const stage = await setStage();
  const prompt = `Fix it.\n${"x".repeat(20_000)}`;
  await stage.make("a", { prompt });
  const { system } = stage.world;
  const record = await system.get("task:a");
  assertEquals(system.view(record).prompt, prompt);
  assertEquals(stage.attempt("a").input.prompt, prompt);
  await system.stop();
});

Deno.test("task tells whoever watches it what its long output told", async () => {
  const stage = await setStage();
  const { system, clock, store } = stage.world;
  await stage.make("a");
  await stage.make("b", { dependsOn: ["a"] });
  const { context, finish } = stage.attempt("a");
  await context.send(START);
  const deep = `${"[".repeat(1_000)}${"]".repeat(1_000)}`;
  const told = `@holdfast {"summary": "All green", "deep": ${deep}}\n`;
  const output = `${"x".repeat(20_000)}\n${told}`;
  finish({ exitCode: 0, output });
  await clock.settle();
  // As machines get it, with no text that is stored apart.
  const rows = await store.journal({ address: "task:b", after: 0, limit: 100 });
  const ended = rows.map(({ event }) => JSON.parse(event)).find(({ type }) =>
    type === "actor.ended"
  );
  const { state, result } = ended.output as TaskOutput;
  assertEquals([state, result?.report?.summary], ["succeeded", "All green"]);
  assertEquals(result?.tail, output.slice(-2_000));
  assertEquals(typeof result?.output, "object");
  await system.stop();
});

Deno.test("task is found by label, and by coalesceKey only while it waits", async () => {
  const stage = await setStage();
  const { system } = stage.world;
  const later = stage.world.clock.now() + 1_000;
  await stage.make("a", { labels: { team: "x" }, coalesceKey: "c", startAt: later });
  const find = async (name: string, value: string) => {
    const { items } = await system.list("task", { index: [{ name, value }] });
    return items.map(({ id }) => id);
  };
  assertEquals(await find("label", "team=x"), ["a"]);
  assertEquals(await find("label", "team"), ["a"]);
  assertEquals(await find("coalesceKey", "c"), ["a"]);
  await stage.world.clock.advance(1_000);
  assertEquals(await stage.stateOf("a"), "dispatched");
  assertEquals(await find("coalesceKey", "c"), []);
  await system.stop();
});

async function setStage(pools: { system: number } = { system: 100 }) {
  const { executor, attempts, orphaned } = createActor();
  const kinds = [createTaskKind({ executors: { command: executor } })];
  return stageOf(await startWorld(kinds, { pools }), { attempts, orphaned });
}

/** What the tests do with a world of tasks. */
function stageOf(
  world: World,
  { attempts, orphaned }: { attempts: Map<string, Attempt>; orphaned: string[] },
) {
  const { system, clock } = world;
  const stateOf = async (id: string) => (await system.get(`task:${id}`)).state;
  const attempt = (id: string): Attempt => {
    const found = attempts.get(id);
    if (found === undefined) throw new Error(`Cannot find an attempt of "${id}"`);
    return found;
  };
  return {
    world,
    orphaned,
    stateOf,
    attempt,
    statesOf: (...ids: string[]) => Promise.all(ids.map(stateOf)),
    make: async (id: string, input: Partial<TaskInput> = {}) => {
      const given = { id, command: ["make"], createdAt: clock.now(), ...input };
      await system.spawn("task", id, given);
      await clock.settle();
      return await system.get(`task:${id}`);
    },
    succeed: async (id: string) => {
      await attempt(id).context.send(START);
      attempt(id).finish({ exitCode: 0 });
      await clock.settle();
    },
    crash: async () => {
      const next = createActor();
      const kinds = [createTaskKind({ executors: { command: next.executor } })];
      const again = await world.crash(kinds);
      await clock.settle();
      return stageOf(again, next);
    },
  };
}

/** An executor that waits for the test to say what comes of an attempt. */
function createActor() {
  const attempts = new Map<string, Attempt>();
  const orphaned: string[] = [];
  const executor: Executor = {
    name: "command",
    run: (input, context) => {
      const { signal } = context;
      const heard: EventInput[] = [];
      context.receive((event) => heard.push(event));
      return new Promise((resolve, reject) => {
        const finish = (result: Partial<ExecutorResult>) => resolve({ ...RESULT, ...result });
        const attempt: Attempt = { input, context, heard, isDeaf: false, finish };
        attempts.set(input.taskId, attempt);
        signal.addEventListener("abort", () => attempt.isDeaf || reject(signal.reason));
      });
    },
    reattach: (input) => {
      orphaned.push(input.taskId);
      return Promise.reject(new ExecutorError("orphaned", "Its server is gone"));
    },
    available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
  };
  return { executor, attempts, orphaned };
}

const RESULT: ExecutorResult = {
  exitCode: 0,
  signal: null,
  output: "",
  truncated: false,
  outputBytes: 0,
  workDir: null,
  durationMs: 1,
};
