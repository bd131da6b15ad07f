/**
 * Requests that no server should have to see, on a real one: each gets an answer that says what is
 * wrong with it, as a problem, and a task that comes after it succeeds as before.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { startServer, type TestServer } from "../testing/server.ts";
import { ask, assertGoesOn, type Body, makeTask } from "./caller.ts";

const MIB = 1024 * 1024;
const TASK = { command: ["true"] };

type BadRequest = {
  path?: string;
  init?: RequestInit & { json?: unknown };
  status: number;
  /** Last part of the problem's type. */
  type: string;
  detail: RegExp;
  /** Where its faults are: pointers, or names of parameters. */
  faults?: string[];
};

const sent = (body: BodyInit, headers: HeadersInit = { "content-type": "application/json" }) => ({
  method: "POST",
  body,
  headers,
});

const INPUTS: { readonly [name: string]: BadRequest } = {
  "a body with unknown fields": {
    init: { json: { ...TASK, comand: ["x"], workspace: { path: "/tmp", ref: "main" } } },
    ...invalid(["/workspace/ref", "/comand"], /unknown field/),
  },
  "wrong types": {
    init: { json: { command: "true", priority: "huge", timeoutMs: "1", labels: { a: 1 } } },
    ...invalid(["/command", "/priority", "/timeoutMs", "/labels/a"], /expected array/),
  },
  "an empty command": { init: { json: { command: [] } }, ...invalid(["/command"], /Too small/) },
  "a command without a name": {
    init: { json: { command: ["", "x"] } },
    ...invalid(["/command"], /must not be empty/),
  },
  "NUL in an argument": {
    init: { json: { command: ["echo", "a\0b"] } },
    ...invalid(["/command/1"], /NUL/),
  },
  "a list for a body": { init: { json: [TASK] }, ...invalid([""], /expected object/) },
  "no body": { init: { method: "POST" }, ...invalid(["/command"], /expected array/) },
  "malformed JSON": { init: sent(`{"command": ["true"`), ...malformed(/JSON/) },
  "JSON nested 100,000 deep": { init: sent("[".repeat(100_000)), ...malformed(/deeper than 64/) },
  "a body that is not UTF-8": {
    init: sent(Uint8Array.of(0x22, 0xff, 0xfe, 0x22)),
    ...malformed(/UTF-8/),
  },
  "10 MB of JSON": {
    init: { json: { ...TASK, prompt: "x".repeat(10 * MIB) } },
    status: 413,
    type: "too-large",
    detail: /larger than 1048576 bytes/,
  },
  "10 MB of JSON that does not say so": {
    init: sent(new Blob([JSON.stringify({ ...TASK, prompt: "x".repeat(10 * MIB) })]).stream()),
    status: 413,
    type: "too-large",
    detail: /larger than 1048576 bytes/,
  },
  "a form": {
    init: sent("command=true", { "content-type": "application/x-www-form-urlencoded" }),
    status: 415,
    type: "unsupported-media-type",
    detail: /want application\/json/,
  },
  "a dependency on itself": {
    init: { json: { ...TASK, id: "task_self", dependsOn: ["task_self"] } },
    ...invalid(["/dependsOn/0"], /closes a cycle/),
  },
  "a dependency that is not there": {
    init: { json: { ...TASK, dependsOn: ["task_nowhere"] } },
    ...invalid(["/dependsOn/0"], /there is no task "task_nowhere"/),
  },
  "a start in a hundred years": {
    init: { json: { ...TASK, startAt: "2126-01-01T00:00:00Z" } },
    ...invalid(["/startAt"], /too far in the future/),
  },
  "a variable of the server's own": {
    init: { json: { ...TASK, env: { HOLDFAST_TOKEN: "x" } } },
    ...invalid(["/env/HOLDFAST_TOKEN"], /HOLDFAST_TOKEN/),
  },
  "an empty Idempotency-Key": {
    init: { json: TASK, headers: { "idempotency-key": "" } },
    ...malformed(/Idempotency-Key/),
  },
  "an Idempotency-Key of 256 characters": {
    init: { json: TASK, headers: { "idempotency-key": "k".repeat(256) } },
    ...malformed(/1 to 255 printable/),
  },
  "a bad cursor": { path: "/v1/tasks?cursor=42", ...invalid(["cursor"], /not a cursor/) },
  "a bad limit": { path: "/v1/tasks?limit=201", ...invalid(["limit"], /<=200/) },
  "an unknown filter": { path: "/v1/tasks?stat=queued", ...invalid(["stat"], /unknown field/) },
  "a bad id": { path: "/v1/tasks/nonsense", ...notFound(/nonsense/) },
  "an id that climbs": { path: "/v1/tasks/..%2F..%2Fetc%2Fpasswd", ...notFound(/passwd/) },
  "an id with broken escapes": { path: "/v1/tasks/task_%ff%00", ...notFound(/Cannot find/) },
  "an id of 3,000 characters": { path: `/v1/tasks/${"a".repeat(3_000)}`, ...notFound(/aaa/) },
  "a bad address": { path: "/v1/actors/nonsense", ...invalid(["address"], /want "kind:id"/) },
  "a bad revision": {
    path: "/v1/actors/task:task_x/at/last",
    ...invalid(["revision"], /expected number/),
  },
  "an event of the runtime's own": {
    path: "/v1/actors/task:task_x/events",
    init: { json: { type: "xstate.stop" } },
    ...invalid(["/type"], /for the runtime alone/),
  },
  "a bad place in the feed": { path: "/v1/feed?after=last", ...invalid(["after"], /number/) },
  "a bad Last-Event-ID": {
    path: "/v1/feed",
    init: { headers: { "last-event-id": "last" } },
    ...invalid(["Last-Event-ID"], /not an id of this stream/),
  },
  "a bad If-Match": {
    path: "/v1/tasks/task_x/cancel",
    init: { method: "POST", headers: { "if-match": "latest" } },
    ...malformed(/If-Match/),
  },
  "an unknown path": { path: "/v2/tasks", ...notFound(/no such path/) },
  "a wrong method": {
    init: { method: "DELETE" },
    status: 405,
    type: "method-not-allowed",
    detail: /takes .*GET/,
  },
  "a URL of 9,000 characters": {
    path: `/v1/tasks?label=${"a".repeat(9_000)}`,
    status: 414,
    type: "url-too-long",
    detail: /limit is 8192/,
  },
  "a page of a foreign origin": {
    init: { json: TASK, headers: { origin: "https://elsewhere.example" } },
    status: 403,
    type: "forbidden",
    detail: /origin "https:\/\/elsewhere\.example"/,
  },
};

