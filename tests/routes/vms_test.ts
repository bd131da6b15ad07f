import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import { problemOf, readUntil } from "./support.ts";
import { openVmWorld } from "./vm_world.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

Deno.test("POST /v1/vms makes a VM that comes up", async () => {
  await using world = await openVmWorld();
  const { call, json, clock } = world;
  const made = await call("POST", "/v1/vms", {
    body: { title: "Mine", labels: { team: "web" }, env: { TOKEN: "s3cret" }, network: "full" },
  });
  assertEquals(made.status, 201);
  const vm = await made.json();
  assertMatch(vm.id, /^vm_/);
  assertEquals(made.headers.get("location"), `/v1/vms/${vm.id}`);
  assertEquals(made.headers.get("etag"), `"${vm.revision}"`);
  assertEquals([vm.provider, vm.title, vm.network], ["process", "Mine", "full"]);
  assertEquals([vm.env, vm.envNames], [undefined, ["TOKEN"]]);
  assertEquals(vm.idle, { sleepMs: 10 * MINUTE, recycleMs: 7 * DAY, notifyBeforeMs: 60 * MINUTE });
  await clock.settle();
  const up = await json("GET", `/v1/vms/${vm.id}`);
  assertEquals([up.state, up.status, up.workDir, up.link], ["running", "active", "/", "online"]);
  assertMatch(String(up.sleepAt), /^1970-01-01T00:26:40\.\d{3}Z$/);
  const [condition] = up.conditions as { type: string; at: string }[];
  assertEquals([condition?.type, condition?.at], ["ready", "1970-01-01T00:16:40.000Z"]);
});

Deno.test("POST /v1/vms answers one key with one VM", async () => {
  await using world = await openVmWorld();
  const { json, provider, clock } = world;
  const options = { body: {}, headers: { "idempotency-key": "k" }, status: 201 };
  const first = await json("POST", "/v1/vms", options);
  const second = await json("POST", "/v1/vms", options);
  assertEquals(first.id, second.id);
  await clock.settle();
  assertEquals(provider.vms.size, 1);
});

const BAD: readonly [object, number, string][] = [
  [{ provider: "cloud" }, 422, "/provider"],
  [{ provider: "process", image: "debian:12" }, 400, "/image"],
  [{ provider: "docker" }, 400, "/image"],
  [{ provider: "docker", image: "-v" }, 422, "/image"],
  [{ ref: "main" }, 400, "/ref"],
  [{ repo: "" }, 422, "/repo"],
  [{ idle: { sleepMs: 5_000, recycleMs: 5_000 } }, 400, "/idle/sleepMs"],
  [{ idle: { recycleMs: 5 * MINUTE } }, 400, "/idle/recycleMs"],
  [{ idle: { sleepMs: 8 * DAY } }, 400, "/idle/sleepMs"],
  [{ idle: { sleepMs: 1 } }, 422, "/idle/sleepMs"],
  [{ idle: { sleepMs: "never" } }, 422, "/idle/sleepMs"],
  [{ idle: { wakeMs: 1 } }, 422, "/idle/wakeMs"],
  [{ expireAt: 0 }, 422, "/expireAt"],
  [{ expireAt: "9999-01-01T00:00:00Z" }, 422, "/expireAt"],
  [{ expireAt: "tomorrow" }, 422, "/expireAt"],
  [{ network: "wifi" }, 422, "/network"],
  [{ resources: { cpus: 0 } }, 422, "/resources/cpus"],
  [{ resources: { memoryMiB: 1 } }, 422, "/resources/memoryMiB"],
  [{ resources: { diskMiB: 1.5 } }, 422, "/resources/diskMiB"],
  [{ resources: { gpus: 1 } }, 422, "/resources/gpus"],
  [{ env: { "A B": "" } }, 422, "/env/A B"],
  [{ env: { HOLDFAST_VM: "x" } }, 422, "/env/HOLDFAST_VM"],
  [{ labels: { "": "x" } }, 422, "/labels/"],
  [{ workspace: "none" }, 422, "/workspace"],
  [{ workspace: "../x" }, 422, "/workspace"],
  [{ id: "task_1" }, 422, "/id"],
  [{ owner: "task:task_1" }, 422, "/owner"],
];

