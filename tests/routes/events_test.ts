import { assertEquals } from "@std/assert";
import { DrainingError, OverloadedError } from "../../actors/runtime/errors.ts";
import { type Edge, failing, openEdge, problemOf } from "./support.ts";

type Item = Record<string, unknown>;

const touch = { type: "touch" };

async function withBrittle(): Promise<Edge> {
  const edge = await openEdge();
  await edge.system.spawn("brittle", "1", {});
  return edge;
}

Deno.test("POST …/events takes an event, plain or in an envelope", async () => {
  await using edge = await withBrittle();
  const path = "/v1/actors/brittle:1/events";
  const plain = await edge.json("POST", path, { body: touch });
  assertEquals([plain.state, plain.revision, plain.duplicate], ["touched", 2, false]);
  const body = { event: touch, key: "k", expectRevision: 2 };
  assertEquals((await edge.json("POST", path, { body })).state, "whole");
  const again = await edge.json("POST", path, { body });
  assertEquals([again.revision, again.duplicate], [3, true]);
});

Deno.test("POST …/events refuses with its reason", async () => {
  await using edge = await withBrittle();
  const cases: [string, unknown, number][] = [
    ["brittle:1", { type: "unknown" }, 409],
    ["brittle:1", { event: touch, expectRevision: 7 }, 412],
    ["brittle:2", touch, 404],
    ["brittle:1", { type: "xstate.init" }, 422],
    ["brittle:1", { type: 7 }, 422],
    ["brittle:1", {}, 422],
    ["brittle:1", { event: touch, more: 1 }, 422],
    ["brittle:1", { ...touch, large: "x".repeat(20_000).split("") }, 413],
  ];
  for (const [address, body, status] of cases) {
    const response = await edge.call("POST", `/v1/actors/${address}/events`, { body });
    assertEquals([body, (await problemOf(response)).status], [body, status]);
  }
});

Deno.test("POST …/events applies once for an Idempotency-Key", async () => {
  await using edge = await withBrittle();
  const request = { body: touch, headers: { "idempotency-key": "k" } };
  const path = "/v1/actors/brittle:1/events";
  const first = await edge.json("POST", path, request);
  assertEquals(await edge.json("POST", path, request), first);
  assertEquals((await edge.system.get("brittle:1")).revision, 2);
});

Deno.test("POST /v1/events answers each in order", async () => {
  await using edge = await withBrittle();
  const body = [
    { address: "brittle:1", event: touch },
    { address: "brittle:none", event: touch },
    { address: "nonsense", event: touch },
    { address: "brittle:1", event: { type: "unknown" } },
    { address: "brittle:1", event: touch, key: "k" },
    { address: "brittle:1", event: touch, key: "k" },
    "no object",
  ];
  const results = await edge.json("POST", "/v1/events", { body }) as unknown as Item[];
  const shown = results.map(({ revision, duplicate, status }) => duplicate ?? revision ?? status);
  assertEquals(shown, [false, 404, 422, 409, false, true, 422]);
  assertEquals((await edge.system.get("brittle:1")).revision, 3);
});

Deno.test("POST /v1/events applies events to one actor in the order sent", async () => {
  await using edge = await withBrittle();
  const body = Array.from({ length: 1_200 }, () => ({ address: "brittle:1", event: touch }));
  const results = await edge.json("POST", "/v1/events", { body }) as unknown as Item[];
  assertEquals(results.map(({ revision }) => revision), body.map((_, i) => i + 2));
});

Deno.test("POST /v1/events takes NDJSON and answers in it", async () => {
  await using edge = await withBrittle();
  const line = JSON.stringify({ address: "brittle:1", event: touch });
  const body = `${line}\nnot json\n\n${line}\n`;
  const headers = { "content-type": "application/x-ndjson" };
  const response = await edge.call("POST", "/v1/events", { body, headers });
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  const results = (await response.text()).trim().split("\n").map((text) => JSON.parse(text));
  assertEquals(results.map(({ revision, status }) => revision ?? status), [2, 400, 3]);
});

Deno.test("POST /v1/events does nothing twice for an Idempotency-Key", async () => {
  await using edge = await withBrittle();
  const line = JSON.stringify({ address: "brittle:1", event: touch });
  const request = {
    body: `${line}\n${line}\n`,
    headers: { "content-type": "application/x-ndjson", "idempotency-key": "k" },
  };
  const first = await edge.call("POST", "/v1/events", request);
  const second = await edge.call("POST", "/v1/events", request);
  assertEquals(second.headers.get("content-type"), "application/x-ndjson");
  assertEquals(await second.text(), await first.text());
  assertEquals((await edge.system.get("brittle:1")).revision, 3);
});

Deno.test("POST /v1/events does nothing twice when it is cut off before its answer is kept", async () => {
  await using edge = await withBrittle();
  const request = {
    body: [{ address: "brittle:1", event: touch }, { address: "brittle:1", event: touch }],
    headers: { "idempotency-key": "k" },
  };
  const restore = failing(edge.system, "keepAnswer", new DrainingError("cut off"));
  assertEquals((await edge.call("POST", "/v1/events", request)).status, 503);
  restore();
  const results = await edge.json("POST", "/v1/events", request) as unknown as Item[];
  assertEquals(results.map(({ duplicate }) => duplicate), [true, true]);
  assertEquals((await edge.system.get("brittle:1")).revision, 3);
});

Deno.test("POST /v1/events lets a key ask again for what the server could not take", async () => {
  await using edge = await withBrittle();
  const request = {
    body: [{ address: "brittle:1", event: touch }],
    headers: { "idempotency-key": "k" },
  };
  const restore = failing(edge.system, "send", new OverloadedError("busy", 1_000));
  const refused = await edge.json("POST", "/v1/events", request) as unknown as Item[];
  assertEquals(refused.map(({ status }) => status), [503]);
  restore();
  const taken = await edge.json("POST", "/v1/events", request) as unknown as Item[];
  assertEquals(taken.map(({ revision }) => revision), [2]);
});

Deno.test("POST /v1/events refuses what is no batch, or too large a one", async () => {
  await using edge = await withBrittle();
  const one = { address: "a:b", event: { type: "t" } };
  const cases: [unknown, number][] = [
    [one, 422],
    ["[", 400],
    [Array.from({ length: 10_001 }, () => one), 413],
  ];
  for (const [body, status] of cases) {
    assertEquals((await problemOf(await edge.call("POST", "/v1/events", { body }))).status, status);
  }
});
