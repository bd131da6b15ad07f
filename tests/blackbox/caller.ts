/** What a caller from outside does with a real server: asks, makes tasks, waits for their end. */
import { assertEquals } from "@std/assert";
import { eventually } from "../testing/processes.ts";
import type { TestServer } from "../testing/server.ts";

/** Longest wait for the end of a task; `waitMs` takes no more. */
const WAIT_MS = 60_000;
/** Longest wait for anything else. */
const LATE_MS = 60_000;

// deno-lint-ignore no-explicit-any -- a caller from outside reads JSON that nothing has typed
export type Body = any;

export type Answer = { status: number; type: string; headers: Headers; body: Body };

/** Sends a request and reads the whole answer, as JSON where it is. */
export async function ask(
  server: TestServer,
  path: string,
  { json, ...init }: RequestInit & { json?: unknown } = {},
): Promise<Answer> {
  const body = json === undefined ? {} : {
    method: "POST",
    body: JSON.stringify(json),
    headers: { "content-type": "application/json", ...init.headers },
  };
  const response = await server.fetch(path, { ...init, ...body });
  const type = response.headers.get("content-type") ?? "";
  const text = await response.text();
  return {
    status: response.status,
    type,
    headers: response.headers,
    body: /\bjson\b/.test(type) ? JSON.parse(text) : text,
  };
}

/** Makes a task. */
export async function makeTask(server: TestServer, task: object): Promise<Body> {
  const { status, body } = await ask(server, "/v1/tasks", { json: task });
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

/** The task when it has ended. */
export async function endOf(server: TestServer, id: string): Promise<Body> {
  const { body } = await ask(server, `/v1/tasks/${id}?waitMs=${WAIT_MS}`);
  assertEquals(body.status === "active", false, `${id} is still ${body.state}`);
  return body;
}

/** Makes a task and waits for its end. */
export async function runTask(server: TestServer, task: object): Promise<Body> {
  return await endOf(server, (await makeTask(server, task)).id);
}

/** That the server goes on: it is ready, and a task succeeds. */
export async function assertGoesOn(server: TestServer): Promise<void> {
  const task = await runTask(server, { command: ["echo", "here"] });
  assertEquals([task.state, task.result?.output], ["succeeded", "here\n"]);
  assertEquals((await ask(server, "/readyz")).body, { status: "ready", reason: null });
}

/** Asks again until the answer is yes; throws when that takes too long. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const late = performance.now() + LATE_MS;
  await eventually(async () => {
    if (await isSo()) return true;
    if (performance.now() > late) throw new Error(`Cannot wait any longer: ${what}`);
    return false;
  });
}

/** The task when it has come to a state. */
export async function untilState(server: TestServer, id: string, state: string): Promise<Body> {
  let task: Body;
  await until(`${id} is ${state}`, async () => {
    task = (await ask(server, `/v1/tasks/${id}`)).body;
    return task.state === state;
  });
  return task;
}
