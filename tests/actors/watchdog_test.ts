/** What the watchdog finds: each kind of alert with a real cause, and none without. */
import { assertEquals, assertMatch } from "@std/assert";
import { setup } from "xstate";
import type { Executor } from "../../actors/adapters/executor/executor.ts";
import { createAlertKind } from "../../actors/alert.ts";
import { createGoalKind } from "../../actors/goal.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import type { SystemJob } from "../../actors/system_jobs.ts";
import { createTaskKind } from "../../actors/task.ts";
import { createWatchdog } from "../../actors/watchdog.ts";
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import type { Commit } from "../../actors/store/store.ts";
import { external } from "../../machines/lib/builtins.ts";
import { startWorld, type World } from "../testing/system.ts";
import { goalPlanOf, planOf } from "./automation_stage.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Goes on until its signal aborts. */
function hang(_: unknown, { signal }: { signal: AbortSignal }): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

const child = setup({ actors: { work: external<undefined, unknown>() } }).createMachine({
  id: "child",
  initial: "working",
  states: { working: { invoke: { src: "work", onDone: "ended" } }, ended: { type: "final" } },
});

const machine = setup({
  actors: { work: external<undefined, unknown>(), child },
  delays: { later: 10 * MINUTE },
}).createMachine({
  id: "job",
  initial: "lost",
  on: {
    lose: ".lost",
    rest: ".resting",
    sleep: ".sleeping",
    work: ".working",
    delegate: ".delegating",
    end: ".ended",
  },
  states: {
    lost: {},
    resting: { tags: ["waiting"] },
    sleeping: { after: { later: "resting" } },
    working: { invoke: { src: "work", onDone: "resting" } },
    delegating: { invoke: { src: "child", onDone: "resting" } },
    ended: { type: "final" },
  },
});

const JOB: KindDefinition = { name: "job", version: 1, machine, effects: { work: { run: hang } } };

/** Tasks whose work says that it has begun, and nothing more. */
function taskKind(): KindDefinition {
  const command: Executor = {
    name: "command",
    available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
    run: async (input, context) => {
      await context.send({ type: "executor.started" });
      return await hang(input, context);
    },
    reattach: hang,
  };
  return createTaskKind({ executors: { command } });
}

class Watched {
  readonly told: string[] = [];
  /** Takes out of a commit what the disk then does not have. */
  lose: (commit: Commit) => void = () => {};
  #world: World | undefined;
  #watchdog: SystemJob | undefined;
  #slot = 0;

