/** What befalls a VM in the middle of something else: wakes that are joined, recycling at any time. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { VmUnavailableError } from "../../actors/vm_access.ts";
import type { VmConditionReport } from "../../actors/adapters/vm/provider.ts";
import { DAY, HOUR, MINUTE, VmStage } from "./vm_stage.ts";

const { signal } = new AbortController();

function accessOf({ access }: VmStage) {
  if (access === undefined) throw new Error("Cannot use VMs: the server is not up");
  return access;
}

/** An operation that waits until the test lets it go on. */
function gate(vms: VmStage, ...operations: string[]): () => void {
  const opened = Promise.withResolvers<void>();
  vms.provider.before = (call) => operations.includes(call.operation) ? opened.promise : undefined;
  return () => opened.resolve();
}

Deno.test("access.use() by twenty at once wakes a VM once, and all work in it", async () => {
  const vms = await VmStage.start();
  await vms.make();
  await vms.pass(HOUR);
  assertEquals(await vms.state(), "sleeping");
  let worked = 0;
  const all = Promise.all(Array.from({ length: 20 }, () =>
    accessOf(vms).use("vm_1", signal, () => {
      assertEquals(vms.provider.vms.get("vm_1")?.state, "running");
      return Promise.resolve(worked++);
    })));
  await vms.stage.during(all);
  assertEquals([worked, vms.calls("resume")], [20, 1]);
});

Deno.test("access.use() keeps a VM up for as long as the work in it lasts", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { sleepMs: 2_000, recycleMs: DAY } });
  const ended = Promise.withResolvers<void>();
  const work = accessOf(vms).use("vm_1", signal, () => ended.promise);
  await vms.pass(3 * HOUR);
  assertEquals([await vms.state(), vms.calls("suspend")], ["running", 0]);
  ended.resolve();
  await vms.stage.during(work);
  await vms.pass(MINUTE);
  assertEquals(await vms.state(), "sleeping");
});

Deno.test("access.use() puts recycling off before it wakes a VM, and once it is awake", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { recycleMs: HOUR } });
  await vms.pass(HOUR - 10_000);
  const open = gate(vms, "resume");
  const began = Promise.withResolvers<number>();
  void accessOf(vms).use("vm_1", signal, () => {
    began.resolve(vms.now);
    return new Promise(() => {});
  });
  await vms.pass(80_000);
  assertEquals(await vms.state(), "waking");
  open();
  const workedAt = await vms.stage.during(began.promise);
  await vms.restart();
  await vms.until("recycled", 2 * HOUR);
  assert(((await vms.context()).endedAt ?? 0) - workedAt >= HOUR);
});

Deno.test("access.touch() within a debounce of another costs no event, and is as durable", async () => {
  const vms = await VmStage.start();
  await vms.make();
  await vms.pass(MINUTE);
  const { revision } = await vms.record();
  const touches = [1, 2, 3].map(() => accessOf(vms).touch("vm_1", "activity"));
  await vms.stage.during(Promise.race(touches.slice(1)));
  assertEquals((await vms.record()).revision, revision + 1);
  // Somebody sets the clock back: what was noted in its future stands for nothing.
  vms.stage.clock.jump(-HOUR);
  await vms.stage.during(accessOf(vms).touch("vm_1", "activity"));
  assertEquals((await vms.record()).revision, revision + 2);
});

Deno.test("access.open() of a VM that is over says so at once", async () => {
  const vms = await VmStage.start();
  await vms.make();
  await vms.send({ type: "vm.recycle" });
  await vms.pass(1);
  const opened = accessOf(vms).use("vm_1", signal, () => Promise.resolve());
  const error = await assertRejects(() => vms.stage.during(opened), VmUnavailableError);
  assertEquals(error.message, 'Cannot use vm "vm_1": state is "recycled" (manual)');
});

Deno.test("vm that is woken while it is put to sleep is woken as soon as it is asleep", async () => {
  const vms = await VmStage.start();
  await vms.make();
  const open = gate(vms, "suspend");
  await vms.send({ type: "vm.sleep" });
  await vms.send({ type: "vm.wake" });
  await vms.send({ type: "vm.wake" });
  assertEquals(await vms.state(), "suspending");
  open();
  await vms.pass(1);
  assertEquals([await vms.state(), vms.calls("suspend"), vms.calls("resume")], ["running", 1, 1]);
  await vms.send({ type: "vm.sleep" });
  await vms.pass(1);
  assertEquals(await vms.state(), "sleeping");
});

