import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Message, SocketClient } from "../testing/socket_client.ts";
import { openVmEdge, type VmEdge } from "./vm_edge.ts";

const open = (edge: VmEdge, vm: string) => SocketClient.open(`${edge.url}/v1/vms/${vm}/control`);

let calls = 0;

/** Calls and returns the reply. */
async function call(client: SocketClient, request: Message): Promise<Message> {
  const id = `call ${++calls}`;
  client.send({ requestId: id, ...request });
  const { requestId: _, ...reply } = await client.message(({ requestId }) => requestId === id);
  return reply;
}

async function git(directory: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", {
    args: ["-c", "user.name=a", "-c", "user.email=a@localhost", ...args],
    cwd: directory,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** A VM whose work directory is a repository with one changed file. */
async function repositoryVm(edge: VmEdge): Promise<string> {
  const vm = await edge.vm();
  const directory = edge.workDir(vm);
  await git(directory, "init", "--quiet", "--initial-branch=main");
  await Deno.writeTextFile(`${directory}/a.txt`, "one\n");
  await git(directory, "add", "a.txt");
  await git(directory, "commit", "--quiet", "-m", "first");
  await Deno.writeTextFile(`${directory}/a.txt`, "one\ntwo ✓\n");
  return vm;
}

Deno.test("the control connection answers calls about files", async () => {
  await using edge = await openVmEdge();
  await using client = await open(edge, await repositoryVm(edge));
  const [changes, list, read, diff] = await Promise.all([
    call(client, { type: "repo_file_changes" }),
    call(client, { type: "repo_file_list", path: "" }),
    call(client, { type: "repo_read_file", path: "a.txt", offset: 4 }),
    call(client, { type: "repo_file_diff", path: "a.txt" }),
  ]) as { success: boolean; result: Record<string, unknown> }[];
  const changed = changes?.result["changes"] as Record<string, unknown>[];
  assertEquals(changed.map(({ path, status }) => [path, status]), [["a.txt", "modified"]]);
  const entries = list?.result["entries"] as Record<string, unknown>[];
  assertEquals(entries.map(({ name }) => name), ["a.txt", ".git"]);
  assert(typeof entries[0]?.["modifiedAt"] === "string", "a time is not text");
  const { content, encoding, truncated } = read?.result ?? {};
  assertEquals([content, encoding, truncated], ["two ✓\n", "utf-8", false]);
  assertStringIncludes(String(diff?.result["content"]), "+two ✓");
});

Deno.test("the control connection refuses paths that lead out of the repository", async () => {
  await using edge = await openVmEdge();
  const vm = await repositoryVm(edge);
  await Deno.symlink("/etc", `${edge.workDir(vm)}/out`);
  await using client = await open(edge, vm);
  const paths = ["..", "../x", "a/../../x", "/etc/passwd", "out/passwd", "a\0b", "./../x"];
  for (const type of ["repo_file_list", "repo_read_file", "repo_file_diff"]) {
    for (const path of paths) {
      const { success, message } = await call(client, { type, path });
      const leaked = String(message).includes("root:");
      // A diff of what lies behind a link shows nothing: git does not follow it.
      const isFine = success === false || type === "repo_file_diff" && path === "out/passwd";
      assert(isFine && !leaked, `${type} ${path}: ${message}`);
    }
  }
});

Deno.test("the control connection gives what is not text in base64, in parts", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await Deno.writeFile(`${edge.workDir(vm)}/b`, new Uint8Array([1, 0xff, 0xfe, 4]));
  await using client = await open(edge, vm);
  const { result } = await call(client, { type: "repo_read_file", path: "b", limit: 3 });
  const { content, encoding, truncated } = result as Message;
  assertEquals([content, encoding, truncated], ["Af/+", "base64", true]);
});

Deno.test("the control connection lists ports that can be forwarded", async () => {
  await using edge = await openVmEdge();
  await using client = await open(edge, await edge.vm());
  assertEquals(await call(client, { type: "port_forward_list" }), {
    success: true,
    result: { items: [] },
  });
});

Deno.test("the control connection says what this server cannot do", async () => {
  await using edge = await openVmEdge();
  await using client = await open(edge, await edge.vm());
  for (
    const request of [{ type: "restart", loadSession: true }, { type: "switch_model", model: "m" }]
  ) {
    const { success, message } = await call(client, request);
    assertEquals(success, false);
    assertStringIncludes(String(message), "no agent session");
  }
});

