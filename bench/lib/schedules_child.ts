/**
 * A process with so many schedules armed. "ready" makes them, "memory" answers what the process
 * holds, "begin" and "end" enclose a time over which wake-ups and commits are counted, "fire" waits
 * until those have run whose slot comes within the minute, and answers how late each was.
 */
import type { Executor } from "../../actors/adapters/executor/executor.ts";
import { createGateKind } from "../../actors/gate.ts";
import { createSystem, type System } from "../../actors/runtime/system.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import { openStore } from "../../actors/store/open.ts";
import { createTaskKind } from "../../actors/task.ts";
import { PLAN_DEFAULTS, type SchedulePlan } from "../../machines/schedule_input.ts";
import { answerLines } from "./child.ts";
import { countingClock } from "./counting_clock.ts";
import { type BenchContext, newDatabase, type SyncMode } from "./context.ts";
import { inFlight, pause } from "./statistics.ts";

export type Ready = { url: string };
export type Armed = { rss: number };
export type Resting = { wakeUps: number; commits: number };
/** How late each slot was, from when it was due to when the commit of its run stood, ms. */
export type Fired = { lateness: number[]; succeeded: number };

const SPAWNS_IN_FLIGHT = 256;
/** Time for what the making of the schedules left behind to be put away, ms. */
const REST_MS = 1_000;
const DAY_S = 24 * 60 * 60;

type Load = {
  count: number;
  /** How many have a slot soon. */
  due: number;
  /** From the making on, until the first of them comes. */
  leadMs: number;
  spreadMs: number;
};

type World = {
  url: string;
  system: System;
  /** The slots of which the lateness is wanted, by the schedule's address. */
  slots: Map<string, number>;
  lateness: number[];
  counted: Resting;
};

/** Ends as soon as it has begun. */
const instant: Executor = {
  name: "command",
  available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
  async run(_input, { send }) {
    await send({ type: "executor.started" });
    return {
      ...{ exitCode: 0, signal: null, output: "", truncated: false },
      ...{ outputBytes: 0, workDir: null, durationMs: 0 },
    };
  },
  reattach: () => Promise.reject(new Error("Cannot take up an attempt: there is none")),
};

if (import.meta.main) {
  const [dir = ".", syncMode = "FULL", url = "", ...numbers] = Deno.args;
  const [count = 0, due = 0, leadMs = 0, spreadMs = 0] = numbers.map(Number);
  const world = await openWorld({ dir, syncMode: syncMode as SyncMode, url });
  await answer(world, { count, due, leadMs, spreadMs });
  await world.system.stop();
  Deno.exit(0);
}

/** Opens the database at `url`; a new one where that is empty. */
async function openWorld(
  { url: given, ...context }: Pick<BenchContext, "dir" | "syncMode"> & { url: string },
): Promise<World> {
  const url = given === "" ? await newDatabase(context) : given;
  const counted = { wakeUps: 0, commits: 0 };
  const slots = new Map<string, number>();
  const lateness: number[] = [];
  const store = await openStore(url, { syncMode: context.syncMode });
  const commit = store.commit.bind(store);
  store.commit = async (rows) => {
    counted.commits++;
    await commit(rows);
    const stoodAt = Date.now();
    for (const { address, cause } of rows.journal) {
      const slot = slots.get(address);
      if (slot !== undefined && cause.startsWith("timer/")) lateness.push(stoodAt - slot);
    }
  };
  const kinds = [
    createTaskKind({ executors: { command: instant } }),
    createGateKind(),
    createScheduleKind({ runJob: () => Promise.resolve({ summary: "" }) }),
  ];
  const clock = countingClock(() => counted.wakeUps++);
  const system = createSystem({ store, kinds, clock, pools: { system: 64 } });
  await system.start();
  return { url, system, slots, lateness, counted };
}

async function answer(world: World, load: Load): Promise<void> {
  const { counted, lateness } = world;
  let before = { ...counted };
  let lastAt = 0;
  await answerLines(async (command) => {
    switch (command) {
      case "ready":
        lastAt = await arm(world, load);
        await pause(REST_MS);
        return { url: world.url };
      case "memory":
        (globalThis as { gc?: () => void }).gc?.();
        return { rss: Deno.memoryUsage().rss };
      case "begin":
        before = { ...counted };
        return {};
      case "end":
        return {
          wakeUps: counted.wakeUps - before.wakeUps,
          commits: counted.commits - before.commits,
        };
      case "fire":
        await pause(Math.max(0, lastAt - Date.now()));
        while (lateness.length < load.due) await pause(100);
        return { lateness, succeeded: await succeededTasks(world, load.due) };
      default:
        throw new Error(`Cannot answer "${command}": unknown command`);
    }
  });
}

/** Makes all schedules. Returns when the last slot comes that is due soon. */
async function arm(
  { system, slots }: World,
  { count, due, leadMs, spreadMs }: Load,
): Promise<number> {
  const firstAt = Date.now() + leadMs;
  await inFlight(SPAWNS_IN_FLIGHT, count, async (number) => {
    const id = system.newId("schedule");
    const at = firstAt + Math.floor(number * spreadMs / Math.max(1, due));
    const rule = number < due ? { at } : { everySeconds: DAY_S + number % DAY_S };
    const plan: SchedulePlan = {
      ...{ ...PLAN_DEFAULTS, name: `nightly ${number}`, rule },
      run: { task: { command: ["deno", "task", "ok"] } },
    };
    const { address } = await system.spawn("schedule", id, { id, plan, createdAt: Date.now() });
    if (number < due) slots.set(address, at);
  });
  if (due > 0 && Date.now() >= firstAt) {
    throw new Error("Cannot measure: the first is due already");
  }
  return firstAt + spreadMs;
}

/** How many runs have succeeded, once so many have. */
async function succeededTasks({ system }: World, due: number): Promise<number> {
  while (true) {
    const { tallies } = await system.stats();
    const ended = tallies.filter(({ kind, state }) => kind === "task" && state === "succeeded");
    const succeeded = ended.reduce((all, { count }) => all + count, 0);
    if (succeeded >= due) return succeeded;
    await pause(100);
  }
}
