import { assertEquals } from "@std/assert";
import { problemOf } from "./support.ts";
import { openVmWorld } from "./vm_world.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

Deno.test("PUT /v1/workspaces/{name} makes a workspace, and then says it anew", async () => {
  await using world = await openVmWorld();
  const { call, json } = world;
  const vm = { provider: "podman", image: "alpine", env: { TOKEN: "s3cret" } };
  const made = await call("PUT", "/v1/workspaces/web", { body: { vm } });
  assertEquals([made.status, made.headers.get("location")], [201, "/v1/workspaces/web"]);
  const first = await made.json();
  assertEquals(first.vm, { provider: "podman", image: "alpine", envNames: ["TOKEN"] });
  assertEquals(made.headers.get("etag"), `"${first.revision}"`);
  const again = await json("PUT", "/v1/workspaces/web", { body: { vm: { network: "full" } } });
  assertEquals(again.vm, { network: "full", envNames: [] });
  assertEquals(await json("GET", "/v1/workspaces/web"), again);
  const { items } = await json("GET", "/v1/workspaces");
  assertEquals(items, [again]);
});

Deno.test("PATCH /v1/workspaces/{name} changes only what it names", async () => {
  await using world = await openVmWorld();
  const { call, json, clock, provider } = world;
  const vm = { repo: "https://example.com/a.git", ref: "main", env: { TOKEN: "s3cret" } };
  await json("PUT", "/v1/workspaces/web", { body: { vm }, status: 201 });
  const body = { vm: { ref: null, network: "full", idle: { sleepMs: null } } };
  const changed = await json("PATCH", "/v1/workspaces/web", { body });
  assertEquals(changed.vm, {
    repo: "https://example.com/a.git",
    network: "full",
    idle: { sleepMs: null },
    envNames: ["TOKEN"],
  });
  // The value that nobody was shown is still there.
  for (const path of ["/v1/actors/workspace:web", "/v1/actors/workspace:web/history"]) {
    const shown = await (await call("GET", path)).text();
    assertEquals([shown.includes("TOKEN"), shown.includes("s3cret")], [true, false], path);
  }
  await json("POST", "/v1/vms", { body: { workspace: "web" }, status: 201 });
  await clock.settle();
  assertEquals(provider.spec?.env, { TOKEN: "s3cret" });
  assertEquals((await call("PATCH", "/v1/workspaces/none", { body })).status, 404);
});

Deno.test("workspaces heed If-Match", async () => {
  await using world = await openVmWorld();
  const { call } = world;
  const match = (revision: string) => ({ body: { vm: {} }, headers: { "if-match": revision } });
  assertEquals((await call("PUT", "/v1/workspaces/web", match('"1"'))).status, 412);
  const made = await call("PUT", "/v1/workspaces/web", match("*"));
  assertEquals(made.status, 201);
  const etag = made.headers.get("etag") ?? "";
  assertEquals((await call("PATCH", "/v1/workspaces/web", match(etag))).status, 200);
  assertEquals((await call("PATCH", "/v1/workspaces/web", match(etag))).status, 412);
  assertEquals((await call("PUT", "/v1/workspaces/web", match(etag))).status, 412);
});

const BAD: readonly [object, number, string][] = [
  [{ vm: { provider: "cloud" } }, 422, "/vm/provider"],
  [{ vm: { ref: "main" } }, 400, "/vm/ref"],
  [{ vm: { idle: { sleepMs: 2 * DAY, recycleMs: DAY } } }, 400, "/vm/idle/sleepMs"],
  [{ vm: { idle: { recycleMs: MINUTE } } }, 400, "/vm/idle/recycleMs"],
  [{ vm: { expireAt: 1 } }, 422, "/vm/expireAt"],
  [{ vm: { env: { HOLDFAST_VM: "x" } } }, 422, "/vm/env/HOLDFAST_VM"],
  [{ owner: "me" }, 422, "/owner"],
];