Deno.test("a bad message is answered on the control connection, which stays", async () => {
  await using edge = await openVmEdge();
  await using client = await open(edge, await edge.vm());
  const bad: [string, string | null][] = [
    ["", null],
    ["{", null],
    ["null", null],
    ["[]", null],
    ['"text"', null],
    ["{}", null],
    ['{"type": "repo_file_changes"}', null],
    ['{"type": "repo_file_changes", "requestId": 1}', null],
    ['{"type": "repo_file_changes", "requestId": ""}', ""],
    [`{"type": "repo_file_changes", "requestId": "${"x".repeat(201)}"}`, null],
    ['{"type": "none", "requestId": "b1"}', "b1"],
    ['{"requestId": "b2"}', "b2"],
    ['{"type": "repo_read_file", "requestId": "b3"}', "b3"],
    ['{"type": "repo_read_file", "requestId": "b4", "path": 4}', "b4"],
    ['{"type": "repo_file_list", "requestId": "b5", "limit": 0}', "b5"],
    ['{"type": "repo_file_changes", "requestId": "b6", "more": 1}', "b6"],
    [`{"type": "repo_file_list", "requestId": "b7", "path": "${"x".repeat(1 << 20)}"}`, null],
    [`${"[".repeat(100)}${"]".repeat(100)}`, null],
  ];
  for (const [message] of bad) client.send(message);
  client.send(new Uint8Array([1, 2, 3]));
  assertEquals((await call(client, { type: "port_forward_list" })).success, true);
  const refused = client.messages.slice(0, -1);
  assertEquals(
    refused.map(({ requestId, success }) => [requestId, success]),
    [...bad.map(([, requestId]) => [requestId, false]), [null, false]],
  );
});

Deno.test("several control connections are open at once, and end with the VM", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await using first = await open(edge, vm);
  await using second = await open(edge, vm);
  for (const client of [first, second]) {
    assertEquals((await call(client, { type: "port_forward_list" })).success, true);
  }
  await edge.system.send(`vm:${vm}`, { type: "vm.recycle" });
  for (const client of [first, second]) {
    const { code, reason } = await client.closed;
    assertEquals([code, /vm_1" is recycl/.test(reason)], [4410, true], reason);
  }
});

Deno.test("opening a control connection wakes its VM", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  await edge.system.send(`vm:${vm}`, { type: "vm.sleep" });
  await edge.system.waitFor(`vm:${vm}`, ({ state }) => state === "sleeping");
  await using client = await open(edge, vm);
  assertEquals((await edge.system.get(`vm:${vm}`)).state, "running");
  assertEquals((await call(client, { type: "port_forward_list" })).success, true);
});

Deno.test("a control connection keeps its VM awake", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm({ idle: { sleepMs: 3_000 } });
  const address = `vm:${vm}`;
  const client = await open(edge, vm);
  const noted = async () => (await edge.system.history(address, { limit: 200 })).items.length;
  const before = await noted();
  await edge.system.waitFor(address, ({ revision }) => revision >= before + 2);
  assertEquals((await edge.system.get(address)).state, "running");
  await client.close();
  await edge.system.waitFor(address, ({ state }) => state === "sleeping", { timeoutMs: 60_000 });
});

Deno.test("a page of an allowed origin opens a WebSocket, one of another does not", async () => {
  await using edge = await openVmEdge({ corsOrigins: ["https://pages.example"] });
  const url = `${edge.url}/v1/vms/${await edge.vm()}/control`;
  const headers = { origin: "https://pages.example" };
  await using client = await SocketClient.open(url, { headers });
  assertEquals((await call(client, { type: "port_forward_list" })).success, true);
  await assertRejects(() =>
    SocketClient.open(url, { headers: { origin: "https://other.example" } })
  );
});

Deno.test("a control connection is told when the server stops, which its VM outlives", async () => {
  const edge = await openVmEdge();
  const client = await open(edge, await edge.vm());
  await edge.system.stop({ drainMs: 1_000 });
  assertEquals(await client.closed, { code: 1001, reason: "the server stops" });
  await edge.abandon();
});
