import { assert, assertEquals, assertRejects } from "@std/assert";
// @ts-types="@types/ws"
import WebSocket from "ws";
import { SocketClient } from "../testing/socket_client.ts";
import { problemOf } from "./support.ts";
import { openVmEdge, type VmEdge } from "./vm_edge.ts";
import { eventually } from "../testing/processes.ts";

const open = (edge: VmEdge, vm: string, query = "") =>
  SocketClient.open(`${edge.url}/v1/vms/${vm}/terminal${query}`);

/** The id of the terminal that a client looks at. */
async function idOf(client: SocketClient): Promise<string> {
  return String((await client.message(({ type }) => type === "ready")).terminal);
}

async function listed(edge: VmEdge, vm: string): Promise<Record<string, unknown>[]> {
  return (await (await edge.fetch(`/v1/vms/${vm}/terminals`)).json()).items;
}

Deno.test("a terminal passes input and output, and says how its program ended", async () => {
  await using edge = await openVmEdge();
  await using client = await open(edge, await edge.vm());
  client.type("echo $((6 * 7)); exit 3\n");
  await client.shows(/42/);
  const { exitCode, signal } = await client.message(({ type }) => type === "exit");
  assertEquals([exitCode, signal], [3, null]);
  assertEquals((await client.closed).code, 1000);
});

Deno.test("a terminal has the size that its viewer says", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using client = await open(edge, vm, "?columns=100&rows=30");
  client.type("stty size\n");
  await client.shows(/30 100/);
  // A shell at its prompt misses the signal when it comes just before it begins to read.
  client.type(`sh -c "trap 'stty size' WINCH; echo re''ady; while :; do sleep 0.1; done"\n`);
  await client.shows(/ready/);
  client.send({ type: "resize", columns: 120, rows: 40 });
  await client.shows(/40 120/);
  // The program may say its new size before the answer to the change is there.
  await eventually(async () => (await listed(edge, vm))[0]?.columns === 120);
  const [shown] = await listed(edge, vm);
  assertEquals([shown?.columns, shown?.rows, shown?.viewers], [120, 40, 1]);
});

Deno.test("a terminal shows what it showed before to whoever connects later", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  const first = await open(edge, vm);
  const id = await idOf(first);
  first.type("seq 1 20000; echo do''ne größe\n");
  await first.shows(/done größe/);
  await first.close();
  await using second = await open(edge, vm, `?terminal=${id}`);
  const { replayedLines } = await second.message(({ type }) => type === "ready");
  await second.shows(/done größe/);
  assert(Number(replayedLines) >= 5_000 && Number(replayedLines) <= 5_001, String(replayedLines));
  assert(!/\b14000\r/.test(second.output), "older lines are kept");
  assert(/\b15010\r/.test(second.output), "newer lines are not kept");
  second.type("echo st''ill\n");
  await second.shows(/still/);
});

Deno.test("a terminal is shown to several viewers at once", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using first = await open(edge, vm);
  await using second = await open(edge, vm, `?terminal=${await idOf(first)}`);
  await idOf(second);
  first.type("echo sh''ared\n");
  await Promise.all([first.shows(/shared/), second.shows(/shared/)]);
  assertEquals((await listed(edge, vm))[0]?.viewers, 2);
});

Deno.test("a terminal is searched as text, over HTTP and over its connection", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using client = await open(edge, vm);
  const id = await idOf(client);
  // On a line of its own: what is typed before the prompt stands is answered right behind it.
  client.type(
    "echo; printf 'al'; printf '\\033[31mpha'; printf '\\033[0m ✓\\nnext\\n'; echo en''d\n",
  );
  await client.shows(/end\r/);
  const query = "pattern=%5Ealpha%20%E2%9C%93%24&context=1";
  const response = await edge.fetch(`/v1/vms/${vm}/terminals/${id}/search?${query}`);
  const found = await response.json();
  assertEquals(found.matches.length, 1);
  assertEquals([found.matches[0].content, found.matches[0].after], ["alpha ✓", ["next"]]);
  assertEquals(found.truncated, false);
  client.send({ type: "search", requestId: "s1", pattern: "^alpha ✓$", context: 1 });
  const told = await client.message(({ requestId }) => requestId === "s1");
  assertEquals([told.type, told.matches], ["searchResult", found.matches]);
  client.send({ type: "search", requestId: "s2", pattern: "(" });
  assertEquals((await client.message(({ requestId }) => requestId === "s2")).type, "error");
});

