/** What the tests of the edge share: a system of only a part, and the edge over a real one. */
import { assertEquals } from "@std/assert";
import { setup } from "xstate";
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
} from "../../actors/adapters/executor/executor.ts";
import type { System } from "../../actors/runtime/api.ts";
import type { ActorRecord, EffectContext, KindDefinition } from "../../actors/runtime/kind.ts";
import { createSystem } from "../../actors/runtime/system.ts";
import { createTaskKind } from "../../actors/task.ts";
import type { VmAccess } from "../../actors/vm_access.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { createApp } from "../../routes/app.ts";
import type { AppConfig } from "../../routes/config.ts";
import { openMemoryStore } from "../../actors/store/memory.ts";

/** A system that has only what a test gives it, for tests of what lies before the system. */
export function partOfSystem(part: Partial<System>): System {
  let ids = 0;
  return { newId: (prefix: string) => `${prefix}_${++ids}`, ...part } as System;
}

/** A way into VMs that has only what a test gives it. */
export function partOfVms(part: Partial<VmAccess>): VmAccess {
  return { providers: new VmProviders([]), ...part } as VmAccess;
}

/** The body of an answer that must be a problem. */
export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") {
    throw new Error(`Cannot read a problem: Content-Type is ${type}, status ${response.status}`);
  }
  return await response.json();
}

/** Reads a body as text, chunk by chunk, until a condition holds or it ends. */
export async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  done: (text: string) => boolean,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!done(text)) {
    const { value, done: ended } = await reader.read();
    if (ended) break;
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

/** The edge over a real system with tasks, carried out by `scripted`. */
export type Edge = AsyncDisposable & {
  system: System;
  executor: ScriptedExecutor;
  /** One request; `body` is sent as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** The JSON of an answer that must have the status. */
  json(
    method: string,
    path: string,
    options?: CallOptions & { status?: number },
  ): Promise<Record<string, unknown>>;
  /** Makes a task and returns its id. */
  task(command: string[], more?: Record<string, unknown>): Promise<string>;
  /** The task when it has come to a state. */
  reached(id: string, state: string): Promise<ActorRecord>;
};

export type CallOptions = { body?: unknown; headers?: Record<string, string> };

export async function openEdge(config: Partial<AppConfig> = {}): Promise<Edge> {
  const executor = scriptedExecutor();
  const redact = config.redact ?? ((text: string) => text);
  const kinds = [createTaskKind({ executors: { command: executor }, redact }), brittle];
  const system = createSystem({ store: openMemoryStore(), kinds, pools: { system: 8 } });
  await system.start();
  const app = createApp(system, config);
  const call: Edge["call"] = async (method, path, { body, headers = {} } = {}) =>
    await app.request(path, {
      method,
      headers: { ...body === undefined ? {} : { "content-type": "application/json" }, ...headers },
      ...body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) },
    });
  const json: Edge["json"] = async (method, path, { status = 200, ...options } = {}) => {
    const response = await call(method, path, options);
    const text = await response.text();
    assertEquals(response.status, status, text);
    return JSON.parse(text);
  };
  return {
    system,
    executor,
    call,
    json,
    task: async (command, more = {}) => {
      const made = await json("POST", "/v1/tasks", { body: { command, ...more }, status: 201 });
      return String(made.id);
    },
    reached: (id, state) =>
      system.waitFor(`task:${id}`, (task) => task.state === state, { timeoutMs: 60_000 }),
    [Symbol.asyncDispose]: () => close(system),
  };
}

/** Lets one of the system's methods fail until the result is called. */
export function failing(
  system: System,
  method: "keepAnswer" | "send",
  error: Error,
): () => void {
  const original = system[method];
  Object.assign(system, { [method]: () => Promise.reject(error) });
  return () => void Object.assign(system, { [method]: original });
}

/** Calls off what still runs, so that nothing is in flight when the system stops. */
async function close(system: System): Promise<void> {
  const { items } = await system.list("task", { status: "active", limit: 200 });
  await Promise.allSettled(
    items.map(({ address }) => system.send(address, { type: "task.cancel" })),
  );
  await system.stop({ drainMs: 5_000 });
}

/** Does what the command's first word says, without a process. */
export type ScriptedExecutor = Executor & { runs: ExecutorInput[] };

/**
 * `say TEXT…` writes and succeeds; `fail` exits with 1; `hang` works until it is ended;
 * `cat` writes what it is sent until `eof`; `silent` is never confirmed.
 */
export function scriptedExecutor(): ScriptedExecutor {
  const runs: ExecutorInput[] = [];
  return {
    name: "scripted",
    runs,
    available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
    reattach: () => Promise.reject(new ExecutorError("orphaned", "Nothing outlives a test")),
    run: async (input, context) => {
      runs.push(input);
      const [verb, ...words] = input.command;
      if (verb === "silent") await aborted(context.signal);
      await context.send({ type: "executor.started" });
      if (verb === "hang") await aborted(context.signal);
      const output = verb === "cat" ? await echoed(context) : words.join(" ");
      if (verb === "say") context.append("output", output);
      return {
        exitCode: verb === "fail" ? 1 : 0,
        signal: null,
        output,
        truncated: false,
        outputBytes: output.length,
        workDir: null,
        durationMs: 0,
      };
    },
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function echoed({ receive, append, signal }: EffectContext): Promise<string> {
  let all = "";
  const ended = new Promise<string>((resolve) =>
    receive((event) => {
      if (event.type !== "executor.input") return;
      if (event.eof === true) return resolve(all);
      all += String(event.data);
      append("output", String(event.data));
    })
  );
  return Promise.race([ended, aborted(signal)]);
}

/** A kind whose guard throws, for dead letters. */
const brittle: KindDefinition = {
  name: "brittle",
  version: 1,
  machine: setup({
    types: { context: {} as { at: number }, input: {} as { at: number } },
    guards: {
      breaks: ({ event }) => {
        if ("hard" in event) throw new Error("It broke");
        return true;
      },
    },
  }).createMachine({
    id: "brittle",
    context: ({ input }) => ({ at: input.at }),
    initial: "whole",
    states: {
      whole: { on: { touch: { guard: "breaks", target: "touched" } } },
      touched: { on: { touch: { guard: "breaks", target: "whole" } } },
    },
  }),
};
