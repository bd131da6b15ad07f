import { assertEquals, assertMatch } from "@std/assert";
import { createRedactor } from "../../actors/adapters/redact.ts";
import { type ExecRequest, ProviderError } from "../../actors/adapters/vm/provider.ts";
import { problemOf, readUntil } from "./support.ts";
import { openVmWorld, type VmWorld } from "./vm_world.ts";

const EXEC = "/v1/vms/vm_1/exec";
const NDJSON = { accept: "application/x-ndjson" };

const bytes = (text: string) => new TextEncoder().encode(text);

async function openRunning(options: Parameters<typeof openVmWorld>[0] = {}): Promise<VmWorld> {
  const edge = await openVmWorld(options);
  await edge.running();
  return edge;
}

/** Writes pieces and succeeds. */
function writing(...pieces: [stream: "stdout" | "stderr", data: Uint8Array][]) {
  return async ({ onOutput }: ExecRequest) => {
    for (const [stream, data] of pieces) await onOutput?.({ stream, data });
    return { exitCode: 0, signal: null };
  };
}

/** Writes, and then works until it is ended. */
function hanging(text: string) {
  return async ({ onOutput }: ExecRequest, { signal }: { signal: AbortSignal }) => {
    await onOutput?.({ stream: "stdout", data: bytes(text) });
    return await new Promise<never>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  };
}

