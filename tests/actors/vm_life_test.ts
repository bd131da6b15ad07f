import { assertEquals, assertRejects } from "@std/assert";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { createVmKind } from "../../actors/vm.ts";
import { vmContext } from "../../actors/vm_view.ts";
import { FakeVmProvider } from "../testing/fake_vm_provider.ts";
import { startWorld } from "../testing/system.ts";

const MINUTE = 60_000;

async function startVms() {
  const provider = new FakeVmProvider();
  const kind = () => createVmKind({ providers: new VmProviders([provider]) });
  const world = await startWorld([kind()]);
  const make = async (input: object = {}) => {
    const createdAt = world.clock.now();
    await world.system.spawn("vm", "vm_1", { id: "vm_1", provider: "fake", createdAt, ...input });
    await world.clock.settle();
  };
  return { ...world, provider, make, kind };
}

Deno.test("a vm is made, sleeps when idle, wakes on use and is recycled when idle for long", async () => {
  const { system, clock, provider, make } = await startVms();
  await make();
  const state = async () => (await system.get("vm:vm_1")).state;
  assertEquals(await state(), "running");
  await clock.advance(10 * MINUTE - 1);
  assertEquals(await state(), "running");
  await clock.advance(1);
  assertEquals(await state(), "sleeping");
  await system.send("vm:vm_1", { type: "vm.wake" });
  await clock.settle();
  assertEquals(await state(), "running");
  await clock.advance(7 * 24 * 60 * MINUTE);
  const ended = await system.get("vm:vm_1");
  assertEquals([ended.state, ended.status], ["recycled", "done"]);
  assertEquals([vmContext(ended).method, vmContext(ended).cleanup], ["idle", "done"]);
  assertEquals(provider.vms.size, 0);
  assertEquals(provider.calls.filter((call) => call.startsWith("delete")).length, 1);
});

Deno.test("vm.used puts sleep off, is debounced, and never lets it come early", async () => {
  const { system, clock, make } = await startVms();
  await make();
  const use = () => system.send("vm:vm_1", { type: "vm.used", use: "activity" });
  await clock.advance(5 * MINUTE);
  await use();
  const { revision } = await system.get("vm:vm_1");
  await clock.advance(29_000);
  await use();
  assertEquals((await system.get("vm:vm_1")).state, "running");
  const timers = (await system.inspect("vm:vm_1")).timers.length;
  assertEquals(timers, 3);
  // The second use was 29 s after the first: sleep is due 10 min after that at the earliest.
  await clock.advance(10 * MINUTE);
  assertEquals((await system.get("vm:vm_1")).state, "running");
  await clock.advance(1_000);
  assertEquals((await system.get("vm:vm_1")).state, "sleeping");
  assertEquals(revision > 0, true);
});

Deno.test("a vm that cannot be made is tried again, then fails, and can be retried", async () => {
  const { system, clock, provider, make } = await startVms();
  provider.before = ({ operation }) => {
    if (operation === "create") throw new ProviderError("unreachable", "No answer");
  };
  await make();
  await clock.advance(MINUTE);
  const failed = await system.get("vm:vm_1");
  assertEquals([failed.state, vmContext(failed).error?.code], ["failed", "unreachable"]);
  assertEquals(provider.calls.length, 3);
  provider.before = () => {};
  await system.send("vm:vm_1", { type: "vm.retry" });
  await clock.settle();
  const again = await system.get("vm:vm_1");
  assertEquals([again.state, vmContext(again).generation], ["running", 2]);
});

Deno.test("a vm whose provider cannot delete it is recycled with its clean-up owed", async () => {
  const { system, clock, provider, make } = await startVms();
  await make();
  provider.before = ({ operation }) => {
    if (operation === "delete") throw new ProviderError("unreachable", "No answer");
  };
  await system.send("vm:vm_1", { type: "vm.recycle" });
  await clock.advance(5 * MINUTE);
  const owed = await system.get("vm:vm_1");
  assertEquals([owed.state, owed.status], ["recycled", "active"]);
  assertEquals([vmContext(owed).cleanup, vmContext(owed).method], ["owed", "manual"]);
  provider.before = () => {};
  await clock.advance(60 * MINUTE);
  const ended = await system.get("vm:vm_1");
  assertEquals([ended.status, vmContext(ended).cleanup], ["done", "done"]);
  assertEquals(provider.vms.size, 0);
});

Deno.test("vm.sleep is refused while a task works in it", async () => {
  const { system, clock, make } = await startVms();
  await make();
  await system.send("vm:vm_1", { type: "vm.attach", task: "vm:vm_1" });
  await assertRejects(() => system.send("vm:vm_1", { type: "vm.sleep" }), NotAcceptedError);
  await clock.advance(60 * MINUTE);
  assertEquals((await system.get("vm:vm_1")).state, "running");
  await system.send("vm:vm_1", { type: "vm.release", task: "vm:vm_1" });
  await clock.advance(10 * MINUTE);
  assertEquals((await system.get("vm:vm_1")).state, "sleeping");
});
