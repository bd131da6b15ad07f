import { assertEquals, assertMatch } from "@std/assert";
import { openEdge, problemOf } from "./support.ts";

type Item = Record<string, unknown>;

Deno.test("GET /v1/actors lists actors of any kind", async () => {
  await using edge = await openEdge();
  await edge.system.spawn("brittle", "b/1", {});
  const id = await edge.task(["say"]);
  await edge.reached(id, "succeeded");
  const addresses = async (query: string) => {
    const { items } = await edge.json("GET", `/v1/actors?${query}`);
    return (items as Item[]).map(({ address }) => address);
  };
  assertEquals(await addresses(""), [`task:${id}`, "brittle:b/1"]);
  assertEquals(await addresses("kind=brittle"), ["brittle:b/1"]);
  assertEquals(await addresses("status=done"), [`task:${id}`]);
  assertEquals(await addresses("state=whole"), ["brittle:b/1"]);
  assertEquals(await addresses("kind=task&index=trigger=api"), [`task:${id}`]);
  const response = await edge.call("GET", "/v1/actors?index=oops");
  assertEquals((await problemOf(response)).status, 422);
});

Deno.test("GET /v1/actors/{address} shows all that an actor waits for", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["hang"]);
  await edge.reached(id, "running.working");
  const response = await edge.call("GET", `/v1/actors/task:${id}`);
  const actor = await response.json();
  assertEquals(response.headers.get("etag"), `"${actor.revision}"`);
  assertEquals([actor.address, actor.state], [`task:${id}`, "running.working"]);
  assertEquals(actor.accepts.includes("task.cancel"), true);
  assertEquals(actor.effects.map(({ src }: { src: string }) => src), ["executor"]);
  assertEquals(actor.slots[0].pools, ["system"]);
  assertMatch(actor.slots[0].grantedAt, /Z$/);
  assertMatch(actor.timers[0].dueAt, /Z$/);
  assertMatch(actor.createdAt, /Z$/);
});

Deno.test("GET /v1/actors/{address} takes an id with any character in it", async () => {
  await using edge = await openEdge();
  await edge.system.spawn("brittle", "a/b%c?d", {});
  const path = `/v1/actors/${encodeURIComponent("brittle:a/b%c?d")}`;
  assertEquals((await edge.json("GET", path)).id, "a/b%c?d");
  assertEquals((await edge.json("GET", `${path}/accepts`)).accepts, ["touch"]);
});

Deno.test("GET /v1/actors/{address} tells a bad address from an unknown one", async () => {
  await using edge = await openEdge();
  for (const [address, status] of [["task:none", 404], ["nokind:x", 404], ["plain", 422]]) {
    const response = await edge.call("GET", `/v1/actors/${address}`);
    assertEquals([address, (await problemOf(response)).status], [address, status]);
  }
});

Deno.test("GET …/history and …/at show an actor's past", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["say", "x"]);
  await edge.reached(id, "succeeded");
  const path = `/v1/actors/task:${id}`;
  const first = await edge.json("GET", `${path}/history?sort=oldest&limit=1`);
  const [entry] = first.items as Item[];
  assertEquals([entry?.revision, entry?.state], [1, "queued"]);
  assertMatch(String(entry?.at), /Z$/);
  const next = await edge.json("GET", `${path}/history?sort=oldest&cursor=${first.nextCursor}`);
  const revisions = (next.items as Item[]).map(({ revision }) => revision);
  assertEquals(revisions, revisions.map((_, i) => i + 2));
  assertEquals((await edge.json("GET", `${path}/at/1`)).state, "queued");
  for (const [revision, status] of [["99", 404], ["0", 422], ["x", 422]]) {
    const response = await edge.call("GET", `${path}/at/${revision}`);
    assertEquals([revision, (await problemOf(response)).status], [revision, status]);
  }
});

Deno.test("GET /v1/kinds and their definitions say what there is", async () => {
  await using edge = await openEdge();
  await edge.system.spawn("brittle", "1", {});
  const { items } = await edge.json("GET", "/v1/kinds");
  const brittle = (items as Item[]).find(({ name }) => name === "brittle");
  assertEquals([brittle?.version, brittle?.actors], [1, 1]);
  const definition = await edge.json("GET", "/v1/kinds/task/definition");
  assertEquals((definition.events as string[]).includes("task.cancel"), true);
  assertEquals((await edge.call("GET", "/v1/kinds/none/definition")).status, 404);
});

Deno.test("/v1/pools shows limits and sets them", async () => {
  await using edge = await openEdge();
  await edge.task(["hang"], { key: "k/1" });
  const { items } = await edge.json("GET", "/v1/pools");
  assertEquals((items as Item[]).map(({ name, limit }) => [name, limit]), [
    ["key:k/1", 1],
    ["system", 8],
  ]);
  const body = { name: "system", limit: 3 };
  assertEquals((await edge.json("PATCH", "/v1/pools", { body })).limit, 3);
  const one = `/v1/pools/${encodeURIComponent("key:k/1")}`;
  assertEquals((await edge.json("PATCH", one, { body: { limit: null } })).limit, null);
  assertEquals((await edge.json("GET", one)).held, 1);
  assertEquals((await edge.call("GET", "/v1/pools/none")).status, 404);
  const first = await edge.json("GET", "/v1/pools?limit=1");
  const second = await edge.json("GET", `/v1/pools?limit=1&cursor=${first.nextCursor}`);
  assertEquals([(second.items as Item[])[0]?.name, second.nextCursor], ["system", null]);
});

Deno.test("/v1/dead-letters lists what could not be applied, to be sent again or dropped", async () => {
  await using edge = await openEdge();
  await edge.system.spawn("brittle", "1", {});
  const path = "/v1/actors/brittle:1/events";
  const failed = await edge.call("POST", path, { body: { type: "touch", hard: true } });
  assertEquals((await problemOf(failed)).status, 422);
  const { items } = await edge.json("GET", "/v1/dead-letters");
  const [letter] = items as Item[];
  assertEquals([letter?.address, (letter?.event as Item).type], ["brittle:1", "touch"]);
  assertMatch(String(letter?.at), /Z$/);

  const one = `/v1/dead-letters/${letter?.id}`;
  assertEquals((await edge.call("POST", `${one}/retry`)).status, 422);
  const left = (await edge.json("GET", "/v1/dead-letters")).items as Item[];
  for (const { id } of left) {
    assertEquals((await edge.call("POST", `/v1/dead-letters/${id}/drop`)).status, 204);
  }
  assertEquals((await edge.json("GET", "/v1/dead-letters")).items, []);
  assertEquals((await edge.call("POST", `${one}/drop`)).status, 404);
});
