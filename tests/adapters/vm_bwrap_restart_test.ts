/** VMs of the bwrap provider outlive their server, and no half-made one is ever forgotten. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sweepOrphans } from "../../actors/adapters/executor/orphans.ts";
import type { VmSighting } from "../../actors/adapters/vm/provider.ts";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import { eventually, processOf } from "../testing/processes.ts";
import {
  bwrapUnavailable,
  call,
  groupsNamed,
  instanceOf,
  type Lab,
  machineWithoutGroups,
  openLab,
  processesWith,
  sleepOfOurs,
} from "./vm_bwrap_lab.ts";

const unavailable = await bwrapUnavailable();

/** Nothing else would lead to a sandbox that was not recorded. */
const MARKS_ALONE = { machine: machineWithoutGroups };

function restartTest(name: string, fn: () => Promise<void>): void {
  const skipped = unavailable === undefined ? "" : ` (skipped: ${unavailable})`;
  Deno.test({ name: `a bwrap VM ${name}${skipped}`, ignore: unavailable !== undefined, fn });
}

restartTest("outlives a killed server, and what that ran in it does not", async () => {
  await using lab = await openLab();
  const [seconds, left] = [sleepOfOurs(), sleepOfOurs()];
  await killAt(lab, "busy", [seconds, left]);
  assertEquals(await stateOf(lab), "running");
  // The kernel tells them to end on its own; the look ends what did not listen.
  await eventually(async () => (await processesWith(seconds)).length === 0);
  assertEquals((await processesWith(left)).length, 1);
  assertEquals((await sandboxes(lab)).length, 1);
  const [vm] = await lab.provider.list(call().signal);
  assert(vm !== undefined);
  assertEquals((await lab.run(vm.handle, "cat file")).stdout, "kept\n");
});

for (const step of ["scheduled", "containerCreated", "containerStarted", "ready"]) {
  restartTest(`is made once where the server was killed at "${step}"`, async () => {
    await using lab = await openLab();
    await killAt(lab, step);
    const vm = await lab.create();
    assertEquals((await lab.run(vm, "echo alive")).stdout, "alive\n");
    assertEquals((await sandboxes(lab)).length, 1);
    await lab.provider.delete("vm_1", call());
    assertEquals(await leftOf(lab), []);
  });

  restartTest(`is removed whole where the server was killed at "${step}"`, async () => {
    await using lab = await openLab();
    await killAt(lab, step);
    assertEquals((await lab.provider.list(call().signal)).map(({ vmId }) => vmId), ["vm_1"]);
    await lab.provider.delete("vm_1", call());
    assertEquals(await leftOf(lab), []);
  });
}

for (const [where, options] of [["", {}], [" by marks alone", MARKS_ALONE]] as const) {
  restartTest(
    `that was started and not recorded is found${where}, and not there twice`,
    async () => {
      await using lab = await openLab(options);
      await lab.create();
      const [before] = await sandboxes(lab);
      await changeRecord(lab, { ready: false, init: null });
      assertEquals(await stateOf(lab), "stopped");
      const vm = await lab.create();
      const after = await sandboxes(lab);
      assertEquals(after.length, 1);
      assert(after[0] !== before);
      assertEquals((await lab.run(vm, "echo alive")).stdout, "alive\n");
    },
  );

  restartTest(`is found${where} when its directory is gone`, async () => {
    await using lab = await openLab(options);
    await lab.create();
    await Deno.remove(`${lab.home}/vms/vm_1`, { recursive: true });
    assertEquals(await lab.provider.find("vm_1", call().signal), undefined);
    await lab.provider.delete("vm_1", call());
    assertEquals(await leftOf(lab), []);
  });
}

restartTest("of another instance is left alone", async () => {
  await using lab = await openLab();
  await using other = await openLab();
  await lab.create();
  await other.create();
  await other.provider.delete("vm_1", call());
  assertEquals(await stateOf(lab), "running");
});

