import { assertEquals, assertStringIncludes } from "@std/assert";
import type { FeedItem, System } from "../../actors/runtime/api.ts";
import { createApp } from "../../routes/app.ts";
import { type Edge, openEdge, partOfSystem, problemOf, readUntil } from "./support.ts";

const ndjson = { accept: "application/x-ndjson" };

async function open(edge: Edge, query = "", headers: Record<string, string> = {}) {
  const response = await edge.call("GET", `/v1/feed${query}`, { headers });
  const reader = response.body?.getReader();
  if (reader === undefined || response.status !== 200) {
    throw new Error(`Cannot read the feed: status is ${response.status}`);
  }
  return { response, reader };
}

const seqsOf = (text: string) =>
  text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).seq);

Deno.test("GET /v1/feed tells what happens from now on", async () => {
  await using edge = await openEdge();
  await edge.system.spawn("brittle", "old", {});
  const { response, reader } = await open(edge);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  await edge.system.spawn("brittle", "new", {});
  const text = await readUntil(reader, (seen) => seen.includes("brittle:new"));
  await reader.cancel();
  assertStringIncludes(text, "retry: 2000\nid: 1\n\n");
  assertStringIncludes(text, "id: 2\ndata: {");
  assertEquals(text.includes("brittle:old"), false);
});

Deno.test("GET /v1/feed goes on after a cursor, the caller's last id before that of the URL", async () => {
  await using edge = await openEdge();
  for (let i = 1; i <= 5; i++) await edge.system.spawn("brittle", String(i), {});
  const from = async (query: string, headers: Record<string, string>) => {
    const { reader } = await open(edge, query, { ...ndjson, ...headers });
    const text = await readUntil(reader, (seen) => seen.includes('"brittle:5"'));
    await reader.cancel();
    return seqsOf(text);
  };
  assertEquals(await from("?after=0", {}), [1, 2, 3, 4, 5]);
  assertEquals(await from("?after=3", {}), [4, 5]);
  assertEquals(await from("?after=0", { "last-event-id": "4" }), [5]);
});

Deno.test("GET /v1/feed is narrowed to kinds and addresses", async () => {
  await using edge = await openEdge();
  await edge.task(["say"], { id: "task_a" });
  await edge.reached("task_a", "succeeded");
  for (const id of ["1", "2", "3"]) await edge.system.spawn("brittle", id, {});
  const addresses = async (query: string) => {
    const { reader } = await open(edge, query, ndjson);
    const text = await readUntil(reader, (seen) => seen.includes("brittle:3"));
    await reader.cancel();
    return [...new Set(text.match(/"address":"[^"]+"/g) ?? [])].length;
  };
  assertEquals(await addresses("?after=0&kinds=brittle"), 3);
  assertEquals(await addresses("?after=0&kinds=brittle,task"), 4);
  assertEquals(await addresses("?after=0&addresses=brittle:1&addresses=brittle:3"), 2);
});

Deno.test("GET /v1/feed refuses what it cannot follow", async () => {
  await using edge = await openEdge();
  const cases: [string, Record<string, string>][] = [
    ["?after=-1", {}],
    ["?after=x", {}],
    ["?addresses=plain", {}],
    ["?nope=1", {}],
    ["", { "last-event-id": "abc" }],
  ];
  for (const [query, headers] of cases) {
    const response = await edge.call("GET", `/v1/feed${query}`, { headers });
    assertEquals([query, (await problemOf(response)).status], [query, 422]);
  }
});

Deno.test("GET /v1/feed loses and doubles nothing for a reader that comes and goes", async () => {
  await using edge = await openEdge();
  await edge.system.spawn("brittle", "1", {});
  const seen: number[] = [];
  for (let round = 0; round < 5; round++) {
    const { reader } = await open(edge, `?after=${seen.at(-1) ?? 0}`, ndjson);
    const sent = Array.from({ length: 20 }, () => edge.system.send("brittle:1", { type: "touch" }));
    const last = (await Promise.all(sent)).at(-1)?.seq ?? 0;
    // It leaves in the middle of what there is to read.
    const wanted = round === 4 ? last : last - 10;
    const text = await readUntil(reader, (text) => text.includes(`"seq":${wanted},`));
    await reader.cancel();
    seen.push(...seqsOf(text.slice(0, text.lastIndexOf("\n"))));
  }
  assertEquals(seen, seen.map((_, i) => i + 1));
});

Deno.test("GET /v1/feed makes an entry into bytes once for all its readers", async () => {
  let shown = 0;
  const entry = {
    get seq() {
      shown++;
      return 1;
    },
    at: 0,
    address: "a:1",
  };
  const items = () =>
    (async function* () {
      yield await Promise.resolve({ type: "entry", entry } as unknown as FeedItem);
    })();
  const app = createApp(partOfSystem({ feed: items }));
  const bodies = await Promise.all(
    Array.from({ length: 10 }, async () => await (await app.request("/v1/feed?after=0")).text()),
  );
  assertEquals(new Set(bodies).size, 1);
  // Once for the id, once for the data.
  assertEquals(shown, 2);
});

Deno.test("GET /v1/feed says when a cursor is older than what is kept", async () => {
  const feed: System["feed"] = () =>
    (async function* () {
      yield await Promise.resolve({ type: "reset", oldest: 7 } as FeedItem);
    })();
  const app = createApp(partOfSystem({ feed }));
  const sse = await (await app.request("/v1/feed?after=1")).text();
  assertStringIncludes(sse, 'event: reset\ndata: {"oldest":7}\n\n');
  const lines = await (await app.request("/v1/feed?after=1", { headers: ndjson })).text();
  assertEquals(JSON.parse(lines), { event: "reset", data: { oldest: 7 } });
});
