/** Suspending, resuming and deleting VMs. */
import { assert, assertEquals } from "@std/assert";
import type { VmHandle } from "../../actors/adapters/vm/provider.ts";
import { eventually } from "../testing/processes.ts";
import {
  type Bench,
  call,
  type Cases,
  never,
  rejectsWith,
  sh,
  start,
} from "./vm_provider_bench.ts";

/** Looks at something that must not change meanwhile. */
const LOOKS = 10;

const COUNT = sh("i=0; while :; do i=$((i+1)); echo $i; done");

export const lifeCases: Cases = {
  "suspend() stops the processes, and resume() lets them go on": suspends,
  "suspend() and resume() find their aim reached already": idempotent,
  "exec() and terminal() in a suspended VM fail with not_running": notRunning,
  "delete() ends what runs, a suspended VM's too": deletes,
  "delete() finds nothing to delete": deletesNothing,
  "a deleted VM is not found by anything": gone,
};

async function suspends(bench: Bench): Promise<void> {
  const { provider } = bench;
  const vm = await bench.create();
  const counting = start(provider, vm, { command: COUNT });
  await counting.shows("1000\n");
  await provider.suspend(vm, call());
  assertEquals((await provider.find(vm.vmId, never()))?.state, "suspended");
  const before = await cpuAtRest(bench, vm);
  const shown = counting.text().length;
  for (let look = 0; look < LOOKS; look++) {
    assertEquals((await provider.stats(vm, call())).cpuMs, before);
  }
  assertEquals(counting.text().length, shown, "it went on");
  await provider.resume(vm, call());
  assertEquals((await provider.find(vm.vmId, never()))?.state, "running");
  await eventually(() => counting.text().length > shown);
  const lines = counting.text().split("\n").slice(0, -1);
  assertEquals(lines, lines.map((_, at) => String(at + 1)), "it began anew or lost something");
  await provider.delete(vm.vmId, call());
  await settled(counting.ended);
}

/** What was under way when it was stopped, the last output too, is over when two looks agree. */
async function cpuAtRest({ provider }: Bench, vm: VmHandle): Promise<number | null> {
  let last: number | null = -1;
  await eventually(async () => {
    const before = last;
    last = (await provider.stats(vm, call())).cpuMs;
    return last === before;
  });
  return last;
}

async function idempotent({ provider, create, run }: Bench): Promise<void> {
  const vm = await create();
  await provider.resume(vm, call());
  await provider.suspend(vm, call());
  await provider.suspend(vm, call());
  assertEquals((await provider.find(vm.vmId, never()))?.state, "suspended");
  await provider.resume(vm, call());
  await provider.resume(vm, call());
  assertEquals((await run(vm, ["echo", "awake"])).stdout, "awake\n");
}

async function notRunning({ provider, create, run }: Bench): Promise<void> {
  const vm = await create();
  await provider.suspend(vm, call());
  await rejectsWith("not_running", () => run(vm, ["true"]));
  const size = { columns: 80, rows: 24 };
  await rejectsWith("not_running", () => provider.terminal(vm, size, call()));
  await rejectsWith("not_running", () => provider.connect(vm, 80, call()));
}

async function deletes(bench: Bench): Promise<void> {
  const { provider } = bench;
  for (const suspended of [false, true]) {
    const vm = await bench.create();
    const running = start(provider, vm, { command: COUNT });
    await running.shows("1000\n");
    if (suspended) await provider.suspend(vm, call());
    await provider.delete(vm.vmId, call());
    await settled(running.ended);
    assertEquals(await provider.find(vm.vmId, never()), undefined);
  }
  await bench.deleteAll();
}

async function deletesNothing({ provider, create, place }: Bench): Promise<void> {
  await provider.delete("vm_never_made", call());
  const vm = await create();
  const { vmId } = vm;
  await Promise.all([provider.delete(vmId, call()), provider.delete(vmId, call())]);
  await provider.delete(vmId, call());
  // By id alone, by who never made it.
  const other = await create();
  await place.provider().delete(other.vmId, call());
  assertEquals(await provider.list(never()), []);
}

async function gone({ provider, create, run }: Bench): Promise<void> {
  const vm = await create();
  await provider.delete(vm.vmId, call());
  await rejectsWith("not_found", () => run(vm, ["true"]));
  await rejectsWith("not_found", () => provider.suspend(vm, call()));
  await rejectsWith("not_found", () => provider.resume(vm, call()));
  await rejectsWith("not_found", () => provider.stats(vm, call()));
  await rejectsWith("not_found", () => provider.ports(vm, call()));
  await rejectsWith("not_found", () => provider.connect(vm, 80, call()));
  const size = { columns: 80, rows: 24 };
  await rejectsWith("not_found", () => provider.terminal(vm, size, call()));
}

/** A command whose VM is deleted ends, one way or the other. */
async function settled(ended: Promise<unknown>): Promise<void> {
  const [result] = await Promise.allSettled([ended]);
  assert(result !== undefined);
}