Deno.test("POST /v1/vms refuses what no VM can be made of, and points at it", async () => {
  await using world = await openVmWorld();
  const { call, provider } = world;
  for (const [body, status, pointer] of BAD) {
    const problem = await problemOf(await call("POST", "/v1/vms", { body }));
    const pointers = (problem.errors as { pointer: string }[]).map((fault) => fault.pointer);
    const got = { status: problem.status, pointers };
    assertEquals(got, { status, pointers: [pointer] }, JSON.stringify([body, problem]));
  }
  assertEquals(provider.calls, []);
});

Deno.test("POST /v1/vms lets each timer be turned off, and takes 0 for the default", async () => {
  await using world = await openVmWorld();
  const { json } = world;
  const idle = { sleepMs: null, recycleMs: 0, notifyBeforeMs: 5 * MINUTE };
  const vm = await json("POST", "/v1/vms", { body: { idle }, status: 201 });
  assertEquals(vm.idle, { sleepMs: null, recycleMs: 7 * DAY, notifyBeforeMs: 5 * MINUTE });
  const never = { sleepMs: 30 * DAY, recycleMs: null };
  const kept = await json("POST", "/v1/vms", { body: { idle: never }, status: 201 });
  assertEquals((kept.idle as { recycleMs: null }).recycleMs, null);
});

Deno.test("POST /v1/vms says why a provider cannot run here, and asks it only now and then", async () => {
  await using world = await openVmWorld();
  const { call, json, clock, absent } = world;
  const problem = await problemOf(await call("POST", "/v1/vms", { body: { provider: "absent" } }));
  assertEquals([problem.status, problem.reason], [409, "Install it"]);
  assertEquals(problem.detail, 'Cannot make a VM with provider "absent": Install it');
  const { items } = await json("GET", "/v1/vm-providers") as {
    items: { name: string; ok: boolean; images: unknown }[];
  };
  assertEquals(items.map(({ name, ok, images }) => [name, ok, images]), [
    ["process", true, null],
    ["absent", false, null],
    ["docker", true, { default: null }],
    ["podman", true, { default: "debian:12" }],
  ]);
  assertEquals(absent.asked, 1);
  await clock.advance(10_000);
  await call("GET", "/v1/vm-providers");
  assertEquals(absent.asked, 2);
});

Deno.test("GET /v1/vm-providers answers for a provider that does not", async () => {
  await using world = await openVmWorld();
  const { call, during, provider } = world;
  provider.available = () => new Promise(() => {});
  const response = await during(call("GET", "/v1/vm-providers"), 10_000);
  const { items } = await response.json();
  assertEquals([items[0].ok, items[1].name], [false, "absent"]);
  assertStringIncludes(items[0].reason, "has not answered");
});

Deno.test("POST /v1/vms takes an image's default, and the server's provider", async () => {
  await using world = await openVmWorld({ vmDefaults: { provider: "podman", network: "full" } });
  const { json } = world;
  const vm = await json("POST", "/v1/vms", { body: {}, status: 201 });
  assertEquals([vm.provider, vm.image, vm.network], ["podman", "debian:12", "full"]);
  const own = await json("POST", "/v1/vms", {
    body: { provider: "process", network: "none" },
    status: 201,
  });
  assertEquals([own.provider, own.image, own.network], ["process", null, "none"]);
});

