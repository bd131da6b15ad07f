/**
 * The kinds that are measured: `life`, whose life has six transitions with a timer set and
 * cancelled on the way; `bell`, which waits for one timer; `counter`, which takes the same event
 * for as long as it is sent; and the real `task`, with an executor that answers at once.
 */
import { assign, setup } from "xstate";
import type { Executor } from "../actors/adapters/executor/executor.ts";
import { createTaskKind } from "../actors/task.ts";
import { defineKind } from "../actors/runtime/kind.ts";

type LifeContext = {
  title: string;
  command: readonly string[];
  timeLimitMs: number;
  worker: string | null;
  startedAt: number | null;
  progress: number;
  exitCode: number | null;
  endedAt: number | null;
};

type LifeEvent =
  | { type: "life.assign"; at: number; worker: string }
  | { type: "life.start"; at: number }
  | { type: "life.progress"; at: number; percent: number }
  | { type: "life.finish"; at: number; exitCode: number }
  | { type: "life.close"; at: number };

export type LifeInput = { title: string; command: readonly string[]; timeLimitMs: number };

/** What one life is sent after its creation: five events, which make its six transitions. */
export const LIFE_EVENTS = [
  { type: "life.assign", worker: "worker-7" },
  { type: "life.start" },
  { type: "life.progress", percent: 50 },
  { type: "life.finish", exitCode: 0 },
  { type: "life.close" },
] as const;

/** The input of the life of that number. */
export function lifeInput(number: number): LifeInput {
  return {
    title: `Format and lint the change ${number}`,
    command: ["deno", "task", "ok"],
    timeLimitMs: 600_000,
  };
}

const lifeMachine = setup({
  types: { context: {} as LifeContext, events: {} as LifeEvent, input: {} as LifeInput },
  actions: {
    keepWorker: assign({
      worker: ({ event }) => event.type === "life.assign" ? event.worker : null,
    }),
    keepStart: assign({ startedAt: ({ event }) => event.at }),
    keepProgress: assign({
      progress: ({ event }) => event.type === "life.progress" ? event.percent : 0,
    }),
    keepExit: assign({
      exitCode: ({ event }) => event.type === "life.finish" ? event.exitCode : null,
    }),
    keepEnd: assign({ endedAt: ({ event }) => event.at }),
  },
  delays: { timeLimit: ({ context }) => context.timeLimitMs },
}).createMachine({
  id: "life",
  description: "A job without an executor: others tell it what became of it.",
  context: ({ input }) => ({
    ...input,
    worker: null,
    startedAt: null,
    progress: 0,
    exitCode: null,
    endedAt: null,
  }),
  initial: "queued",
  states: {
    queued: { on: { "life.assign": { target: "assigned", actions: "keepWorker" } } },
    assigned: { on: { "life.start": { target: "running", actions: "keepStart" } } },
    running: {
      after: { timeLimit: "failed" },
      on: {
        "life.progress": { actions: "keepProgress" },
        "life.finish": { target: "finished", actions: "keepExit" },
      },
    },
    finished: { on: { "life.close": { target: "closed", actions: "keepEnd" } } },
    closed: { type: "final" },
    failed: { type: "final" },
  },
});

export type BellInput = { dueAt: number };

const bellMachine = setup({
  types: {
    context: {} as { dueAt: number; waitMs: number },
    input: {} as BellInput & { at: number },
  },
  delays: { wait: ({ context }) => context.waitMs },
}).createMachine({
  id: "bell",
  description: "Rings once, at the time it was made for.",
  context: ({ input }) => ({ dueAt: input.dueAt, waitMs: input.dueAt - input.at }),
  initial: "silent",
  states: {
    silent: { after: { wait: "rung" } },
    rung: { type: "final" },
  },
});

type CounterEvent = { type: "counter.add"; at: number; amount: number };

const counterMachine = setup({
  types: {
    context: {} as { title: string; total: number; changedAt: number | null },
    events: {} as CounterEvent,
    input: {} as { title: string },
  },
  actions: {
    add: assign({
      total: ({ context, event }) => context.total + event.amount,
      changedAt: ({ event }) => event.at,
    }),
  },
}).createMachine({
  id: "counter",
  description: "Counts for as long as it is told to.",
  context: ({ input }) => ({ title: input.title, total: 0, changedAt: null }),
  initial: "counting",
  states: { counting: { on: { "counter.add": { actions: "add" } } } },
});

export const life = defineKind({ name: "life", version: 1, machine: lifeMachine });
export const bell = defineKind({ name: "bell", version: 1, machine: bellMachine });
export const counter = defineKind({ name: "counter", version: 1, machine: counterMachine });

/** Does nothing, and says so. */
const instant: Executor = {
  name: "instant",
  available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
  async run(_input, context) {
    await context.send({ type: "executor.started" });
    return {
      exitCode: 0,
      signal: null,
      output: "done\n",
      truncated: false,
      outputBytes: 5,
      workDir: null,
      durationMs: 0,
    };
  },
  reattach() {
    throw new Error("Cannot take up work again: there is none");
  },
};

const task = createTaskKind({ executors: { instant } });

/** All kinds that a bench registers. */
export const benchKinds = [life, bell, counter, task];
