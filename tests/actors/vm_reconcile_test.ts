/** What providers have against what actors say: what a round finds, and what it does about it. */
import { assert, assertEquals } from "@std/assert";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import { asSchedule } from "../../actors/schedule.ts";
import { FakeVmProvider } from "../testing/fake_vm_provider.ts";
import { HOUR, MINUTE, VmStage } from "./vm_stage.ts";

async function start(...others: FakeVmProvider[]): Promise<VmStage> {
  const vms = new VmStage();
  vms.others.push(...others);
  await vms.boot();
  await vms.make({ idle: { sleepMs: null } });
  await vms.startJobs();
  await vms.pass(MINUTE);
  return vms;
}

/** Something makes a VM of ours that no actor knows. */
function strand({ vms }: FakeVmProvider, vmId = "vm_stray"): void {
  const handle = { vmId, generation: 1, providerId: "p", workDir: "/", details: {} };
  vms.set(vmId, { vmId, generation: 1, state: "running", handle });
}

function change({ provider }: VmStage, state: "running" | "suspended" | "stopped"): void {
  const there = provider.vms.get("vm_1");
  if (there !== undefined) provider.vms.set("vm_1", { ...there, state });
}

Deno.test("round finds nothing where all is as it should be", async () => {
  const vms = await start();
  await vms.pass(HOUR);
  assertEquals(vms.findings, []);
});

Deno.test("round removes VMs that no actor owns, and says so", async () => {
  const vms = await start();
  strand(vms.provider);
  await vms.pass(MINUTE);
  assertEquals([...vms.provider.vms.keys()], ["vm_1"]);
  const { context } = await vms.record("schedule:system_vms");
  assertEquals(vms.findings, ["Removed a VM that no actor owns"]);
  assert(
    JSON.stringify(context).includes("Removed a VM that no actor owns: provider fake, vm vm_stray"),
  );
});

Deno.test("round takes a VM that its actor has deleted meanwhile for no stray", async () => {
  const vms = await start();
  // The list is as it was before the VM was recycled.
  const before = await vms.provider.list(new AbortController().signal);
  await vms.send({ type: "vm.recycle" });
  await vms.pass(1);
  vms.provider.list = () => Promise.resolve(before);
  await vms.pass(HOUR);
  assertEquals([vms.findings, vms.calls("delete")], [[], 1]);
});

Deno.test("round tells a VM that has vanished or stopped, and it fails with the reason", async () => {
  for (const how of ["gone", "stopped"]) {
    const vms = await start();
    if (how === "gone") vms.provider.vms.clear();
    else change(vms, "stopped");
    await vms.pass(MINUTE);
    const { error } = await vms.context();
    assertEquals([await vms.state(), error?.code], ["failed", "vanished"]);
    assertEquals(vms.findings, ["A VM has vanished"]);
  }
});

Deno.test("round wakes what should be up, and puts to sleep what should not", async () => {
  const vms = await start();
  change(vms, "suspended");
  await vms.pass(MINUTE);
  assertEquals(vms.provider.vms.get("vm_1")?.state, "running");
  await vms.send({ type: "vm.sleep" });
  await vms.pass(1);
  change(vms, "running");
  await vms.pass(MINUTE);
  assertEquals(vms.provider.vms.get("vm_1")?.state, "suspended");
  assertEquals(vms.findings, ["Set a VM right", "Set a VM right"]);
});

Deno.test("round believes a provider that leaves a VM out of its list only when it has none of that id", async () => {
  const vms = await start();
  vms.provider.list = () => Promise.resolve([]);
  await vms.pass(5 * MINUTE);
  assertEquals([await vms.state(), vms.findings], ["running", []]);
});

Deno.test("round shows VMs as offline whose provider is silent for three minutes, and online again", async () => {
  for (const fault of ["throws", "hangs", "minds no signal"]) {
    const vms = await start();
    const { list } = vms.provider;
    vms.provider.list = (signal) => {
      if (fault === "throws") return Promise.reject(new ProviderError("unreachable", "No answer"));
      const silence = Promise.withResolvers<never>();
      const give = () => silence.reject(signal.reason);
      if (fault === "hangs") signal.addEventListener("abort", give);
      return silence.promise;
    };
    const link = async () => vms.stage.system.view(await vms.record())["link"];
    await vms.pass(2 * MINUTE);
    assertEquals(await link(), "online", fault);
    await vms.pass(5 * MINUTE);
    assertEquals([await vms.state(), await link()], ["running", "offline"], fault);
    vms.provider.list = list;
    await vms.pass(3 * MINUTE);
    assertEquals([await vms.state(), await link()], ["running", "online"], fault);
  }
});

Deno.test("round looks after one provider's VMs while another's fails in its own way", async () => {
  const broken = new FakeVmProvider("broken");
  broken.list = () => Promise.reject(new TypeError("Cannot read properties of undefined"));
  const silent = new FakeVmProvider("silent");
  silent.list = () => new Promise(() => {});
  const vms = await start(broken, silent);
  strand(vms.provider);
  await vms.pass(3 * MINUTE);
  assertEquals([...vms.provider.vms.keys()], ["vm_1"]);
  assert(vms.findings.includes("Cannot list VMs"));
  const { last } = asSchedule((await vms.record("schedule:system_vms")).context);
  assertEquals([last?.outcome, last?.error], ["succeeded", null]);
});

Deno.test("round asks a provider no more of it that has left one question unanswered", async () => {
  const vms = await start();
  for (const id of ["vm_a", "vm_b", "vm_c"]) strand(vms.provider, id);
  let asked = 0;
  vms.provider.find = () => {
    asked += 1;
    return new Promise(() => {});
  };
  await vms.pass(3 * MINUTE);
  assertEquals([asked, vms.findings], [1, ["Cannot remove a VM that no actor owns"]]);
});

Deno.test("round comes at once after a downtime", async () => {
  const vms = await start();
  vms.stage.crash();
  vms.provider.vms.clear();
  await vms.stage.pass(HOUR);
  await vms.boot();
  await vms.startJobs();
  await vms.pass(10);
  assertEquals(await vms.state(), "failed");
});

Deno.test("round remembers over a restart since when a provider is silent", async () => {
  const vms = await start();
  vms.provider.list = () => Promise.reject(new ProviderError("unreachable", "No answer"));
  await vms.pass(2 * MINUTE);
  await vms.restart(2 * MINUTE);
  await vms.pass(10);
  const { link } = vms.stage.system.view(await vms.record()) as { link: string };
  assertEquals(link, "offline");
});
