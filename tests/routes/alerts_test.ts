/** `/v1/alerts`: lists, single ones, and saying that one was seen. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createAlertKind } from "../../actors/alert.ts";
import { createApp } from "../../routes/app.ts";
import { startWorld, type World } from "../testing/system.ts";
import { problemOf } from "./support.ts";

/** What these tests read of an answer: an alert, or a page of them. */
type Body = {
  id: string;
  since: string;
  told: number;
  acknowledged: object | null;
  items: Body[];
  nextCursor: string | null;
  [field: string]: unknown;
};

type Edge = World & {
  call(method: string, path: string, body?: object, headers?: HeadersInit): Promise<Response>;
  json(path: string): Promise<Body>;
};

/** The edge over three alerts, of which one was cleared. */
async function open(): Promise<Edge> {
  const world = await startWorld([createAlertKind()]);
  const { system, clock } = world;
  const app = createApp(system, { clock });
  const raise = async (id: string, kind: string, actor: string) => {
    const reason = `It is ${kind}`;
    await system.spawn("alert", id, { id, kind, actor, reason });
  };
  await raise("a", "stuck", "task:a");
  await raise("b", "silent", "task:a");
  await raise("c", "stuck", "task:c");
  await system.send("alert:c", { type: "alert.clear" });
  await clock.advance(29 * 60_000);
  const call: Edge["call"] = async (method, path, body, headers = {}) =>
    await app.request(path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const json = async (path: string) => {
    const response = await call("GET", path);
    assertEquals(response.status, 200, path);
    return await response.json();
  };
  return { ...world, call, json };
}

Deno.test("GET /v1/alerts/{id} says what, since when, why and where to look", async () => {
  const { json, call, system } = await open();
  const { updatedAt, ...alert } = await json("/v1/alerts/a");
  assertEquals<unknown>(alert, {
    id: "a",
    kind: "stuck",
    state: "raised",
    revision: 1,
    actor: "task:a",
    actorUrl: "/v1/actors/task%3Aa",
    reason: "It is stuck",
    since: "1970-01-01T00:16:40.000Z",
    told: 1,
    toldAt: "1970-01-01T00:16:40.000Z",
    acknowledged: null,
    recededAt: null,
  });
  assertEquals(updatedAt, alert.since);
  for (const id of ["none", "a%20b"]) {
    assertEquals((await call("GET", `/v1/alerts/${id}`)).status, 404);
  }
  await system.stop();
});

Deno.test("GET /v1/alerts lists by state, kind and actor, newest first, in pages", async () => {
  const { json, call, clock, system } = await open();
  const ids = async (query: string) =>
    (await json(`/v1/alerts${query}`)).items.map(({ id }: Body) => id);
  assertEquals(await ids(""), ["c", "b", "a"]);
  assertEquals(await ids("?sort=oldest"), ["a", "b", "c"]);
  assertEquals(await ids("?status=raised"), ["b", "a"]);
  assertEquals(await ids("?status=receded"), ["c"]);
  assertEquals(await ids("?kind=stuck"), ["c", "a"]);
  assertEquals(await ids("?actor=task:a&kind=stuck&status=raised"), ["a"]);
  const first = await json("/v1/alerts?limit=2");
  assertEquals(await ids(`?limit=2&cursor=${first.nextCursor}`), ["a"]);
  await clock.advance(2 * 60_000);
  assertEquals(await ids("?status=cleared"), ["c"]);
  for (const query of ["?status=gone", "?kind=late", "?actor=nobody", "?limit=0", "?else=1"]) {
    const problem = await problemOf(await call("GET", `/v1/alerts${query}`));
    assertEquals(problem.status, 422, query);
  }
  await system.stop();
});

Deno.test("POST /v1/alerts/{id}/acknowledge notes who has seen it, and it is told no more", async () => {
  const { json, call, clock, system } = await open();
  const seen = await call("POST", "/v1/alerts/a/acknowledge", { by: "anna", note: "On it" });
  assertEquals(seen.status, 200);
  const { acknowledged, state } = await seen.json();
  const at = "1970-01-01T00:45:40.000Z";
  assertEquals([acknowledged, state], [{ at, by: "anna", note: "On it" }, "raised"]);
  const headers = { "x-holdfast-caller": "bot" };
  await call("POST", "/v1/alerts/c/acknowledge", {}, headers);
  assertEquals((await json("/v1/alerts/c")).acknowledged, { at, by: "bot", note: null });
  await clock.advance(2 * 60_000);
  const told = (await json("/v1/alerts")).items.map(({ id, told }: Body) => [id, told]);
  assertEquals(told, [["c", 1], ["b", 2], ["a", 1]]);
  await system.stop();
});

Deno.test("POST /v1/alerts/{id}/acknowledge refuses what it cannot do, and says why", async () => {
  const { call, clock, system } = await open();
  const path = "/v1/alerts/a/acknowledge";
  assertEquals((await call("POST", "/v1/alerts/none/acknowledge", {})).status, 404);
  assertEquals((await call("POST", path, { by: "" })).status, 422);
  assertEquals((await call("POST", path, { who: "anna" })).status, 422);
  assertEquals((await call("POST", path, {}, { "if-match": '"7"' })).status, 412);
  await clock.advance(2 * 60_000);
  const problem = await problemOf(await call("POST", "/v1/alerts/c/acknowledge", {}));
  assertEquals(problem.status, 409);
  assertStringIncludes(String(problem.detail), 'state is "cleared"');
  await system.stop();
});

Deno.test("GET /metrics says how many alerts hold", async () => {
  const { call, system } = await open();
  const text = await (await call("GET", "/metrics")).text();
  assertStringIncludes(text, "\nholdfast_alerts_raised 2\n");
  await system.stop();
});