Deno.test("GET /v1/vms finds by state, label, provider and workspace, page by page", async () => {
  await using world = await openVmWorld();
  const { json, clock } = world;
  await json("PUT", "/v1/workspaces/web", { body: {}, status: 201 });
  const bodies = [
    { id: "vm_a", labels: { team: "web" }, workspace: "web" },
    { id: "vm_b", labels: { team: "ops" } },
    { id: "vm_c", provider: "podman" },
  ];
  for (const body of bodies) await json("POST", "/v1/vms", { body, status: 201 });
  await clock.settle();
  await json("POST", "/v1/vms/vm_b/recycle", { body: {} });
  await clock.settle();
  const ids = async (query: string) => {
    const { items } = await json("GET", `/v1/vms?sort=oldest&${query}`);
    return (items as { id: string }[]).map(({ id }) => id);
  };
  assertEquals(await ids(""), ["vm_a", "vm_b", "vm_c"]);
  assertEquals(await ids("state=running"), ["vm_a", "vm_c"]);
  assertEquals(await ids("state=recycled"), ["vm_b"]);
  assertEquals(await ids("label=team"), ["vm_a", "vm_b"]);
  assertEquals(await ids("label=team%3Dweb"), ["vm_a"]);
  assertEquals(await ids("provider=podman"), ["vm_c"]);
  assertEquals(await ids("workspace=web"), ["vm_a"]);
  assertEquals(await ids("owner=task:task_1"), []);
  const page = await json("GET", "/v1/vms?sort=oldest&limit=2");
  assertEquals((page.items as unknown[]).length, 2);
  assertEquals(await ids(`limit=2&cursor=${page.nextCursor}`), ["vm_c"]);
});

Deno.test("GET /v1/vms/{id} waits until the VM has come to rest", async () => {
  await using world = await openVmWorld();
  const { call, json, clock, provider } = world;
  const gate = Promise.withResolvers<void>();
  provider.before = () => gate.promise;
  await json("POST", "/v1/vms", { body: { id: "vm_1" }, status: 201 });
  const waiting = json("GET", "/v1/vms/vm_1?waitMs=60000");
  await clock.settle();
  assertEquals((await json("GET", "/v1/vms/vm_1")).state, "provisioning");
  gate.resolve();
  assertEquals((await waiting).state, "running");
  assertEquals((await call("GET", "/v1/vms/vm_2")).status, 404);
  assertEquals((await call("GET", "/v1/vms/..%2Fx")).status, 404);
});

Deno.test("POST …/wake answers when the VM is up, for all who ask", async () => {
  await using world = await openVmWorld();
  const { json, clock, running, provider } = world;
  await running();
  await clock.advance(10 * MINUTE);
  assertEquals((await json("GET", "/v1/vms/vm_1")).state, "sleeping");
  const gate = Promise.withResolvers<void>();
  provider.before = ({ operation }) => operation === "resume" ? gate.promise : undefined;
  const first = json("POST", "/v1/vms/vm_1/wake");
  const second = json("POST", "/v1/vms/vm_1/wake");
  const asked = await json("POST", "/v1/vms/vm_1/wake?wait=false", { status: 202 });
  assertEquals(asked.state, "waking");
  gate.resolve();
  assertEquals([(await first).state, (await second).state], ["running", "running"]);
  assertEquals(provider.calls.filter((line) => line.startsWith("resume")).length, 1);
});

Deno.test("POST …/wake says why a VM cannot be woken", async () => {
  await using world = await openVmWorld();
  const { call, clock, running, provider, during } = world;
  await running();
  await clock.advance(10 * MINUTE);
  provider.before = ({ operation }) => {
    if (operation === "resume") throw new ProviderError("not_found", "It is gone");
  };
  const lost = await problemOf(await during(call("POST", "/v1/vms/vm_1/wake"), MINUTE));
  assertEquals([lost.status, lost.state], [409, "failed"]);
  assertStringIncludes(String(lost.detail), "It is gone");
  const again = await problemOf(await call("POST", "/v1/vms/vm_1/wake"));
  assertEquals([again.status, again.state], [409, "failed"]);
  assertEquals((again.accepts as string[]).includes("vm.retry"), true);
});

