/** What a VM of the bwrap provider may use of the machine. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MAX_VM_PROCESSES } from "../../actors/adapters/vm/bwrap_limits.ts";
import { createMachine } from "../../actors/adapters/vm/bwrap_machine.ts";
import { limits } from "../../actors/adapters/vm/cgroup_groups.ts";
import { parseHierarchies } from "../../actors/adapters/vm/cgroup.ts";
import { parseListeners } from "../../actors/adapters/vm/bwrap_ports.ts";
import { eventually } from "../testing/processes.ts";
import {
  bwrapUnavailable,
  call,
  machineWithoutGroups,
  openLab,
  processesWith,
  sleepOfOurs,
} from "./vm_bwrap_lab.ts";

const unavailable = await bwrapUnavailable();
const machine = await createMachine()();

function limitTest(
  control: "memory" | "cpu" | "pids" | "tree" | null,
  name: string,
  fn: () => Promise<void>,
): void {
  const reason = unavailable ?? (control === null ? null : machine.controls[control].reason);
  const skipped = reason === null ? "" : ` (skipped: ${reason})`;
  Deno.test({ name: `a bwrap VM ${name}${skipped}`, ignore: reason !== null, fn });
}

const SMALL = { cpus: null, memoryMiB: 64, diskMiB: null };

limitTest("memory", "outlives a command that takes too much memory", async () => {
  await using lab = await openLab();
  const vm = await lab.create({ resources: SMALL });
  // It keeps what it reads until there is a line's end.
  const hog = await lab.run(vm, "mkfifo pipe; head -c 300M /dev/zero > pipe & exec tail pipe");
  assertEquals({ exitCode: hog.exitCode, signal: hog.signal }, {
    exitCode: null,
    signal: "SIGKILL",
  });
  const inShell = await lab.run(vm, "head -c 300M /dev/zero | tail; echo $?");
  assertEquals(inShell.stdout, "137\n");
  // What is written into memory would stay there when its writer is killed.
  const files =
    "head -c 200M /dev/zero > /tmp/file && echo kept; head -c 200M /dev/zero > /dev/shm/f";
  const { stdout, stderr } = await lab.run(vm, files);
  assertEquals(stdout, "kept\n");
  assertStringIncludes(stderr, "No space left");
  assertEquals((await lab.provider.find("vm_1", call().signal))?.state, "running");
});

limitTest("pids", "contains a fork bomb, and lives on when it is ended", async () => {
  await using lab = await openLab();
  const vm = await lab.create();
  const seconds = sleepOfOurs();
  const full = new AbortController();
  const running = lab.provider.exec(vm, {
    command: ["bash", "-c", `while :; do sleep ${seconds} & done`],
    onOutput({ data }) {
      if (new TextDecoder().decode(data).includes("fork")) full.abort("full");
    },
    killGraceMs: 0,
  }, call(full.signal));
  assertEquals(await running.catch((reason) => reason), "full");
  assertEquals((await processesWith(seconds)).length, 0);
  assertEquals((await lab.provider.stats(vm, call())).processLimit, MAX_VM_PROCESSES);
  // The dead count until they are reaped.
  await eventually(async () => {
    const { processes } = await lab.provider.stats(vm, call());
    return processes !== null && processes < 10;
  });
  assertEquals((await lab.run(vm, "echo alive")).stdout, "alive\n");
});

limitTest("cpu", "gets no more of the processors than it was given", async () => {
  await using lab = await openLab();
  const vm = await lab.create({ resources: { ...SMALL, cpus: 0.1 } });
  const before = await lab.provider.stats(vm, call());
  const startedAt = performance.now();
  const busy = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; cat /proc/self/stat";
  await lab.run(vm, busy);
  const elapsedMs = performance.now() - startedAt;
  const after = await lab.provider.stats(vm, call());
  // What making it has used was not in the time that is taken.
  const cpuMs = (after.cpuMs ?? 0) - (before.cpuMs ?? 0);
  assert(cpuMs > 20, `it used ${cpuMs} ms`);
  // A tenth of the time, and once a whole period at the beginning.
  assert(cpuMs < elapsedMs / 10 + 50, `${cpuMs} ms of CPU in ${elapsedMs} ms`);
});

limitTest("tree", "leaves nothing of a command whose signal aborts", async () => {
  await using lab = await openLab();
  const vm = await lab.create();
  const seconds = sleepOfOurs();
  const stop = new AbortController();
  const running = lab.provider.exec(vm, {
    // Away from its parent, its session and its environment.
    command: [
      "sh",
      "-c",
      `setsid -f env -i sleep ${seconds}; sleep ${seconds} & echo started; wait`,
    ],
    onOutput: () => stop.abort("enough"),
  }, call(stop.signal));
  assertEquals(await running.catch((reason) => reason), "enough");
  assertEquals(await processesWith(seconds), []);
});

limitTest(null, "works without control groups, and says what does not hold", async () => {
  await using lab = await openLab({ machine: machineWithoutGroups });
  const { ok, limits } = await lab.provider.available();
  assert(ok);
  assertEquals(limits.memory, { enforced: false, reason: "there is none" });
  const vm = await lab.create({ resources: SMALL });
  const seconds = sleepOfOurs();
  await lab.run(vm, `sleep ${seconds} >/dev/null 2>&1 & sleep ${seconds} >/dev/null 2>&1 &`);
  const stateOf = async () => (await lab.provider.find("vm_1", call().signal))?.state;
  await lab.provider.suspend(vm, call());
  assertEquals(await stateOf(), "suspended");
  const states = await Promise.all((await processesWith(seconds)).map(stateOfProcess));
  assertEquals(states, ["T", "T"]);
  await lab.provider.resume(vm, call());
  assertEquals(await stateOf(), "running");
  assertEquals(await lab.run(vm, "cat"), { exitCode: 0, signal: null, stdout: "", stderr: "" });
  await lab.provider.delete("vm_1", call());
  assertEquals(await processesWith(seconds), []);
});

Deno.test("bwrap available() says that the disk is not limited, and why", async () => {
  await using lab = await openLab();
  const { limits } = await lab.provider.available();
  assertEquals(limits.disk.enforced, false);
  assertStringIncludes(limits.disk.reason ?? "", "file system");
});

Deno.test("limits() writes what each version of control groups understands", () => {
  const resources = { cpus: 1.5, memoryMiB: 256, diskMiB: null };
  const group = (version: 1 | 2) => ({ directory: "/g", version });
  const groups = (version: 1 | 2) => ({
    memory: group(version),
    cpu: group(version),
    pids: group(version),
    tree: group(version),
  });
  assertEquals(limits(groups(1), resources).map(([file, value]) => `${file} ${value}`), [
    `/g/pids.max ${MAX_VM_PROCESSES}`,
    "/g/memory.limit_in_bytes 268435456",
    "/g/memory.memsw.limit_in_bytes 268435456",
    "/g/cpu.cfs_period_us 100000",
    "/g/cpu.cfs_quota_us 150000",
  ]);
  assertEquals(limits(groups(2), resources).map(([file, value]) => `${file} ${value}`), [
    `/g/pids.max ${MAX_VM_PROCESSES}`,
    "/g/memory.max 268435456",
    "/g/memory.swap.max 0",
    "/g/cpu.max 150000 100000",
  ]);
});

Deno.test("parseHierarchies() finds the own group in mounts of a part and of the whole", () => {
  const mounts = [
    "30 24 0:26 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate",
    "33 24 0:29 /docker/ab /sys/fs/cgroup/memory ro master:11 - cgroup cgroup rw,memory",
    "34 24 0:30 / /sys/fs/cgroup/cpu\\040time rw - cgroup cgroup rw,cpu,cpuacct",
    "35 24 0:31 /elsewhere /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
  ].join("\n");
  const memberships = [
    "4:memory:/docker/ab/server",
    "3:pids:/docker/ab",
    "2:cpu,cpuacct:/a:b",
    "0::/",
    "",
  ].join("\n");
  assertEquals([...parseHierarchies(memberships, mounts)], [
    ["memory", "/sys/fs/cgroup/memory/server"],
    ["cpu", "/sys/fs/cgroup/cpu time/a:b"],
    ["cpuacct", "/sys/fs/cgroup/cpu time/a:b"],
    ["", "/sys/fs/cgroup/unified"],
  ]);
});

Deno.test("parseListeners() reads addresses of both families and skips connections", () => {
  const rest = "00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 0";
  const tables = `  sl  local_address rem_address   st
   0: 0100007F:1F90 ${rest}
   1: 0100007F:0050 0100007F:1234 01 00000000:00000000 00:00000000 00000000  1000 0 4243 1
   0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000${rest.slice(8)}
`;
  assertEquals(parseListeners(tables), [
    { port: 8080, address: "127.0.0.1", inode: "4242" },
    { port: 3000, address: "::1", inode: "4242" },
  ]);
});

/** `T` for stopped. */
async function stateOfProcess(pid: number): Promise<string> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
}