  static async start(kinds: readonly KindDefinition[] = [JOB]): Promise<Watched> {
    const watched = new Watched();
    const store = new MemoryStore();
    const world = await startWorld(watched.#with(kinds), { store });
    watched.#enter(world);
    return watched;
  }

  get world(): World {
    if (this.#world === undefined) throw new Error("Cannot use the world: there is none");
    return this.#world;
  }

  async crash(kinds: readonly KindDefinition[] = [JOB]): Promise<void> {
    this.#enter(await this.world.crash(this.#with(kinds)));
  }

  async spawn(id: string, event?: string, kind = "job", input: unknown = {}): Promise<void> {
    const { system } = this.world;
    await system.spawn(kind, id, input);
    if (event !== undefined) await system.send(`${kind}:${id}`, { type: event });
  }

  /** One look of the watchdog. */
  async look(memory: unknown = null): Promise<string> {
    const { signal } = new AbortController();
    const run = { slot: ++this.#slot, memory, signal, key: "k" };
    const report = await this.#watchdog?.(run);
    await this.world.clock.settle();
    return report?.summary ?? "";
  }

  /** Looks until what has come up counts, and says what holds: `kind actor: reason`. */
  async find(): Promise<string[]> {
    for (let minute = 0; minute < 3; minute++) {
      await this.look();
      this.world.clock.jump(MINUTE);
    }
    await this.look();
    return await this.raised();
  }

  async raised(): Promise<string[]> {
    const query = { state: "raised", sort: "oldest" } as const;
    const { items } = await this.world.system.list("alert", query);
    return items.map(({ context }) =>
      `${context["kind"]} ${context["actor"]}: ${context["reason"]}`
    );
  }

  #with(kinds: readonly KindDefinition[]): KindDefinition[] {
    const notify = ({ address }: { address: string }) => void this.told.push(address);
    return [...kinds, createAlertKind({ notify })];
  }

  #enter(world: World): void {
    this.#world = world;
    const { system, clock, store } = world;
    this.#watchdog = createWatchdog({ system: () => system, clock });
    const commit = store.commit.bind(store);
    store.commit = (rows) => {
      this.lose(rows);
      return commit(rows);
    };
  }
}

Deno.test("watchdog finds nothing where all goes on, or waits for somebody", async () => {
  const watched = await Watched.start([JOB, taskKind()]);
  for (const event of ["rest", "sleep", "work", "delegate", "end"]) {
    await watched.spawn(event, event);
  }
  const task = { id: "a", command: ["work"], createdAt: watched.world.clock.now() };
  await watched.spawn("a", undefined, "task", task);
  assertEquals(await watched.find(), []);
});

Deno.test("watchdog finds actors that nothing wakes and that wait for nobody", async () => {
  const watched = await Watched.start();
  await watched.spawn("a");
  await watched.spawn("b", "rest");
  assertEquals(await watched.find(), [
    "unattended job:a: Nothing wakes it: it has no timer, effect, slot, watch or child, and its " +
    'state "lost" waits for nobody',
  ]);
  assertEquals(watched.told, ["job:a"]);
});

Deno.test("watchdog finds an actor whose timer is lost", async () => {
  const watched = await Watched.start();
  watched.lose = (commit) => commit.timers = [];
  await watched.spawn("a", "sleep");
  assertMatch((await watched.find()).join(), /^unattended job:a: .* state "sleeping"/);
});

Deno.test("watchdog finds timers that do not fire", async () => {
  const watched = await Watched.start();
  const { clock } = watched.world;
  await watched.spawn("a", "sleep");
  for (let look = 0; look < 2; look++) {
    await watched.look();
    await clock.advance(4 * MINUTE);
  }
  assertEquals(await watched.look(), "Looked at 1 actors and found 0 alerts; 0 raised, 0 receded");
  // No alarm goes off.
  clock.jump(4 * MINUTE + 1);
  await watched.look();
  assertEquals(await watched.raised(), [
    'overdue job:a: Its timer "xstate.after.later.job.sleeping" was due at ' +
    "1970-01-01T00:26:40.000Z and has not fired",
  ]);
  // The commit that raised it has looked for timers.
  await watched.look();
  assertEquals(await watched.raised(), []);
});

Deno.test("watchdog finds a schedule whose slot has passed", async () => {
  const runJob = () => Promise.resolve({ summary: "" });
  const watched = await Watched.start([createScheduleKind({ runJob })]);
  watched.lose = (commit) => commit.timers = [];
  const input = { id: "a", plan: planOf(), createdAt: watched.world.clock.now() };
  await watched.spawn("a", undefined, "schedule", input);
  assertEquals(await watched.find(), []);
  watched.world.clock.jump(1);
  await watched.look();
  assertEquals(await watched.raised(), [
    "overdue schedule:a: It was to go on by itself at 1970-01-01T00:17:40.000Z and has not",
  ]);
});

Deno.test("watchdog finds a task that works past its limit, and one that shows no sign of life", async () => {
  const watched = await Watched.start([taskKind()]);
  watched.lose = (commit) => commit.timers = [];
  const at = watched.world.clock.now();
  const input = { command: ["work"], createdAt: at, stuckAfterMs: 3 * HOUR, timeoutMs: HOUR };
  await watched.spawn("a", undefined, "task", { id: "a", ...input });
  await watched.spawn("b", undefined, "task", {
    ...{ id: "b", ...input },
    ...{ timeoutMs: 3 * HOUR, stuckAfterMs: 5 * MINUTE },
  });
  assertEquals(await watched.find(), []);
  watched.world.clock.jump(HOUR);
  assertEquals((await watched.find()).sort(), [
    "silent task:b: It showed its last sign of life at 1970-01-01T00:16:40.000Z, and is to show " +
    "one every 300 s",
    'stuck task:a: It is in state "running.working", which was to end by 1970-01-01T01:16:40.000Z',
  ]);
});

Deno.test("watchdog finds a job that runs past its limit", async () => {
  const watched = await Watched.start([createScheduleKind({ runJob: hang })]);
  const { clock } = watched.world;
  const plan = planOf({ run: { job: "sweep" } });
  await watched.spawn("a", undefined, "schedule", { id: "a", plan, createdAt: clock.now() });
  await clock.advance(MINUTE);
  watched.lose = (commit) => commit.timers = [];
  // No alarm ends it.
  clock.jump(10 * MINUTE);
  assertEquals((await watched.find()).filter((line) => line.startsWith("stuck")), [
    'stuck schedule:a: It is in state "active.running", which was to end by ' +
    "1970-01-01T00:27:40.000Z",
  ]);
});

Deno.test("watchdog finds a goal that goes on past its deadline, and past its last iteration", async () => {
  const watched = await Watched.start([taskKind(), createGoalKind()]);
  const { clock, system } = watched.world;
  const deadlineAt = clock.now() + HOUR;
  const goal = { plan: { ...goalPlanOf({}, clock.now()), deadlineAt }, createdAt: clock.now() };
  watched.lose = (commit) => commit.timers = [];
  for (const id of ["lost", "paused", "last"]) {
    await watched.spawn(id, undefined, "goal", { id, ...goal });
  }
  await system.send("goal:paused", { type: "goal.pause" });
  await clock.settle();
  clock.jump(HOUR);
  await system.send("goal:last", { type: "goal.deadline" });
  await clock.settle();
  const stuck = async () =>
    (await watched.find()).filter((line) => line.startsWith("stuck goal")).toSorted();
  const lost = 'stuck goal:lost: It is in state "active.iterating", which was to end by ' +
    "1970-01-01T01:16:40.000Z";
  assertEquals(await stuck(), [lost]);
  clock.jump(10 * MINUTE);
  assertEquals(await stuck(), [
    'stuck goal:last: It is in state "active.iterating", which was to end by ' +
    "1970-01-01T01:26:40.000Z",
    lost,
  ]);
});

Deno.test("watchdog finds effects that nobody carries out any more", async () => {
  const run = () => hang(undefined, new AbortController());
  const hooks = [{ name: "tell", priority: 0, mode: "async", on: { to: "resting" }, run }] as const;
  const watched = await Watched.start([{ ...JOB, hooks }]);
  await watched.spawn("a", "rest");
  await watched.crash([JOB]);
  assertMatch(
    (await watched.find()).join(),
    /^orphaned job:a: Nobody carries out its effect "tell"/,
  );
});

Deno.test("watchdog finds a child whose parent has ended", async () => {
  const watched = await Watched.start();
  await watched.spawn("a", "delegate");
  watched.lose = (commit) => {
    commit.actors = commit.actors.filter(({ kind }) => kind !== "job.child");
    commit.tallies = commit.tallies.filter(({ kind }) => kind !== "job.child");
  };
  await watched.world.system.send("job:a", { type: "end" });
  watched.lose = () => {};
  await watched.crash();
  const orphans = (await watched.find()).filter((line) => line.startsWith("orphaned"));
  assertEquals(orphans, [
    "orphaned job.child:a~2~0: It goes on, though its parent job:a is done",
  ]);
});

Deno.test("watchdog says nothing of an actor that goes on while it is looked at", async () => {
  const watched = await Watched.start();
  await watched.spawn("a");
  const { system } = watched.world;
  const { unattended } = system;
  Object.assign(system, {
    unattended: async (addresses: string[]) => {
      const found = await unattended(addresses);
      await system.send("job:a", { type: "sleep" });
      await system.send("job:a", { type: "lose" });
      return found;
    },
  });
  assertEquals(await watched.find(), []);
  Object.assign(system, { unattended });
  await watched.look();
  assertEquals((await watched.raised()).length, 1);
});
