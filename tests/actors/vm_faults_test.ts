/** Providers that hang, answer late, lie and fail half-way: a clear state and reason, and no leak. */
import { assert, assertEquals } from "@std/assert";
import { type ProviderCall, ProviderError } from "../../actors/adapters/vm/provider.ts";
import { HOUR, MINUTE, VmStage } from "./vm_stage.ts";

const noAnswer = () => {
  throw new ProviderError("unreachable", "Cannot reach it: no answer");
};
const never = () => new Promise<void>(() => {});

Deno.test("vm whose making hangs is tried three times, fails with the reason, and is recycled", async () => {
  const vms = await VmStage.start();
  vms.provider.before = ({ operation }) => operation === "create" ? never() : undefined;
  await vms.make();
  await vms.pass(14 * MINUTE);
  assertEquals(await vms.state(), "provisioning");
  await vms.until("failed", HOUR);
  const { error, failures, retryAt } = await vms.context();
  assertEquals([vms.calls("create"), failures, retryAt], [3, 3, null]);
  assertEquals(error, { code: "failed", message: "No result within 900000 ms" });
  await vms.send({ type: "vm.recycle" });
  await vms.until("recycled", HOUR);
  assertEquals([vms.provider.vms.size, vms.calls("delete")], [0, 1]);
});

Deno.test("vm that its provider says it has made, and has not, is made again", async () => {
  const vms = await VmStage.start();
  let lies = 1;
  vms.provider.after = ({ operation, vmId }) => {
    if (operation === "create" && lies-- > 0) vms.provider.vms.delete(vmId);
  };
  await vms.make();
  await vms.pass(0);
  assertEquals(await vms.state(), "provisioning");
  const { error } = await vms.context();
  assertEquals(
    error?.message,
    'Cannot create vm "vm_1": provider "fake" says that it has, but there is none',
  );
  await vms.pass(MINUTE);
  assertEquals([await vms.state(), vms.calls("create")], ["running", 2]);
  assertEquals((await vms.context()).error, null);
});

Deno.test("vm that cannot ever be made is not tried again", async () => {
  const vms = await VmStage.start();
  vms.provider.before = ({ operation }) => {
    if (operation === "create") throw new ProviderError("invalid", "No such image");
  };
  await vms.make();
  await vms.pass(0);
  assertEquals([await vms.state(), vms.calls("create")], ["failed", 1]);
});

for (
  const [operation, order, reached] of [
    ["suspend", "vm.sleep", "sleeping"],
    ["delete", "vm.recycle", "recycled"],
  ] as const
) {
  Deno.test(`vm whose ${operation} was done, though the answer was an error, is ${reached}`, async () => {
    const vms = await VmStage.start();
    await vms.make();
    vms.provider.after = (call) => call.operation === operation ? noAnswer() : undefined;
    await vms.send({ type: order });
    await vms.pass(0);
    assertEquals([await vms.state(), vms.calls(operation)], [reached, 1]);
  });
}

Deno.test("vm whose suspension fails is up for certain before anybody works in it", async () => {
  const vms = await VmStage.start();
  await vms.make();
  // It takes effect, and then nobody answers any more.
  let isSilent = false;
  vms.provider.after = ({ operation }) => {
    if (operation === "suspend") isSilent = true;
    if (isSilent) noAnswer();
  };
  vms.provider.before = () => isSilent ? noAnswer() : undefined;
  await vms.send({ type: "vm.sleep" });
  await vms.send({ type: "vm.attach", task: "vm:vm_1" });
  await vms.pass(HOUR);
  assertEquals(await vms.state(), "suspending");
  assertEquals((await vms.context()).error?.code, "unreachable");
  isSilent = false;
  await vms.until("running", 2 * MINUTE);
  assertEquals(vms.provider.vms.get("vm_1")?.state, "running");
});

