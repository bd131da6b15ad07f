/**
 * What can befall a server from outside, on a real one: its disk is full, another program locks its
 * database, a second server wants its data, it is told to stop. It says what is wrong, and whatever
 * it has acknowledged is there afterwards.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hold } from "../store/holder.ts";
import { runServer, startServer, type TestServer } from "../testing/server.ts";
import { ask, assertGoesOn, endOf, makeTask, until, untilState } from "./caller.ts";
import { mountSmallDisk, whyNoSmallDisk } from "./small_disk.ts";

const TASK = { command: ["true"] };
/** Room for a database and its log, and soon filled. */
const DISK_MIB = 8;
/** More requests than this fit on no such disk. */
const MAX_REQUESTS = 2_000;

const noDisk = await whyNoSmallDisk();
const skipped = noDisk === undefined ? "" : ` (skipped: ${noDisk})`;

Deno.test({
  name: `a server says that its disk is full, loses nothing, and recovers${skipped}`,
  ignore: noDisk !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(DISK_MIB);
    await using server = await startServer({ home: disk.path });
    const acknowledged = new Set<string>();
    const script = "until test -e go; do sleep 0.05; done; seq 100000; rm go";
    const writer = await makeTask(server, { command: ["sh", "-c", script] });
    acknowledged.add(writer.id);
    const { workDir } = await untilState(server, writer.id, "running.working");
    await Deno.writeTextFile(`${disk.path}/begin`, "");
    await disk.fill();
    const refused = await requestUntilRefused(server, acknowledged);
    assertEquals([refused.status, refused.type], [503, "application/problem+json"]);
    assertEquals(refused.body.type, "urn:holdfast:problem:store-full");
    assertMatch(refused.body.detail, /the disk is full/);
    assert(Number(refused.headers.get("retry-after")) > 0);
    await assertDegraded(server, acknowledged);
    // What a command writes meanwhile waits for room, and so does its end.
    await Deno.rename(`${disk.path}/begin`, `${workDir}/go`);
    await until("all is written", async () => await isMissing(`${workDir}/go`));
    await disk.clear();
    const again = await request(server, refused.key);
    assertEquals(again.status, 201, JSON.stringify(again.body));
    acknowledged.add(again.body.id);
    const written = await endOf(server, writer.id);
    assertEquals([written.state, written.attempt], ["succeeded", 1]);
    const output = (await ask(server, `/v1/tasks/${writer.id}/output`)).body;
    assertEquals(output.split("\n").length, 100_001);
    await assertGoesOn(server);
    await server.kill();
    await server.start();
    await assertAllSucceed(server, acknowledged);
  },
});

Deno.test({
  name: `a server is ready again as soon as its disk has room, unasked${skipped}`,
  ignore: noDisk !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(DISK_MIB);
    await using server = await startServer({ home: disk.path });
    await disk.fill();
    assertEquals((await requestUntilRefused(server, new Set())).status, 503);
    assertEquals((await ask(server, "/readyz")).body.status, "degraded");
    await disk.clear();
    await until("it is ready", async () => (await ask(server, "/readyz")).status === 200);
    await assertGoesOn(server);
  },
});

Deno.test("a server ends at once when another program locks its database, and loses nothing", async () => {
  await using server = await startServer();
  const acknowledged = new Set<string>();
  for (const key of ["one", "two"]) acknowledged.add((await request(server, key)).body.id);
  const database = `${server.home}/holdfast.db`;
  const stranger = await hold("transaction", database);
  const refused = await request(server, "three").catch((error) => {
    // It may be gone before it has answered.
    if (error instanceof TypeError) return undefined;
    throw error;
  });
  if (refused !== undefined) {
    assertEquals([refused.status, refused.body.title], [503, "Store failed"]);
  }
  assertEquals(await server.ended(), { code: 70, signal: null });
  const said = server.log.filter((line) => line.startsWith("Cannot go on"));
  assertEquals(said.length, 1, server.log.join("\n"));
  assertMatch(said[0] ?? "", /holdfast\.db: another program has locked it/);

  const early = await runServer({ home: server.home });
  assertEquals([early.code, early.stdout], [75, ""]);
  assertMatch(early.stderr, /another program has locked it/);
  await stranger.end();
  await server.start();
  acknowledged.add((await request(server, "three")).body.id);
  await assertAllSucceed(server, acknowledged);
  await assertGoesOn(server);
});

Deno.test("a server is not disturbed by a second one on its data", async () => {
  await using server = await startServer();
  const second = await runServer({ home: server.home });
  assertEquals([second.code, second.stdout], [75, ""]);
  assertStringIncludes(second.stderr, `process ${server.banner.pid}`);
  await assertGoesOn(server);
});

Deno.test("a server that is told to stop lets running work end, and takes nothing new", async () => {
  await using server = await startServer({ env: { HOLDFAST_DRAIN_MS: "60000" } });
  const script = "until test -e go; do sleep 0.05; done; echo went";
  const { id } = await makeTask(server, { command: ["sh", "-c", script] });
  const { workDir } = await untilState(server, id, "running.working");
  server.signal("SIGTERM");
  await until("it drains", async () => {
    return (await ask(server, "/readyz")).body.status === "draining";
  });
  const refused = await request(server, "late");
  assertEquals([refused.status, refused.body.type], [503, "urn:holdfast:problem:draining"]);
  assert(Number(refused.headers.get("retry-after")) > 0);
  await Deno.writeTextFile(`${workDir}/go`, "");
  assertEquals(await server.ended(), { code: 0, signal: null });
  await server.start();
  const task = await endOf(server, id);
  assertEquals([task.state, task.attempt, task.result?.output], ["succeeded", 1, "went\n"]);
});

