/**
 * The simulated kinds: the workload machines with effects whose work is done outside. Made anew
 * for every process, as a server does; and once more for the model, where nothing ever runs.
 */
import { fromCallback, fromPromise } from "xstate";
import type {
  Executor,
  ExecutorErrorCode,
  ExecutorResult,
} from "../../actors/adapters/executor/executor.ts";
import type { EffectContext, Hook, KindDefinition } from "../../actors/runtime/kind.ts";
import { defineEffect } from "../../actors/runtime/kind.ts";
import { createRegistry, type RegisteredKind } from "../../actors/runtime/registry.ts";
import { createTaskKind } from "../../actors/task.ts";
import { evolvingNow, evolvingOnce, life, shapes, type SimulatedEvent } from "./machines.ts";
import { family, messenger, watcher } from "./machines_of_company.ts";
import { hooked, slotUser, worker } from "./machines_of_work.ts";
import type { Habits, Piece } from "./outside.ts";

/** Work outside, for one process. */
export type Perform = {
  /** Does a piece of it. */
  work(src: string, piece: Piece): Promise<unknown>;
  /** The same for a machine's own logic, which is not told its key. */
  own(src: string, options: { id: string; signal: AbortSignal }): Promise<unknown>;
};

/** Which definition of the kind `evolving` is in force. */
export type Release = "once" | "now";

export const KIND_NAMES = [
  "life",
  "shapes",
  "slotUser",
  "worker",
  "hooked",
  "family",
  "messenger",
  "watcher",
  "evolving",
  "task",
] as const;

export type KindName = typeof KIND_NAMES[number];

/** Where nothing runs. */
const IDLE: Perform = {
  work: () => Promise.reject(new Error("Nothing runs here")),
  own: () => Promise.reject(new Error("Nothing runs here")),
};

const EXECUTOR_CODES: readonly ExecutorErrorCode[] = ["network", "orphaned", "clone_failed"];

/** The kinds of those names, for one process. */
export function createKinds(
  names: readonly KindName[],
  perform: Perform,
  release: Release,
): KindDefinition[] {
  return names.map((name) => createKind(name, perform, release));
}

/** Finds a kind as it was when a record was written. */
export function kindFinder(): (name: string, version: string) => RegisteredKind {
  const registries = (["once", "now"] as const).map((release) =>
    createRegistry(createKinds(KIND_NAMES, IDLE, release))
  );
  return (name, version) => {
    const found = registries.map((registry) => registry.get(name));
    const kind = found.find((one) => one.version === version);
    if (kind === undefined) throw new Error(`Cannot find kind "${name}" of version ${version}`);
    return kind;
  };
}

/** All kinds as they are now, children's kinds included. */
export function allKinds(): RegisteredKind[] {
  return createRegistry(createKinds(KIND_NAMES, IDLE, "now")).all();
}

function createKind(name: KindName, perform: Perform, release: Release): KindDefinition {
  const work = (src: string, habits: Habits = {}) => (input: unknown, context: EffectContext) =>
    perform.work(src, { context, habits, input });
  const of = (src: string, timeoutMs: number, habits: Habits = {}) =>
    defineEffect({ run: work(src, habits), timeoutMs });
  switch (name) {
    case "life":
      return { name, version: 1, machine: life, effects: { work: of("work", 30_000) } };
    case "shapes":
      return { name, version: 1, machine: shapes };
    case "slotUser":
      return { name, version: 1, machine: slotUser, effects: { hold: of("hold", 60_000) } };
    case "worker":
      return { name, version: 1, machine: ownWorker(perform), effects: workerEffects(work) };
    case "hooked":
      return { name, version: 1, machine: hooked, hooks: hooksOf(perform) };
    case "family":
      return { name, version: 1, machine: family, effects: { breakage: of("breakage", 10_000) } };
    case "messenger":
      return { name, version: 1, machine: messenger };
    case "watcher":
      return { name, version: 1, machine: watcher };
    case "evolving": {
      const effects = { work: of("work", 10_000), check: of("check", 10_000) };
      return release === "once"
        ? { name, version: 1, machine: evolvingOnce, effects }
        : { name, version: 2, machine: evolvingNow, effects };
    }
    case "task":
      return createTaskKind({ executors: { command: createExecutor(perform) } });
  }
}

function workerEffects(
  work: (src: string, habits?: Habits) => (input: unknown, context: EffectContext) => unknown,
) {
  const habits = { reports: ["progress"], talks: true };
  return {
    steady: defineEffect({ run: work("steady", habits), timeoutMs: 5_000, maxAttempts: 3 }),
    fragile: defineEffect({
      run: work("fragile", { reports: ["progress"] }),
      timeoutMs: 20_000,
      onRestart: "fail",
    }),
    linked: defineEffect({
      run: work("linked"),
      reattach: work("linked"),
      timeoutMs: 20_000,
      onRestart: "reattach",
    }),
    notify: defineEffect({ run: work("notify"), timeoutMs: 5_000, maxAttempts: 3 }),
  };
}

/** Logic that the machine has of its own, done outside all the same. */
function ownWorker(perform: Perform) {
  return worker.provide({
    actors: {
      doubled: fromPromise<unknown, { id: string }>(({ input, signal }) =>
        perform.own("doubled", { id: input.id, signal })
      ),
      echoing: fromCallback<SimulatedEvent, { id: string }>(({ input, receive, sendBack }) => {
        const controller = new AbortController();
        const echo = (event: { n?: number }) => sendBack({ type: "echoed", n: event.n });
        // However its beginning goes, it is there until it is stopped.
        const begun = perform.own("echoing", { id: input.id, signal: controller.signal });
        begun.then(() => echo({}), () => echo({}));
        receive(echo);
        return () => controller.abort();
      }),
    },
    actions: {
      remark: ({ context: { id } }) =>
        perform.own("remark", { id, signal: new AbortController().signal }),
    },
  });
}

/** Two that form a chain, two that stand alone. */
function hooksOf(perform: Perform): Hook[] {
  const hook = (name: string, rest: Omit<Hook, "name" | "run">): Hook => ({
    name,
    ...rest,
    run: async (context) => {
      const { key, attempt, signal, record: { address } } = context;
      await perform.work(name, { context: { key, attempt, signal, address } });
      if (name === "mail") await context.send(address, { type: "noted" });
    },
  });
  return [
    hook("index", { priority: 5, mode: "sync", on: { to: "published" } }),
    hook("announce", { priority: 10, mode: "sync", on: { to: "published" } }),
    hook("mail", { priority: 1, mode: "async", on: { to: "published" } }),
    hook("farewell", { priority: 1, mode: "async", on: { from: "published", to: "ended" } }),
  ];
}

/** Carries out commands that nobody wrote. */
function createExecutor(perform: Perform): Executor {
  const habits: Habits = {
    openings: [["executor.started"], ["executor.preparing", "executor.started"]],
    reports: [
      "executor.activity",
      "executor.progress",
      "executor.inputRequested",
      "executor.permissionRequested",
    ],
    codes: EXECUTOR_CODES,
    talks: true,
    output: (random) => ({ exitCode: random.chance(0.8) ? 0 : 1, signal: null, output: "done" }),
  };
  const does = (what: Habits): Executor["run"] => async (_, context) =>
    await perform.work("executor", { context, habits: what }) as ExecutorResult;
  return {
    name: "command",
    run: does(habits),
    // Mostly what an earlier process had begun is gone.
    reattach: does({ ...habits, codes: ["orphaned"], failureChance: 0.8 }),
    available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
  };
}