Deno.test("POST …/sleep answers when the VM sleeps, and says when its provider could not", async () => {
  await using world = await openVmWorld();
  const { call, json, running, provider, during } = world;
  await running();
  provider.before = ({ operation }) => {
    if (operation === "suspend") throw new ProviderError("failed", "It does not stop");
  };
  const failed = await problemOf(await call("POST", "/v1/vms/vm_1/sleep"));
  assertEquals([failed.status, failed.detail], [502, "It does not stop"]);
  provider.before = () => {};
  assertEquals((await json("POST", "/v1/vms/vm_1/sleep")).state, "sleeping");
  assertEquals((await json("POST", "/v1/vms/vm_1/sleep")).state, "sleeping");
  const woken = await during(json("POST", "/v1/vms/vm_1/wake"));
  assertEquals(woken.state, "running");
  const asked = await json("POST", "/v1/vms/vm_1/sleep?wait=false", { status: 202 });
  assertEquals(asked.state, "suspending");
});

Deno.test("POST …/sleep names the tasks that work in the VM", async () => {
  await using world = await openVmWorld();
  const { call, running, system } = world;
  await running();
  // Whatever is there may hold a VM: a task would end at once without its kind.
  await system.send("vm:vm_1", { type: "vm.attach", task: "vm:vm_1" });
  const problem = await problemOf(await call("POST", "/v1/vms/vm_1/sleep"));
  assertEquals([problem.status, problem.state], [409, "running"]);
  assertEquals(problem.tasks, ["vm:vm_1"]);
  assertEquals(problem.detail, 'Cannot put vm "vm_1" to sleep: vm:vm_1 works in it');
});