Deno.test("a workspace refuses what no VM can be made of, and points at it", async () => {
  await using world = await openVmWorld();
  const { call, json } = world;
  await json("PUT", "/v1/workspaces/there", { body: {}, status: 201 });
  for (const [method, name] of [["PUT", "new"], ["PATCH", "there"]] as const) {
    for (const [body, status, pointer] of BAD) {
      const problem = await problemOf(await call(method, `/v1/workspaces/${name}`, { body }));
      const pointers = (problem.errors as { pointer: string }[]).map((fault) => fault.pointer);
      assertEquals(problem.status, status, JSON.stringify(body));
      assertEquals(pointers.includes(pointer), true, JSON.stringify([body, pointers]));
    }
  }
  assertEquals((await call("GET", "/v1/workspaces/new")).status, 404);
  assertEquals((await call("PUT", "/v1/workspaces/.hidden", { body: {} })).status, 422);
});

Deno.test("a VM takes what it does not say from its workspace, and then from the server", async () => {
  await using world = await openVmWorld({
    vmDefaults: {
      network: "full",
      resources: { cpus: 1, memoryMiB: 256, diskMiB: 100 },
      idle: { sleepMs: 3 * MINUTE, recycleMs: DAY, notifyBeforeMs: MINUTE },
      env: { A: "server", S: "server" },
    },
  });
  const { json } = world;
  const vm = {
    provider: "podman",
    image: "alpine",
    repo: "https://example.com/a.git",
    ref: "main",
    resources: { memoryMiB: 512, diskMiB: null },
    idle: { sleepMs: 5 * MINUTE, recycleMs: 0, notifyBeforeMs: null },
    env: { A: "workspace", W: "workspace" },
  };
  await json("PUT", "/v1/workspaces/web", { body: { vm }, status: 201 });
  const make = (body: object) =>
    json("POST", "/v1/vms", { body: { workspace: "web", ...body }, status: 201 });

  const plain = await make({});
  assertEquals([plain.provider, plain.image, plain.network], ["podman", "alpine", "full"]);
  assertEquals([plain.repo, plain.ref, plain.workspace], [vm.repo, "main", "web"]);
  assertEquals(plain.resources, { cpus: 1, memoryMiB: 512, diskMiB: null });
  assertEquals(plain.idle, { sleepMs: 5 * MINUTE, recycleMs: DAY, notifyBeforeMs: null });
  assertEquals((plain.envNames as string[]).toSorted(), ["A", "S", "W"]);

  // A ref is of the repository that it was said with.
  assertEquals((await make({ ref: "next" })).ref, "next");
  assertEquals((await make({ repo: "https://example.com/b.git" })).ref, null);
  // An image that was meant for another provider is not one for this.
  const own = await make({ provider: "process", idle: { sleepMs: null }, network: "none" });
  assertEquals([own.image, own.network], [null, "none"]);
  assertEquals(own.idle, { sleepMs: null, recycleMs: DAY, notifyBeforeMs: null });
});

Deno.test("a VM's own timers are checked together with those that it takes", async () => {
  await using world = await openVmWorld();
  const { call, json } = world;
  const vm = { idle: { sleepMs: 30 * MINUTE } };
  await json("PUT", "/v1/workspaces/web", { body: { vm }, status: 201 });
  const body = { workspace: "web", idle: { recycleMs: 20 * MINUTE } };
  const problem = await problemOf(await call("POST", "/v1/vms", { body }));
  assertEquals([problem.status, problem.type], [400, "urn:holdfast:problem:contradictory"]);
});

Deno.test("a VM keeps what it was made with when its workspace changes", async () => {
  await using world = await openVmWorld();
  const { json } = world;
  await json("PUT", "/v1/workspaces/web", { body: { vm: { network: "full" } }, status: 201 });
  const body = { id: "vm_1", workspace: "web" };
  await json("POST", "/v1/vms", { body, status: 201 });
  await json("PUT", "/v1/workspaces/web", { body: {} });
  assertEquals((await json("GET", "/v1/vms/vm_1")).network, "full");
});