function invalid(faults: string[], detail: RegExp) {
  return { status: 422, type: "invalid", detail, faults };
}

function malformed(detail: RegExp) {
  return { status: 400, type: "malformed", detail };
}

function notFound(detail: RegExp) {
  return { status: 404, type: "not-found", detail };
}

Deno.test("a server answers each bad request with a clear problem, and goes on", async (t) => {
  await using server = await startServer();
  for (const [name, request] of Object.entries(INPUTS)) {
    await t.step(name, async () => {
      await assertRefused(server, request);
      await assertGoesOn(server);
    });
  }
  await t.step("and none of them left anything behind", async () => {
    const { body } = await ask(server, "/v1/tasks?limit=200");
    const titles = new Set(body.items.map((task: Body) => task.title));
    assertEquals([...titles], ["echo here"]);
    assertEquals((await ask(server, "/v1/dead-letters")).body.items, []);
  });
});

Deno.test("a server refuses a key that comes back with another request", async () => {
  await using server = await startServer();
  const headers = { "idempotency-key": "order-1" };
  const first = await ask(server, "/v1/tasks", { json: TASK, headers });
  const again = await ask(server, "/v1/tasks", { json: TASK, headers });
  assertEquals([first.status, again.status], [201, 201]);
  assertEquals(again.body, first.body);
  assertEquals(again.headers.get("idempotency-replayed"), "true");
  await assertRefused(server, {
    init: { json: { command: ["false"] }, headers },
    status: 422,
    type: "key-reused",
    detail: /order-1/,
  });
  assertEquals((await ask(server, "/v1/tasks")).body.items.length, 1);
});

Deno.test("a server answers a batch of events one by one, the bad ones too", async () => {
  await using server = await startServer();
  const { id } = await makeTask(server, { ...TASK, requireApproval: true });
  const { status, body } = await ask(server, "/v1/events", {
    json: [
      { address: "task:task_nowhere", event: { type: "task.cancel" } },
      { address: "nonsense", event: { type: "task.cancel" } },
      { address: `task:${id}`, event: { type: "task.fly" } },
      17,
      { address: `task:${id}`, event: { type: "task.cancel" } },
    ],
  });
  assertEquals(status, 200);
  assertEquals(body.map((each: Body) => each.status), [404, 422, 409, 422, "done"]);
  const { state, accepts } = body[2];
  assert(state === "pending" && accepts.includes("task.cancel"), JSON.stringify(body[2]));
});

Deno.test("a server answers to no foreign name, since a page could claim it", async () => {
  await using server = await startServer();
  const { port } = new URL(server.url);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const request = "GET /v1/tasks HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const answer = await new Response(connection.readable).text();
  assertMatch(answer, /^HTTP\/1\.1 421 /);
  assertMatch(answer, /Cannot answer for host \\"elsewhere\.example\\"/);
});

Deno.test("a server with a token answers nothing that shows data without it", async () => {
  const token = "a-token-of-this-test";
  await using server = await startServer({ env: { HOLDFAST_TOKEN: token } });
  const wanted = { status: 401, type: "unauthorized", detail: /without a bearer token/ };
  for (const path of ["/v1/tasks", "/v1/actors", "/v1/feed", "/metrics", "/v1/nowhere"]) {
    await assertRefused(server, { path, ...wanted });
  }
  await assertRefused(server, { init: { json: TASK }, ...wanted });
  const headers = { authorization: `Bearer ${token}x` };
  await assertRefused(server, { init: { headers }, ...wanted, detail: /Cannot accept the token/ });
  const authorized = { headers: { authorization: `Bearer ${token}` } };
  assertEquals((await ask(server, "/v1/tasks", authorized)).body, { items: [], nextCursor: null });
  for (const path of ["/", "/healthz", "/readyz", "/openapi.json", "/docs"]) {
    assertEquals((await ask(server, path)).status, 200, path);
  }
});

async function assertRefused(server: TestServer, request: BadRequest): Promise<void> {
  const { path = "/v1/tasks", init, status, type, detail, faults } = request;
  const answer = await ask(server, path, init);
  assertEquals([answer.status, answer.type], [status, "application/problem+json"], answer.body);
  const { body } = answer;
  assertEquals(body.type, `urn:holdfast:problem:${type}`);
  assertEquals([body.status, body.instance], [status, new URL(path, server.url).pathname]);
  assertMatch(body.detail, detail);
  const found = body.errors?.map((fault: Body) => fault.pointer ?? fault.name);
  assertEquals(found?.toSorted(), faults?.toSorted());
}
