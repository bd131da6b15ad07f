/** The edge over goals, their tasks and the gates of sessions, on a clock of the test's own. */
import { assertEquals } from "@std/assert";
import { createGateKind } from "../../actors/gate.ts";
import { createGoalKind } from "../../actors/goal.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { createTaskKind } from "../../actors/task.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmAccess } from "../../actors/vm_access.ts";
import { createApp } from "../../routes/app.ts";
import type { AppConfig } from "../../routes/config.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { startWorld, type World } from "../testing/system.ts";
import { type CallOptions, problemOf, type ScriptedExecutor, scriptedExecutor } from "./support.ts";
import { ScriptedVmProvider } from "./vm_world.ts";

export const START = Date.UTC(2030, 0, 1);
export const HOUR = 3_600_000;

type Body = Record<string, unknown>;

export type Refused = { slug: string; detail: string; places: string[]; problem: Body };

export type GoalWorld = AsyncDisposable & Omit<World, "crash"> & {
  executor: ScriptedExecutor;
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  json(method: string, path: string, options?: CallOptions & { status?: number }): Promise<Body>;
  /** The problem that a request is refused with. */
  refused(
    method: string,
    path: string,
    options: CallOptions & { status: number },
  ): Promise<Refused>;
  /** Makes `goal_1`, whose iterations go on until they are called off. */
  goal(more?: object, headers?: Record<string, string>): Promise<Body>;
  /** The goal as it is shown. */
  shown(id?: string): Promise<Body>;
};

export const HANG = { command: ["hang"] };

/** The id of the task that is underway for a goal. */
export function underway({ step }: Body): string {
  return String((step as Body).task).replace("task:", "");
}

/** A task that reports. */
export function saying(report: object): { command: string[] } {
  return { command: ["say", `@holdfast ${JSON.stringify(report)}`] };
}

export async function openGoalWorld(config: Partial<AppConfig> = {}): Promise<GoalWorld> {
  const executor = scriptedExecutor();
  const providers = new VmProviders([new ScriptedVmProvider("process")]);
  const world = await startWorld([
    createTaskKind({ executors: { command: executor }, vmExecutors: { command: executor } }),
    createGateKind(),
    createGoalKind(),
    createVmKind({ providers }),
  ], { clock: new ManualClock(START) });
  const { system, clock } = world;
  const vms = createVmAccess({ system, providers, clock, log: () => {} });
  const app = createApp(system, { vms, clock, ...config });
  const call: GoalWorld["call"] = async (method, path, { body, headers = {} } = {}) =>
    await app.request(path, {
      method,
      headers: { ...body === undefined ? {} : { "content-type": "application/json" }, ...headers },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
  const json: GoalWorld["json"] = async (method, path, { status = 200, ...options } = {}) => {
    const response = await call(method, path, options);
    const text = await response.text();
    assertEquals(response.status, status, text);
    await clock.settle();
    return JSON.parse(text);
  };
  const shown = (id = "goal_1") => json("GET", `/v1/goals/${id}`);
  return {
    ...world,
    executor,
    call,
    json,
    shown,
    refused: async (method, path, { status, ...options }) => {
      const response = await call(method, path, options);
      assertEquals(response.status, status, await response.clone().text());
      return refusedOf(await problemOf(response));
    },
    goal: (more = {}, headers = {}) =>
      json("POST", "/v1/goals", {
        body: { id: "goal_1", objective: "All tests pass", task: HANG, ...more },
        headers,
        status: 201,
      }),
    [Symbol.asyncDispose]: async () => {
      const stopped = system.stop({ drainMs: 0 });
      await clock.settle();
      await stopped;
      await clock.settle();
    },
  };
}

function refusedOf(problem: Body): Refused {
  const errors = (problem.errors ?? []) as { pointer?: string; name?: string }[];
  return {
    slug: String(problem.type).replace("urn:holdfast:problem:", ""),
    detail: String(problem.detail),
    places: errors.map(({ pointer, name }) => pointer ?? name ?? ""),
    problem,
  };
}