for (const operation of ["create", "suspend", "resume", "delete"] as const) {
  Deno.test(`vm.recycle during ${operation} ends in one deletion and nothing left`, async () => {
    const vms = await VmStage.start();
    const open = gate(vms, operation, "delete");
    await vms.make();
    if (operation === "suspend" || operation === "resume") await vms.send({ type: "vm.sleep" });
    if (operation === "resume") {
      await vms.pass(1);
      await vms.send({ type: "vm.wake" });
    }
    await vms.send({ type: "vm.recycle", method: "force" });
    const first = await vms.record();
    await vms.send({ type: "vm.recycle", method: "manual" });
    const second = await vms.record();
    assertEquals([first.state, second.context], ["recycling", first.context]);
    open();
    await vms.pass(MINUTE);
    const { method, cleanup } = await vms.context();
    assertEquals([await vms.state(), method, cleanup], ["recycled", "force", "done"]);
    assertEquals([vms.calls("delete"), vms.provider.vms.size], [1, 0]);
  });
}

Deno.test("vm that has stopped at its provider fails when it is put to sleep or woken", async () => {
  for (const order of ["vm.sleep", "vm.wake"]) {
    const vms = await VmStage.start();
    await vms.make();
    if (order === "vm.wake") await vms.send({ type: "vm.sleep" });
    await vms.pass(1);
    const seen = vms.provider.vms.get("vm_1");
    if (seen !== undefined) vms.provider.vms.set("vm_1", { ...seen, state: "stopped" });
    vms.provider.before = ({ operation }) => {
      if (["suspend", "resume"].includes(operation)) throw new Error("It has stopped");
    };
    await vms.send({ type: order });
    await vms.pass(1);
    assertEquals([await vms.state(), (await vms.context()).error?.code], ["failed", "not_found"]);
  }
});

Deno.test("vm.retry makes a VM anew, of the next generation", async () => {
  const vms = await VmStage.start();
  await vms.make();
  await vms.send({ type: "vm.vanished", reason: "There is none" });
  const { error } = await vms.context();
  assertEquals([await vms.state(), error?.code], ["failed", "vanished"]);
  await vms.send({ type: "vm.retry" });
  await vms.pass(1);
  const context = await vms.context();
  assertEquals([await vms.state(), context.generation, context.error], ["running", 2, null]);
  assertEquals([context.handle?.generation, vms.provider.vms.get("vm_1")?.generation], [2, 2]);
});

Deno.test("vm goes offline and comes back without leaving its state", async () => {
  const vms = await VmStage.start();
  await vms.make();
  await vms.send({ type: "vm.heartbeatLost", since: 5 });
  const link = async () =>
    vms.stage.system.view(await vms.record())["link"] + ` ${(await vms.context()).silentSince}`;
  assertEquals([await vms.state(), await link()], ["running", "offline 5"]);
  await vms.restart();
  assertEquals(await link(), "offline 5");
  await vms.send({ type: "vm.heartbeatFound" });
  assertEquals([await vms.state(), await link()], ["running", "online null"]);
});

Deno.test("vm.condition that says nothing new for a quarter of an hour is dropped", async () => {
  const vms = await VmStage.start();
  const told = Promise.withResolvers<(condition: VmConditionReport) => void>();
  const { provider } = vms;
  const create = provider.create.bind(provider);
  provider.create = (spec, call) => {
    told.resolve(call.report);
    return create(spec, call);
  };
  const open = gate(vms, "create");
  await vms.make();
  const report = await told.promise;
  const say = async (type: VmConditionReport["type"], status: "inProgress" | "true", n: number) => {
    report({ type, status, reason: "R", message: String(n), progress: n });
    await vms.pass(0);
    const { conditions } = await vms.context();
    return conditions.map((condition) => `${condition.type} ${condition.message}`);
  };
  await say("imagePulled", "inProgress", 1);
  await vms.pass(14 * MINUTE);
  assertEquals((await say("imagePulled", "inProgress", 2)).slice(-1), ["imagePulled 1"]);
  const order = ["imagePulled 1", "projectCloned 3"];
  assertEquals((await say("projectCloned", "inProgress", 3)).slice(-2), order);
  const { revision } = await vms.record();
  for (let progress = 4; progress < 90; progress++) {
    await say("imagePulled", "inProgress", progress);
  }
  assertEquals((await vms.record()).revision, revision);
  const now = ["projectCloned 3", "imagePulled 4"];
  assertEquals((await say("imagePulled", "true", 4)).slice(-2), now);
  open();
});