Deno.test("vm whose provider cannot put it to sleep stays up, and is asked again when it has been idle as long", async () => {
  const vms = await VmStage.start();
  await vms.make();
  vms.provider.before = ({ operation }) => {
    if (operation === "suspend") throw new ProviderError("failed", "Cannot freeze it");
  };
  await vms.pass(10 * MINUTE);
  assertEquals([await vms.state(), vms.calls("suspend")], ["running", 1]);
  const { error, failures, retryAt } = await vms.context();
  assertEquals([error?.message, failures, retryAt], ["Cannot freeze it", 0, null]);
  await vms.pass(10 * MINUTE);
  assertEquals(vms.calls("suspend"), 2);
});

Deno.test("vm is woken by a provider that was away for minutes, and is not given up", async () => {
  const vms = await VmStage.start();
  await vms.make();
  await vms.send({ type: "vm.sleep" });
  await vms.pass(0);
  vms.provider.before = noAnswer;
  await vms.send({ type: "vm.wake" });
  await vms.pass(2 * MINUTE);
  assertEquals(await vms.state(), "waking");
  assert((await vms.context()).retryAt !== null);
  vms.provider.before = () => {};
  await vms.until("running", 2 * MINUTE);
});

Deno.test("vm that a deletion is said to have removed, and has not, owes its clean-up", async () => {
  const vms = await VmStage.start();
  await vms.make();
  const remove = vms.provider.delete.bind(vms.provider);
  vms.provider.delete = () => Promise.resolve();
  await vms.send({ type: "vm.recycle" });
  await vms.until("recycled", HOUR);
  const { cleanup, error } = await vms.context();
  assertEquals(cleanup, "owed");
  assertEquals(
    error?.message,
    'Cannot delete vm "vm_1": provider "fake" says that it has, but it is still there',
  );
  vms.provider.delete = remove;
  await vms.pass(HOUR);
  assertEquals([(await vms.context()).cleanup, vms.provider.vms.size], ["done", 0]);
});

Deno.test("vm that is made after all, long after it was recycled, is removed by the job that looks after VMs", async () => {
  const vms = await VmStage.start();
  await vms.startJobs();
  // It minds no signal, and ends when nobody waits for it any more.
  const create = vms.provider.create.bind(vms.provider);
  vms.provider.create = async (spec, call) => {
    await vms.stage.clock.sleep(10 * MINUTE, vms.stage.nature);
    return await create(spec, { ...call, signal: new AbortController().signal, report() {} });
  };
  await vms.make();
  await vms.send({ type: "vm.recycle" });
  await vms.until("recycled", 5 * MINUTE);
  await vms.pass(30 * MINUTE);
  assertEquals(vms.provider.vms.size, 0);
  assertEquals(vms.findings, ["Removed a VM that no actor owns"]);
});

Deno.test("vm's next operation waits for one that was given up and has not ended", async () => {
  const vms = await VmStage.start();
  const order: string[] = [];
  const { provider, stage } = vms;
  const slow = (name: "suspend" | "delete", work: () => Promise<void>) => async () => {
    order.push(`${name} begins`);
    await stage.clock.sleep(10_000, stage.nature);
    await work();
    order.push(`${name} ends`);
  };
  const signal: ProviderCall = { key: "k", signal: new AbortController().signal };
  await vms.make();
  const handle = (await vms.context()).handle;
  const there = provider.vms.get("vm_1");
  assertEquals(there?.handle.providerId, handle?.providerId);
  const remove = provider.delete.bind(provider);
  provider.suspend = slow("suspend", () => Promise.resolve());
  provider.delete = slow("delete", () => remove("vm_1", signal));
  await vms.send({ type: "vm.sleep" });
  await vms.pass(1_000);
  await vms.send({ type: "vm.recycle" });
  await vms.pass(MINUTE);
  assertEquals(order, ["suspend begins", "suspend ends", "delete begins", "delete ends"]);
  assertEquals(await vms.state(), "recycled");
});