Deno.test("a server that stops ends the streams of those who listen, without a word of failure", async () => {
  await using server = await startServer();
  const { id } = await makeTask(server, { command: ["sh", "-c", "echo here; exec sleep 600"] });
  await until("it has spoken", async () => {
    return (await ask(server, `/v1/tasks/${id}/output`)).body === "here\n";
  });
  const paths = ["/v1/feed", `/v1/tasks/${id}/stream`, `/v1/tasks/${id}/output?follow=true`];
  const streams = await Promise.all(paths.map((path) => server.fetch(path)));
  const waiting = ask(server, `/v1/tasks/${id}?waitMs=60000`);
  await until("it is waited for", async () => {
    return /^holdfast_http_streams 4$/m.test((await ask(server, "/metrics")).body);
  });
  server.signal("SIGTERM");
  const [feed, stream, output] = await Promise.all(streams.map((answer) => answer.text()));
  assertStringIncludes(feed ?? "", "retry:");
  assertStringIncludes(stream ?? "", "event: state");
  assertEquals(output, "here\n");
  assertEquals((await waiting).body.type, "urn:holdfast:problem:draining");
  assertEquals(await server.ended(), { code: 0, signal: null });
  assertEquals(server.log.filter((line) => line.includes(`"level":"error"`)), []);
});

Deno.test("a server cuts off what does not end in time, and runs it again after a restart", async () => {
  await using server = await startServer({ env: { HOLDFAST_DRAIN_MS: "200" } });
  const script = "echo run >> runs; test $(wc -l < runs) -ge 2 || exec sleep 600";
  const { id } = await makeTask(server, { command: ["sh", "-c", script] });
  const { workDir } = await untilState(server, id, "running.working");
  await until("its command runs", async () => await runsIn(workDir) === 1);
  assertEquals(await server.stop(), { code: 0, signal: null });
  await server.start();
  const task = await endOf(server, id);
  assertEquals([task.state, task.attempt, await runsIn(workDir)], ["succeeded", 2, 2]);
});

for (const end of ["stop", "kill"] as const) {
  Deno.test(`a server leaves a task paused after a ${end}, until somebody resumes it`, async () => {
    await using server = await startServer({ env: { HOLDFAST_MAX_CONCURRENT_TASKS: "1" } });
    const script = "echo run >> runs; test $(wc -l < runs) -ge 2 || exec sleep 600";
    const asked = { command: ["sh", "-c", script], maxAttempts: 1 };
    const { id } = await makeTask(server, asked);
    const { workDir } = await untilState(server, id, "running.working");
    await until("its command runs", async () => await runsIn(workDir) === 1);
    await ask(server, `/v1/tasks/${id}/pause`, { json: {} });
    await server[end]();
    await server.start();
    await until("it is told of", async () => {
      return (await ask(server, `/v1/tasks/${id}`)).body.error?.code === "orphaned";
    });
    await assertGoesOn(server);
    const paused = (await ask(server, `/v1/tasks/${id}`)).body;
    assertEquals([paused.state, await runsIn(workDir)], ["running.paused", 1]);
    const resumed = await ask(server, `/v1/tasks/${id}/resume`, { json: {} });
    assertEquals(resumed.status, 200, JSON.stringify(resumed.body));
    const task = await endOf(server, id);
    assertEquals([task.state, task.attempt, task.error], ["succeeded", 1, null]);
    assertEquals(await runsIn(workDir), 2);
  });
}

type Requested = Awaited<ReturnType<typeof ask>> & { key: string };

/** Makes a task under a key, so that it can be asked for again. */
async function request(server: TestServer, key: string): Promise<Requested> {
  const headers = { "idempotency-key": key };
  return { ...await ask(server, "/v1/tasks", { json: TASK, headers }), key };
}

async function requestUntilRefused(
  server: TestServer,
  acknowledged: Set<string>,
): Promise<Requested> {
  for (let count = 0; count < MAX_REQUESTS; count++) {
    const answer = await request(server, `request ${count}`);
    if (answer.status !== 201) return answer;
    acknowledged.add(answer.body.id);
  }
  throw new Error(`Cannot fill the disk: ${MAX_REQUESTS} requests went in`);
}

async function assertDegraded(server: TestServer, acknowledged: Set<string>): Promise<void> {
  const ready = await ask(server, "/readyz");
  assertEquals([ready.status, ready.body.status], [503, "degraded"]);
  assertMatch(ready.body.reason, /the disk is full/);
  assertEquals((await ask(server, "/healthz")).status, 200);
  for (const id of acknowledged) {
    assertEquals((await ask(server, `/v1/tasks/${id}`)).status, 200, id);
  }
}

async function assertAllSucceed(server: TestServer, ids: Set<string>): Promise<void> {
  for (const id of ids) {
    const { state, error } = await endOf(server, id);
    assertEquals(state, "succeeded", `${id}: ${JSON.stringify(error)}`);
  }
}

/** How often a command has begun that writes a line each time. */
async function runsIn(directory: string): Promise<number> {
  if (await isMissing(`${directory}/runs`)) return 0;
  return (await Deno.readTextFile(`${directory}/runs`)).split("\n").length - 1;
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}