Deno.test("a search refuses what is out of bounds", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using client = await open(edge, vm);
  const id = await idOf(client);
  const long = "x".repeat(201);
  const bad = ["", "pattern=", `pattern=${long}`, "pattern=(", "pattern=a&limit=501"];
  for (const query of [...bad, "pattern=a&limit=0", "pattern=a&context=51", "pattern=a&x=1"]) {
    const response = await edge.fetch(`/v1/vms/${vm}/terminals/${id}/search?${query}`);
    assertEquals([response.status, (await problemOf(response)).status], [422, 422], query);
  }
  const none = await edge.fetch(`/v1/vms/${vm}/terminals/term_none/search?pattern=a`);
  assertEquals((await problemOf(none)).status, 404);
});

Deno.test("a message that is none is answered, and the terminal stays", async () => {
  await using edge = await openVmEdge();
  await using client = await open(edge, await edge.vm());
  const bad = [
    "{",
    "[]",
    '"text"',
    '{"type": "none"}',
    '{"type": "input"}',
    '{"type": "input", "data": 1}',
    '{"type": "resize", "columns": 0, "rows": 1}',
    '{"type": "resize", "columns": 1001, "rows": 1}',
    '{"type": "search", "pattern": "a"}',
    '{"type": "input", "data": "", "more": 1}',
    `{"type": "input", "data": "${"x".repeat(1024 * 1024)}"}`,
  ];
  for (const message of bad) client.send(message);
  client.send(new Uint8Array(1024 * 1024 + 1));
  client.send({ type: "ping" });
  await client.message(({ type }) => type === "pong");
  const errors = client.messages.filter(({ type }) => type === "error");
  assertEquals(errors.length, bad.length + 1);
});

Deno.test("DELETE closes a terminal, and ends what runs on it", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using client = await open(edge, vm);
  const id = await idOf(client);
  client.type("echo pid=$$; sleep 1000\n");
  await client.shows(/pid=\d+\r/);
  const pid = /pid=(\d+)\r/.exec(client.output)?.[1];
  const path = `/v1/vms/${vm}/terminals/${id}`;
  assertEquals((await edge.fetch(path, { method: "DELETE" })).status, 204);
  assertEquals((await client.closed).code, 4410);
  const isGone = async () => {
    const state = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "gone");
    return state === "gone" || / Z /.test(state);
  };
  assert(await isGone(), "the shell lives on");
  const again = await edge.fetch(path, { method: "DELETE" });
  assertEquals((await problemOf(again)).status, 404);
  assertEquals(await listed(edge, vm), []);
});

Deno.test("a terminal ends with its VM, with a reason", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using client = await open(edge, vm);
  await idOf(client);
  await edge.system.send(`vm:${vm}`, { type: "vm.recycle" });
  const { code, reason } = await client.closed;
  assertEquals([code, reason.includes("recycl")], [4410, true], reason);
});

Deno.test("a terminal holds its program up while its only viewer does not read", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  const socket = new WebSocket(`${edge.url}/v1/vms/${vm}/terminal`.replace("http", "ws"));
  const total = 100 * 1024 * 1024;
  let bytes = 0;
  let text = "";
  const enough = Promise.withResolvers<void>();
  socket.on("message", (data: Uint8Array, isBinary: boolean) => {
    if (!isBinary) return;
    bytes += data.byteLength;
    text = (text + data).slice(-100);
    if (/all is wr[i]tten/.test(text)) enough.resolve();
  });
  await new Promise((resolve) => socket.once("open", resolve));
  socket.send(JSON.stringify({
    type: "input",
    data: `head -c ${total} /dev/zero | sh -c 'echo $$ > writer; exec tr "\\0" x'; ` +
      "echo all is wr''itten; touch written\n",
  }));
  socket.pause();
  const before = Deno.memoryUsage().rss;
  const [terminal] = await listed(edge, vm);
  assertEquals(terminal?.viewers, 1);
  await writerIsHeld(`${edge.workDir(vm)}/writer`);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 60 * 1024 * 1024, `memory grew by ${grown} bytes`);
  await assertRejects(() => Deno.stat(`${edge.workDir(vm)}/written`), Deno.errors.NotFound);
  socket.resume();
  await enough.promise;
  assert(bytes >= total, `${bytes} came`);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.close();
  await closed;
});

/** Resolves when the program whose id is in a file sleeps in the kernel, writing to a terminal. */
async function writerIsHeld(file: string): Promise<void> {
  let pid = "";
  await eventually(async () => {
    pid = (await Deno.readTextFile(file).catch(() => "")).trim();
    return pid !== "";
  });
  for (let held = 0; held < 20;) {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=,comm=", "-p", pid] })
      .output();
    held = /^S\S* +tr$/.test(new TextDecoder().decode(stdout).trim()) ? held + 1 : 0;
  }
}
