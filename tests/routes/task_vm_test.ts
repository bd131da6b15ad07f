import { assertEquals, assertMatch } from "@std/assert";
import { openVmWorld } from "./vm_world.ts";

const COMMAND = ["make"];

Deno.test("POST /v1/tasks makes a VM of the task's own in the same commit", async () => {
  await using world = await openVmWorld();
  const { json, clock, system } = world;
  const body = { id: "task_1", command: COMMAND, vm: { id: "vm_own", env: { TOKEN: "secret" } } };
  const made = await json("POST", "/v1/tasks", { body, status: 201 });
  assertEquals([made["state"], made["vm"]], ["pending", { id: "vm_own", owned: true }]);
  const task = await system.get("task:task_1");
  const vm = await system.get("vm:vm_own");
  assertEquals(vm.createdSeq - task.createdSeq <= 2, true);
  assertEquals(JSON.stringify(made).includes("secret"), false);
  await clock.settle();
  assertEquals((await json("GET", "/v1/tasks/task_1"))["state"], "running.working");
  assertEquals((await json("GET", "/v1/vms/vm_own"))["owner"], "task:task_1");
  const { items } = await json("GET", "/v1/tasks?vm=vm_own") as { items: { id: string }[] };
  assertEquals(items.map(({ id }) => id), ["task_1"]);
});

const REFUSED: readonly { name: string; body: object; pointer: string }[] = [
  { name: "a VM that is not there", body: { vm: "vm_none" }, pointer: "/vm" },
  { name: "an id that is no VM's", body: { vm: "task_1" }, pointer: "/vm" },
  { name: "a VM that is there already", body: { vm: { id: "vm_1" } }, pointer: "/vm/id" },
  { name: "an unknown provider", body: { vm: { provider: "none" } }, pointer: "/vm/provider" },
  {
    name: "a repository beside the VM's",
    body: { vm: "vm_1", workspace: { repo: "https://example.org/x.git" } },
    pointer: "/workspace/repo",
  },
];

for (const { name, body, pointer } of REFUSED) {
  Deno.test(`POST /v1/tasks refuses ${name}`, async () => {
    await using world = await openVmWorld();
    await world.running();
    const answer = await world.json("POST", "/v1/tasks", {
      body: { command: COMMAND, ...body },
      status: 422,
    });
    const { errors } = answer as { errors: { pointer: string }[] };
    assertMatch(errors[0]?.pointer ?? "", new RegExp(`^${pointer}`));
    assertEquals((await world.system.list("task")).items, []);
  });
}

Deno.test("POST /v1/tasks refuses a start after its VM would be gone", async () => {
  await using world = await openVmWorld();
  const startAt = world.clock.now() + 2 * 60 * 60_000;
  const task = { command: COMMAND, startAt };
  const post = (idle: object, status: number) =>
    world.json("POST", "/v1/tasks", { body: { ...task, vm: { idle } }, status });
  await post({ recycleMs: 60 * 60_000 }, 400);
  await post({ recycleMs: 3 * 60 * 60_000 }, 201);
  await post({ recycleMs: null }, 201);
});

Deno.test("POST /v1/tasks refuses a VM that is over", async () => {
  await using world = await openVmWorld();
  const { json, clock, running } = world;
  await running();
  await json("POST", "/v1/vms/vm_1/recycle", { body: {} });
  await clock.settle();
  await json("POST", "/v1/tasks", { body: { command: COMMAND, vm: "vm_1" }, status: 422 });
});

Deno.test("DELETE /v1/tasks/{id} ends a task and the VM that it owns", async () => {
  await using world = await openVmWorld();
  const { json, clock } = world;
  await json("POST", "/v1/tasks", {
    body: { id: "task_1", command: COMMAND, vm: {} },
    status: 201,
  });
  await clock.settle();
  const { vm } = await json("GET", "/v1/tasks/task_1") as { vm: { id: string } };
  assertEquals((await json("DELETE", "/v1/tasks/task_1"))["state"], "cancelled");
  await clock.settle();
  const gone = await json("GET", `/v1/vms/${vm.id}`);
  assertEquals([gone["state"], gone["method"]], ["recycled", "task_delete"]);
  // It has ended, and so has its VM: nothing is left to be done.
  await json("DELETE", "/v1/tasks/task_1");
});

Deno.test("POST /v1/tasks/{id}/retry makes another VM where the task's own is gone", async () => {
  await using world = await openVmWorld();
  const { json, clock } = world;
  const body = { id: "task_1", command: COMMAND, vm: { env: { TOKEN: "secret" } } };
  await json("POST", "/v1/tasks", { body, status: 201 });
  await clock.settle();
  await json("POST", "/v1/tasks/task_1/cancel", { body: {} });
  await clock.settle();
  const { id } = await json("POST", "/v1/tasks/task_1/retry", { body: {}, status: 201 });
  await clock.settle();
  assertEquals((await json("GET", `/v1/tasks/${id}`))["state"], "running.working");
  assertEquals(world.provider.spec?.env, { TOKEN: "secret" });
});
