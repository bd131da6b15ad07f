import { assertEquals, assertStringIncludes } from "@std/assert";
import { openEdge, problemOf, readUntil } from "./support.ts";

const ndjson = { accept: "application/x-ndjson" };

type Line = { id?: string; event: string; data: Record<string, unknown> };

function linesOf(text: string): Line[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

Deno.test("GET …/stream tells a task's life and ends with it", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["say", "hello"]);
  const response = await edge.call("GET", `/v1/tasks/${id}/stream`, { headers: ndjson });
  const lines = linesOf(await response.text());
  const states = lines.filter(({ event }) => event === "state").map(({ data }) => data.state);
  assertEquals([states[0], states.at(-1)], ["queued", "succeeded"]);
  const output = lines.filter(({ event }) => event === "output").map(({ data }) => data.data);
  assertEquals(output.join(""), "hello");
  // The last change comes when all output has been told, and the task as it ended comes last.
  assertEquals(lines.slice(-2).map(({ event }) => event), ["state", "end"]);
  assertEquals(lines.at(-1)?.data.id, id);
});

Deno.test("GET …/stream of a task that has ended tells the same", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["say", "hello"]);
  await edge.reached(id, "succeeded");
  const read = async () =>
    linesOf(await (await edge.call("GET", `/v1/tasks/${id}/stream`, { headers: ndjson })).text());
  const lines = await read();
  const states = lines.filter(({ event }) => event === "state").map(({ data }) => data.revision);
  const revisions = states.map((_, i) => i + 1);
  assertEquals(states, revisions);
  assertEquals(lines.at(-1)?.event, "end");
});

Deno.test("GET …/stream goes on where the caller left off", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["say", "hello"]);
  await edge.reached(id, "succeeded");
  const path = `/v1/tasks/${id}/stream`;
  const from = async (last?: string) => {
    const headers = { ...ndjson, ...last === undefined ? {} : { "last-event-id": last } };
    return linesOf(await (await edge.call("GET", path, { headers })).text());
  };
  const all = await from();
  for (const [i, { id: position }] of all.slice(0, -1).entries()) {
    const key = ({ event, data }: Line) => `${event} ${data.seq ?? data.revision}`;
    assertEquals((await from(position)).map(key), all.slice(i + 1).map(key));
  }
  const end = all.at(-1)?.id ?? "";
  const seen = await edge.call("GET", path, { headers: { "last-event-id": end } });
  assertEquals(seen.status, 204);
  const odd = await edge.call("GET", path, { headers: { "last-event-id": "x" } });
  assertEquals((await problemOf(odd)).status, 422);
});

Deno.test("GET …/stream is server-sent events by default", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["say", "two\nlines"]);
  const response = await edge.call("GET", `/v1/tasks/${id}/stream`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  assertStringIncludes(text, "retry: 2000\n");
  assertStringIncludes(text, "event: output\n");
  assertStringIncludes(text, '"data":"two\\nlines"');
  for (const block of text.trim().split("\n\n").slice(1)) {
    assertEquals(block.split("\n").map((line) => line.split(":")[0]), ["id", "event", "data"]);
  }
});

Deno.test("GET …/stream lets go when the reader goes", async () => {
  await using edge = await openEdge({ maxStreams: 1 });
  const id = await edge.task(["hang"]);
  const path = `/v1/tasks/${id}/stream`;
  const reader = (await edge.call("GET", path)).body?.getReader();
  if (reader === undefined) throw new Error("no body");
  await readUntil(reader, (text) => text.includes("running.working"));
  const refused = await edge.call("GET", path);
  assertEquals((await problemOf(refused)).status, 429);
  assertEquals(refused.headers.get("retry-after"), "5");
  await reader.cancel();
  const again = await edge.call("GET", path);
  assertEquals(again.status, 200);
  await again.body?.cancel();
});

Deno.test("GET …/output is what was written", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["say", "hello"]);
  await edge.reached(id, "succeeded");
  const path = `/v1/tasks/${id}/output`;
  const plain = await edge.call("GET", path);
  assertEquals(plain.headers.get("content-type"), "text/plain; charset=utf-8");
  assertEquals(await plain.text(), "hello");
  const rows = await (await edge.call("GET", path, { headers: ndjson })).text();
  const [row] = rows.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals([row.seq, row.data], [1, "hello"]);
  assertEquals(await (await edge.call("GET", `${path}?after=1`)).text(), "");
  assertEquals((await edge.call("GET", "/v1/tasks/task_none/output")).status, 404);
});

Deno.test("GET …/output?follow=true stays until the task has ended", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["cat"], { interactive: true });
  await edge.reached(id, "running.working");
  const reader = (await edge.call("GET", `/v1/tasks/${id}/output?follow=true`)).body?.getReader();
  if (reader === undefined) throw new Error("no body");
  await edge.json("POST", `/v1/tasks/${id}/input`, { body: { data: "one" } });
  assertEquals(await readUntil(reader, (text) => text === "one"), "one");
  await edge.json("POST", `/v1/tasks/${id}/input`, { body: { data: "two" } });
  await edge.json("POST", `/v1/tasks/${id}/input`, { body: { eof: true } });
  assertEquals(await readUntil(reader, () => false), "two");
});