restartTest("is no process that happens to have its pid", async () => {
  await using lab = await openLab();
  const vm = await lab.create();
  const [init] = await sandboxes(lab);
  const stranger = new Deno.Command("sleep", { args: [sleepOfOurs()] }).spawn();
  try {
    await changeRecord(lab, { init: { pid: stranger.pid, ticks: 1 } });
    assertEquals(await stateOf(lab), "stopped");
    const refused = await assertRejects(() => lab.run(vm, "echo in"), ProviderError);
    assertEquals(refused.code, "not_running");
    await lab.provider.delete("vm_1", call());
    assert(await processOf(stranger.pid) !== undefined);
    assert(!(await sandboxes(lab)).includes(init ?? 0));
  } finally {
    stranger.kill("SIGKILL");
    await stranger.status;
  }
});

restartTest("whose processes are gone is stopped, and starts again with its files", async () => {
  await using lab = await openLab();
  const vm = await lab.create();
  await lab.run(vm, "echo kept > file; echo kept > ~/file");
  for (const pid of await sandboxes(lab)) Deno.kill(pid, "SIGKILL");
  await eventually(async () => await stateOf(lab) === "stopped");
  const refused = await assertRejects(() => lab.run(vm, "cat file"), ProviderError);
  assertEquals(refused.code, "not_running");
  await lab.provider.resume(vm, call());
  assertEquals((await lab.run(vm, "cat file ~/file")).stdout, "kept\nkept\n");
});

restartTest("is not swept away with what tasks left", async () => {
  await using lab = await openLab();
  await lab.create();
  const { found } = await sweepOrphans({ instance: instanceOf(lab.home), live: new Set() });
  assertEquals(found, []);
  assertEquals(await stateOf(lab), "running");
});

restartTest("of a newer generation takes the place of the older", async () => {
  await using lab = await openLab();
  const old = await lab.create();
  await lab.run(old, "echo old > file");
  const vm = await lab.create({ generation: 2 });
  assertEquals((await lab.run(vm, "ls")).stdout, "");
  assertEquals((await sandboxes(lab)).length, 1);
  const gone = await assertRejects(() => lab.run(old, "ls"), ProviderError);
  assertEquals(gone.code, "not_found");
  await assertRejects(() => lab.create(), ProviderError, "generation 2 of it is there");
});

/** Lets another process make a VM and kills it at a step. */
async function killAt(lab: Lab, step: string, more: string[] = []): Promise<void> {
  const owner = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--cached-only"],
      // No more than the server has.
      ...["--allow-run", "--allow-env", `--allow-read=${lab.home}`, `--allow-write=${lab.home}`],
      ...[new URL("vm_bwrap_owner.ts", import.meta.url).pathname, lab.home, step, ...more],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = owner.stdout.getReader();
  const { value } = await reader.read();
  owner.kill("SIGKILL");
  await owner.status;
  await reader.cancel();
  assertEquals(new TextDecoder().decode(value), `${step}\n`);
}

async function stateOf(lab: Lab): Promise<VmSighting["state"] | undefined> {
  return (await lab.provider.find("vm_1", call().signal))?.state;
}

async function changeRecord(lab: Lab, change: Record<string, unknown>): Promise<void> {
  const path = `${lab.home}/vms/vm_1/meta.json`;
  const record: unknown = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify(Object.assign({}, record, change)));
}

/** The first processes of the lab's sandboxes. */
async function sandboxes(lab: Lab): Promise<number[]> {
  const mark = `HOLDFAST_VM_INSTANCE=${instanceOf(lab.home)}`;
  const marked = await output("grep", ["-lsaFzx", "-e", mark, ...await environs()]);
  const pids = marked.split("\n").map((path) => path.split("/")[2] ?? "");
  const listed = await output("ps", ["-eo", "pid=,args="]);
  const first = [...listed.matchAll(/^ *(\d+) sleep infinity$/gm)].map(([, pid]) => pid);
  return pids.filter((pid) => first.includes(pid)).map(Number);
}

/** Whatever of a lab's VMs is still on the machine. */
async function leftOf(lab: Lab): Promise<string[]> {
  const groups = await groupsNamed(instanceOf(lab.home));
  const files = await Array.fromAsync(Deno.readDir(`${lab.home}/vms`), ({ name }) => name);
  const processes = (await sandboxes(lab)).map((pid) => `process ${pid}`);
  return [...processes, ...groups, ...files];
}

async function environs(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir("/proc"), ({ name }) => name);
  return entries.filter((name) => /^\d+$/.test(name)).map((pid) => `/proc/${pid}/environ`);
}

async function output(program: string, args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout);
}