async function linesOf(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

Deno.test("POST …/exec answers how a command ended and what it wrote", async () => {
  await using world = await openRunning();
  const { json, provider } = world;
  let read = "";
  let seen: ExecRequest | undefined;
  provider.run = async (request) => {
    seen = request;
    read = await new Response(request.stdin).text();
    await writing(["stdout", bytes("out\n")], ["stderr", bytes("oh\n")])(request);
    return { exitCode: 3, signal: null };
  };
  const body = { command: ["sh", "-c", "x"], cwd: "src", env: { A: "1" }, stdin: "in" };
  const result = await json("POST", EXEC, { body });
  assertEquals(result, {
    exitCode: 3,
    signal: null,
    timedOut: false,
    durationMs: 0,
    stdout: "out\n",
    stdoutEncoding: "utf8",
    stdoutBytes: 4,
    stderr: "oh\n",
    stderrEncoding: "utf8",
    stderrBytes: 3,
    truncated: false,
  });
  assertEquals([read, seen?.cwd, seen?.env], ["in", "src", { A: "1" }]);
});

Deno.test("POST …/exec wakes a sleeping VM and keeps it awake", async () => {
  await using world = await openRunning();
  const { call, during, clock, system, provider } = world;
  await clock.advance(600_000);
  assertEquals((await system.get("vm:vm_1")).state, "sleeping");
  provider.run = hanging("");
  const body = { command: ["x"], timeoutMs: 1_200_000 };
  const response = await during(call("POST", EXEC, { body }), 1_199_999 + 1);
  assertEquals((await response.json()).timedOut, true);
  assertEquals((await system.get("vm:vm_1")).state, "running");
  assertEquals(provider.calls.filter((line) => line.startsWith("suspend")).length, 1);
});

Deno.test("POST …/exec ends a command whose time is over, and answers what it wrote", async () => {
  await using world = await openRunning();
  const { call, during, provider } = world;
  provider.run = hanging("so far\n");
  const body = { command: ["x"], timeoutMs: 5_000 };
  const whole = await (await during(call("POST", EXEC, { body }), 5_000)).json();
  assertEquals([whole.timedOut, whole.exitCode, whole.durationMs], [true, null, 5_000]);
  assertEquals(whole.stdout, "so far\n");
  const streamed = await call("POST", EXEC, { body, headers: NDJSON });
  const lines = await during(linesOf(streamed), 5_000);
  assertEquals(lines.at(-1), {
    type: "exit",
    exitCode: null,
    signal: null,
    timedOut: true,
    durationMs: 5_000,
  });
});

Deno.test("POST …/exec ends its command when the caller goes", async () => {
  for (const headers of [{}, NDJSON]) {
    await using world = await openRunning();
    const { call, clock, provider } = world;
    const caller = new AbortController();
    const ended = Promise.withResolvers<void>();
    provider.run = async (request, call) => {
      call.signal.addEventListener("abort", () => ended.resolve());
      return await hanging("begun\n")(request, call);
    };
    const asked = call("POST", EXEC, { body: { command: ["x"] }, headers, signal: caller.signal });
    if (headers === NDJSON) {
      const reader = (await asked).body?.getReader();
      if (reader === undefined) throw new Error("Cannot read lines: no body");
      await readUntil(reader, (text) => text.includes("\n"));
      await reader.cancel();
    } else {
      await clock.settle();
      caller.abort();
      assertEquals((await problemOf(await asked)).status, 499);
    }
    await ended.promise;
  }
});

Deno.test("POST …/exec ends its command when the server stops, and says so", async () => {
  const closing = new AbortController();
  await using world = await openRunning({ closing: closing.signal });
  const { call, clock, provider } = world;
  provider.run = hanging("begun\n");
  const body = { command: ["x"] };
  const whole = call("POST", EXEC, { body });
  const streamed = await call("POST", EXEC, { body, headers: NDJSON });
  const lines = linesOf(streamed);
  await clock.settle();
  closing.abort();
  const problem = await problemOf(await whole);
  assertEquals([problem.status, problem.type], [503, "urn:holdfast:problem:draining"]);
  const [first, last] = await lines as [unknown, { type: string; problem: { status: number } }];
  assertEquals(first, { type: "stdout", data: "begun\n" });
  assertEquals([last.type, last.problem.status], ["error", 503]);
});

Deno.test("POST …/exec answers how a command ended that outlives the system's last event", async () => {
  await using world = await openRunning();
  const { call, clock, provider, system } = world;
  const gate = Promise.withResolvers<void>();
  provider.run = async (request) => {
    await gate.promise;
    return await writing(["stdout", bytes("done")])(request);
  };
  const answer = call("POST", EXEC, { body: { command: ["x"] } });
  await clock.advance(60_000);
  const stopped = system.stop({ drainMs: 0 });
  await clock.settle();
  await stopped;
  gate.resolve();
  assertEquals((await (await answer).json()).stdout, "done");
});

Deno.test("POST …/exec does not wait for ever for its VM", async () => {
  await using world = await openVmWorld();
  const { call, json, during, provider } = world;
  provider.before = ({ operation }) =>
    operation === "create" ? new Promise<void>(() => {}) : undefined;
  await json("POST", "/v1/vms", { body: { id: "vm_1" }, status: 201 });
  const late = await problemOf(
    await during(call("POST", EXEC, { body: { command: ["x"] } }), 300_000),
  );
  assertEquals([late.status, late.type], [504, "urn:holdfast:problem:timed-out"]);
  await json("DELETE", "/v1/vms/vm_1");
});

Deno.test("POST …/exec keeps the beginning and the end of a long output", async () => {
  await using world = await openRunning();
  const { json, provider } = world;
  const all = `BEGIN${"é".repeat(200_000)}END`;
  const data = bytes(all);
  const pieces: ["stdout", Uint8Array][] = [];
  for (let at = 0; at < data.length; at += 999) {
    pieces.push(["stdout", data.subarray(at, at + 999)]);
  }
  provider.run = writing(...pieces);
  const body = { command: ["x"], maxOutputBytes: 1_001 };
  const result = await json("POST", EXEC, { body });
  assertEquals([result.truncated, result.stdoutBytes], [true, data.length]);
  assertMatch(
    String(result.stdout),
    /^BEGINé+\n\[holdfast: 399,008 bytes cut here\]\né+END$/,
  );
  assertEquals(result.stderr, "");
  const nothing = await json("POST", EXEC, { body: { command: ["x"], maxOutputBytes: 0 } });
  assertMatch(String(nothing.stdout), /^\n\[holdfast: .* bytes cut here\]\n$/);
});

Deno.test("POST …/exec carries bytes that are no text", async () => {
  await using world = await openRunning();
  const { call, json, provider } = world;
  const binary = new Uint8Array([0, 255, 254, 10]);
  provider.run = writing(["stderr", binary], ["stdout", bytes("text\n")]);
  const body = { command: ["x"] };
  const whole = await json("POST", EXEC, { body });
  assertEquals([whole.stdoutEncoding, whole.stdout], ["utf8", "text\n"]);
  assertEquals([whole.stderrEncoding, whole.stderr], ["base64", binary.toBase64()]);
  const lines = await linesOf(await call("POST", EXEC, { body, headers: NDJSON }));
  assertEquals(lines.slice(0, -1), [
    { type: "stderr", data: binary.toBase64(), encoding: "base64" },
    { type: "stdout", data: "text\n" },
  ]);
});

Deno.test("POST …/exec puts characters together that come in pieces", async () => {
  await using world = await openRunning();
  const { call, provider } = world;
  const euro = bytes("€\n");
  provider.run = writing(
    ["stdout", euro.slice(0, 1)],
    ["stderr", bytes("between\n")],
    ["stdout", euro.slice(1)],
    ["stdout", euro.slice(0, 2)],
  );
  const response = await call("POST", EXEC, { body: { command: ["x"] }, headers: NDJSON });
  const lines = await linesOf(response);
  assertEquals(lines.slice(0, -1), [
    { type: "stderr", data: "between\n" },
    { type: "stdout", data: "€\n" },
    { type: "stdout", data: euro.slice(0, 2).toBase64(), encoding: "base64" },
  ]);
});

Deno.test("POST …/exec streams lines as they come, and a prompt after a while", async () => {
  await using world = await openRunning();
  const { call, clock, provider } = world;
  provider.run = hanging("hello\nname? ");
  const response = await call("POST", EXEC, { body: { command: ["x"] }, headers: NDJSON });
  assertEquals(response.headers.get("content-type"), "application/x-ndjson");
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("Cannot read lines: no body");
  const first = await readUntil(reader, (text) => text.includes("\n"));
  assertEquals(JSON.parse(first), { type: "stdout", data: "hello\n" });
  await clock.advance(500);
  const prompt = await readUntil(reader, (text) => text.includes("\n"));
  assertEquals(JSON.parse(prompt), { type: "stdout", data: "name? " });
  await reader.cancel();
});

Deno.test("POST …/exec takes secrets out, in pieces, at a cut and in what is no text", async () => {
  const redact = createRedactor({ values: ["hunter2hunter2"] });
  await using world = await openRunning({ redact });
  const { call, json, provider } = world;
  const secret = bytes("hunter2hunter2");
  provider.run = writing(["stdout", secret.slice(0, 5)], ["stdout", secret.slice(5)]);
  const body = { command: ["x"] };
  assertEquals((await json("POST", EXEC, { body })).stdout, "[redacted]");
  const lines = await linesOf(await call("POST", EXEC, { body, headers: NDJSON }));
  assertEquals(lines[0], { type: "stdout", data: "[redacted]" });

  // The cut falls into the middle of the secret.
  const long = bytes("hunter2hunter2".padStart(105, "-").padEnd(80_000, "+"));
  provider.run = writing(["stdout", long.slice(0, 40_000)], ["stdout", long.slice(40_000)]);
  const cut = await json("POST", EXEC, { body: { ...body, maxOutputBytes: 200 } });
  assertEquals(String(cut.stdout).includes("hunter2"), false);
  assertMatch(String(cut.stdout), /-\[redact/);

  provider.run = writing(["stdout", new Uint8Array([255, ...secret])]);
  const binary = await json("POST", EXEC, { body });
  const decoded = atob(String(binary.stdout));
  assertEquals(decoded, "\xff[redacted]");
});

const FAILURES = [
  ["not_running", 409],
  ["not_found", 409],
  ["unreachable", 503],
  ["invalid", 422],
  ["command_not_found", 422],
  ["cwd_not_found", 422],
  ["failed", 502],
] as const;

for (const [code, status] of FAILURES) {
  Deno.test(`POST …/exec answers ${status} where its provider says ${code}`, async () => {
    await using world = await openRunning();
    const { call, provider } = world;
    provider.run = () => Promise.reject(new ProviderError(code, "Cannot run it"));
    const response = await call("POST", EXEC, { body: { command: ["x"] } });
    assertEquals(response.headers.has("retry-after"), code === "unreachable");
    const problem = await problemOf(response);
    assertEquals([problem.status, problem.code, problem.detail], [status, code, "Cannot run it"]);
    const lines = await linesOf(
      await call("POST", EXEC, { body: { command: ["x"] }, headers: NDJSON }),
    );
    const last = lines.at(-1) as { type: string; problem: { status: number } };
    assertEquals([last.type, last.problem.status], ["error", status]);
  });
}

Deno.test("POST …/exec runs a command once for a key, and streams only without one", async () => {
  await using world = await openRunning();
  const { call, json, provider } = world;
  const options = { body: { command: ["x"] }, headers: { "idempotency-key": "k" } };
  const first = await json("POST", EXEC, options);
  assertEquals(await json("POST", EXEC, options), first);
  assertEquals(provider.calls.filter((line) => line.startsWith("exec")).length, 1);
  const headers = { ...NDJSON, "idempotency-key": "k2" };
  const problem = await problemOf(await call("POST", EXEC, { ...options, headers }));
  assertEquals(problem.status, 400);
});

Deno.test("POST …/exec says that a VM cannot be used before it streams anything", async () => {
  await using world = await openRunning();
  const { call, json, clock } = world;
  await json("DELETE", "/v1/vms/vm_1");
  await clock.settle();
  for (const headers of [{}, NDJSON]) {
    const response = await call("POST", EXEC, { body: { command: ["x"] }, headers });
    const problem = await problemOf(response);
    assertEquals([problem.status, problem.state], [409, "recycled"]);
  }
  const absent = await call("POST", "/v1/vms/vm_2/exec", { body: { command: ["x"] } });
  assertEquals(absent.status, 404);
});

const BAD: readonly [object, string][] = [
  [{}, "/command"],
  [{ command: [] }, "/command"],
  [{ command: "ls" }, "/command"],
  [{ command: [""] }, "/command"],
  [{ command: ["a\0b"] }, "/command/0"],
  [{ command: ["x"], cwd: "" }, "/cwd"],
  [{ command: ["x"], env: { "1": "x" } }, "/env/1"],
  [{ command: ["x"], stdin: 1 }, "/stdin"],
  [{ command: ["x"], timeoutMs: 0 }, "/timeoutMs"],
  [{ command: ["x"], timeoutMs: 1e12 }, "/timeoutMs"],
  [{ command: ["x"], maxOutputBytes: -1 }, "/maxOutputBytes"],
  [{ command: ["x"], shell: true }, "/shell"],
];

Deno.test("POST …/exec refuses what is no command", async () => {
  await using world = await openRunning();
  const { call, provider } = world;
  for (const [body, pointer] of BAD) {
    const problem = await problemOf(await call("POST", EXEC, { body }));
    const pointers = (problem.errors as { pointer: string }[]).map((fault) => fault.pointer);
    assertEquals([problem.status, pointers], [422, [pointer]], JSON.stringify(body));
  }
  assertEquals(provider.calls.includes("exec vm_1"), false);
});