Deno.test("POST …/sleep of a VM that is over says that, whoever worked in it", async () => {
  await using world = await openVmWorld();
  const { call, json, running, system } = world;
  await running();
  await system.send("vm:vm_1", { type: "vm.attach", task: "vm:vm_1" });
  await json("POST", "/v1/vms/vm_1/recycle");
  const problem = await problemOf(await call("POST", "/v1/vms/vm_1/sleep"));
  assertEquals([problem.status, problem.type], [409, "urn:holdfast:problem:not-accepted"]);
  assertMatch(String(problem.detail), /state is "recyc/);
});

Deno.test("POST …/recycle twice recycles once, and DELETE does the same", async () => {
  await using world = await openVmWorld();
  const { json, running, provider, clock } = world;
  await running();
  const first = await json("POST", "/v1/vms/vm_1/recycle", { body: { method: "force" } });
  assertEquals([first.state, first.method], ["recycling", "force"]);
  assertEquals((await json("POST", "/v1/vms/vm_1/recycle")).method, "force");
  await clock.settle();
  const ended = await json("POST", "/v1/vms/vm_1/recycle", { body: { method: "manual" } });
  assertEquals([ended.state, ended.status, ended.method], ["recycled", "done", "force"]);
  assertEquals((await json("DELETE", "/v1/vms/vm_1")).state, "recycled");
  assertEquals(provider.calls.filter((line) => line.startsWith("delete")).length, 1);
});

Deno.test("POST …/retry makes a failed VM anew, and is refused otherwise", async () => {
  await using world = await openVmWorld();
  const { call, json, clock, provider } = world;
  provider.before = ({ operation }) => {
    if (operation === "create") throw new ProviderError("invalid", "No such image");
  };
  await json("POST", "/v1/vms", { body: { id: "vm_1" }, status: 201 });
  await clock.settle();
  const failed = await json("GET", "/v1/vms/vm_1");
  assertEquals(failed.error, { code: "invalid", message: "No such image" });
  provider.before = () => {};
  await json("POST", "/v1/vms/vm_1/retry");
  await clock.settle();
  assertEquals((await json("GET", "/v1/vms/vm_1")).state, "running");
  assertEquals((await call("POST", "/v1/vms/vm_1/retry")).status, 409);
});

Deno.test("a VM's commands heed If-Match", async () => {
  await using world = await openVmWorld();
  const { call, running } = world;
  await running();
  const headers = { "if-match": '"0"' };
  for (const action of ["wake", "wake?wait=false", "sleep", "recycle", "retry"]) {
    const response = await call("POST", `/v1/vms/vm_1/${action}`, { headers });
    assertEquals([action, response.status], [action, 412]);
  }
  assertEquals((await call("DELETE", "/v1/vms/vm_1", { headers })).status, 412);
});

Deno.test("GET …/stats neither wakes a VM nor keeps it awake, GET …/ports wakes it", async () => {
  await using world = await openVmWorld();
  const { call, json, running, clock, system, during } = world;
  await running();
  const { revision } = await system.get("vm:vm_1");
  assertEquals((await json("GET", "/v1/vms/vm_1/stats")).memoryBytes, null);
  assertEquals((await system.get("vm:vm_1")).revision, revision);
  await clock.advance(10 * MINUTE);
  assertEquals((await call("GET", "/v1/vms/vm_1/stats")).status, 200);
  assertEquals((await system.get("vm:vm_1")).state, "sleeping");
  assertEquals((await during(json("GET", "/v1/vms/vm_1/ports"))).items, []);
  assertEquals((await system.get("vm:vm_1")).state, "running");
  await json("DELETE", "/v1/vms/vm_1");
  await clock.settle();
  const gone = await problemOf(await call("GET", "/v1/vms/vm_1/stats"));
  assertEquals([gone.status, gone.code], [409, "not_running"]);
  assertEquals((await problemOf(await call("GET", "/v1/vms/vm_1/ports"))).state, "recycled");
});

Deno.test("GET …/log tells how the VM was made", async () => {
  await using world = await openVmWorld();
  const { call, json, running, clock } = world;
  await running();
  await clock.advance(1_000);
  const text = await (await call("GET", "/v1/vms/vm_1/log")).text();
  assertEquals(text, "ready true 100% Made: \n");
  await json("DELETE", "/v1/vms/vm_1");
  await clock.settle();
  const headers = { accept: "application/x-ndjson" };
  const lines = await (await call("GET", "/v1/vms/vm_1/log?follow=true", { headers })).text();
  assertEquals(JSON.parse(lines).data, "ready true 100% Made: \n");
});

Deno.test("GET …/events follows a VM to its end, from where the reader left off", async () => {
  await using world = await openVmWorld();
  const { call, json, running, clock } = world;
  await running({ env: { TOKEN: "s3cret" } });
  const response = await call("GET", "/v1/vms/vm_1/events");
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const { body } = response;
  if (body === null) throw new Error("Cannot read events: no body");
  const reader = body.getReader();
  const begun = await readUntil(reader, (text) => text.includes('"state":"running"'));
  assertEquals(begun.includes("s3cret"), false);
  const last = [...begun.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? "";
  await json("DELETE", "/v1/vms/vm_1");
  await clock.settle();
  const rest = await readUntil(reader, () => false);
  assertStringIncludes(rest, '"state":"recycled"');
  const headers = { "last-event-id": last, accept: "application/x-ndjson" };
  const lines = (await (await call("GET", "/v1/vms/vm_1/events", { headers })).text()).split("\n");
  const states = lines.filter((line) => line !== "").map((line) => JSON.parse(line).state);
  assertEquals([states[0], states.at(-1)], ["recycling", "recycled"]);
  const bad = { headers: { "last-event-id": "x" } };
  assertEquals((await call("GET", "/v1/vms/vm_1/events", bad)).status, 422);
});

Deno.test("a server without VMs has no paths for them", async () => {
  await using world = await openVmWorld({ vms: null });
  const { call } = world;
  assertEquals((await call("GET", "/v1/vms")).status, 404);
});
