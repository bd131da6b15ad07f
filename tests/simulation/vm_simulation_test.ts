/** The simulator's run in the gate: VMs for two weeks, and that a broken promise is seen. */
import { assertEquals, assertMatch } from "@std/assert";
import { VmChecks } from "./vm_checks.ts";
import { simulateVms } from "./vm_simulate.ts";
import { VmWorld } from "./vm_world.ts";

const SEEDS = [1, 2];

for (const seed of SEEDS) {
  Deno.test(`simulateVms() finds every promise kept in two weeks with 200 VMs, seed ${seed}`, async () => {
    const { violation, trace } = await simulateVms(seed);
    if (violation === undefined) return;
    const again = `deno task sim --vms --seed ${seed} --verbose`;
    throw new Error([violation.message, ...trace, again].join("\n"));
  });
}

Deno.test("VmChecks see a VM that is suspended or deleted while somebody works in it", () => {
  const world = new VmWorld(1);
  const checks = new VmChecks(() => 0, () => world.host);
  checks.begins("v1", "task:t1");
  assertMatch(thrownBy(() => checks.suspends("v1")), /v1 is suspended while task:t1 works in it/);
  checks.ends("v1", "task:t1");
  assertEquals(thrownBy(() => checks.suspends("v1")), "");
});

Deno.test("VmChecks see what is left at a provider that no actor knows", () => {
  const world = new VmWorld(1);
  const handle = { vmId: "v1", generation: 1, providerId: "p", workDir: "/", details: {} };
  world.host.vms.set("v1", { ...handle, state: "running", handle, provider: "north" });
  assertMatch(thrownBy(() => world.checks.atRest()), /v1 is at its provider, and no actor knows/);
});

function thrownBy(work: () => void): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  return "";
}
