/** The edge over schedules, their tasks and the gates of sessions, on a clock of the test's own. */
import { assertEquals } from "@std/assert";
import { createGateKind } from "../../actors/gate.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import { createTaskKind } from "../../actors/task.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmAccess } from "../../actors/vm_access.ts";
import { createWorkspaceKind } from "../../actors/workspace.ts";
import { createApp } from "../../routes/app.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { startWorld, type World } from "../testing/system.ts";
import { type CallOptions, problemOf, type ScriptedExecutor, scriptedExecutor } from "./support.ts";
import { ScriptedVmProvider } from "./vm_world.ts";

/** Where the clock stands at first. */
export const START = Date.UTC(2030, 0, 1);

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

type Body = Record<string, unknown>;

/** What a request was refused with. */
export type Refused = {
  /** The last part of the problem's type. */
  slug: string;
  detail: string;
  /** Of the body's fields, or names of parameters. */
  places: string[];
  problem: Body;
};

export type ScheduleWorld = AsyncDisposable & Omit<World, "crash"> & {
  executor: ScriptedExecutor;
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** The JSON of an answer that must have the status, when all that follows has happened. */
  json(method: string, path: string, options?: CallOptions & { status?: number }): Promise<Body>;
  /** What a request must be refused with. */
  refused(
    method: string,
    path: string,
    options: CallOptions & { status: number },
  ): Promise<Refused>;
  /** Makes `schedule_1`, hourly, of a task that ends when it is called off. */
  schedule(more?: object, headers?: Record<string, string>): Promise<Body>;
  /** A job of the server's own, `schedule_job`, daily. */
  systemJob(): Promise<void>;
};

export const HOURLY = { everySeconds: 3_600 };
export const NAMED = { name: "Nightly", schedule: HOURLY, task: { command: ["hang"] } };

export async function openScheduleWorld(): Promise<ScheduleWorld> {
  const executor = scriptedExecutor();
  const providers = new VmProviders([new ScriptedVmProvider("process")]);
  const world = await startWorld([
    createTaskKind({ executors: { command: executor }, vmExecutors: { command: executor } }),
    createGateKind(),
    createScheduleKind({ runJob: () => Promise.resolve({ summary: "done" }) }),
    createVmKind({ providers }),
    createWorkspaceKind(),
  ], { clock: new ManualClock(START) });
  const { system, clock } = world;
  const vms = createVmAccess({ system, providers, clock, log: () => {} });
  const app = createApp(system, { vms, clock });
  const call: ScheduleWorld["call"] = async (method, path, { body, headers = {} } = {}) =>
    await app.request(path, {
      method,
      headers: { ...body === undefined ? {} : { "content-type": "application/json" }, ...headers },
      ...body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) },
    });
  const json: ScheduleWorld["json"] = async (method, path, { status = 200, ...options } = {}) => {
    const response = await call(method, path, options);
    const text = await response.text();
    assertEquals(response.status, status, text);
    await clock.settle();
    return JSON.parse(text);
  };
  return {
    ...world,
    executor,
    call,
    json,
    refused: async (method, path, { status, ...options }) => {
      const response = await call(method, path, options);
      assertEquals(response.status, status, await response.clone().text());
      return refusedOf(await problemOf(response));
    },
    schedule: (more = {}, headers = {}) =>
      json("POST", "/v1/schedules", {
        body: { id: "schedule_1", ...NAMED, ...more },
        headers,
        status: 201,
      }),
    systemJob: async () => {
      const plan = {
        name: "Clean up",
        rule: { everySeconds: 86_400 },
        overlap: "skip",
        catchUp: "latest",
        maxRuns: null,
        expiresAt: null,
        fresh: false,
        session: null,
        manageMode: "creatorOnly",
        run: { job: "clean_up" },
      };
      const input = { id: "schedule_job", plan, scope: "system", createdAt: START };
      await system.spawn("schedule", input.id, input);
    },
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
