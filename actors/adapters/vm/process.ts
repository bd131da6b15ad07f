/**
 * The `process` provider, which needs nothing but this machine: a VM is a directory, and the
 * processes that were started in it. It keeps work apart but is no prison: its processes are the
 * server's user, and see what that user sees.
 */
import { createMutex, type Mutex } from "../executor/mutex.ts";
import { processTable } from "../executor/process_table.ts";
import { removeVmDirectory, vmDirectory, workspaceTools } from "./directory.ts";
import { runOnHost } from "./host_exec.ts";
import { openRelay, relayCommand } from "./host_relay.ts";
import { openHostTerminal } from "./host_terminal.ts";
import { type CommandRules, hostCommand, shellOf, type VmCommand } from "./process_command.ts";
import { type MakeContext, makeVm } from "./process_make.ts";
import { membersOf } from "./process_members.ts";
import {
  checkRunning,
  handleOf,
  isForeign,
  listRecords,
  PROCESS,
  readRecord,
  recordOf,
  sightingOf,
  writeRecord,
} from "./process_record.ts";
import { portsOf, usageOf } from "./process_usage.ts";
import {
  type ProviderAvailability,
  type ProviderCall,
  ProviderError,
  type VmConnection,
  type VmHandle,
  type VmProvider,
  type VmStats,
} from "./provider.ts";

/** Only `home` and `instance` have no default. */
export type ProcessProviderOptions =
  & Parameters<typeof workspaceTools>[0]
  & Partial<Pick<CommandRules, "allowRun">>;

/** Makes it. What it keeps in memory are locks; all else is on disk and in processes. */
export function createProcessProvider(options: ProcessProviderOptions): VmProvider {
  const { allowRun = null, ...given } = options;
  const tools = workspaceTools(given);
  const { home } = tools;
  const vms: Vms = {
    ...tools,
    allowRun,
    tools,
    // Not the one for mirrors: whoever makes a VM holds both.
    turns: createMutex(),
    inherited: keysAtWork(tools.instance),
  };
  return {
    name: PROCESS,
    available: () => Promise.resolve(availability()),
    create: (spec, call) =>
      vms.turns(spec.vmId, call.signal, async () => handleOf(await makeVm(spec, call, vms), home)),
    suspend: (vm, call) => vms.turns(vm.vmId, call.signal, () => suspend(vm, call, vms)),
    resume: (vm, call) => vms.turns(vm.vmId, call.signal, () => resume(vm, call, vms)),
    delete: (vmId, call) => vms.turns(vmId, call.signal, () => remove(vmId, call, vms)),
    async find(vmId, signal) {
      signal.throwIfAborted();
      const record = await readRecord(home, vmId);
      return record === undefined ? undefined : sightingOf(record, home);
    },
    async list(signal) {
      signal.throwIfAborted();
      return (await listRecords(home)).map((record) => sightingOf(record, home));
    },
    exec: (vm, request, call) =>
      start(vm, request, {
        ...{ cannot: "run a command in", call, vms },
        run: (command) => runOnHost({ ...request, ...command }, call.signal),
      }),
    terminal: (vm, { command = shellOf(vms), columns, rows }, call) =>
      start(vm, { command, env: { TERM: "xterm-256color" } }, {
        ...{ cannot: "open a terminal in", call, vms },
        run: (command) => openHostTerminal({ ...command, columns, rows }, call.signal),
      }),
    connect: (vm, port, call) => connect(vm, port, { call, vms }),
    async ports(vm, { signal }) {
      const { vmId } = await recordOf(vm, "list the ports of", vms);
      return await portsOf(await membersOf(vmId, vms).find(), signal);
    },
    stats: (vm, call) => measure(vm, call, vms),
  };
}

type Vms = MakeContext & CommandRules & {
  /** One operation at a time on each VM, the start of a command among them. */
  turns: Mutex;
  /** Keys of commands that an earlier server left at work. */
  inherited: () => Promise<Set<string>>;
};

/** What it says is written first: a command may not slip in, and a crash is made good by a retry. */
async function suspend(vm: VmHandle, { signal }: ProviderCall, vms: Vms): Promise<void> {
  const record = await recordOf(vm, "suspend", vms);
  await writeRecord(vms.home, { ...record, state: "suspended" });
  await membersOf(vm.vmId, vms).stop(signal);
}

async function resume(vm: VmHandle, { signal }: ProviderCall, vms: Vms): Promise<void> {
  const record = await recordOf(vm, "resume", vms);
  if (record.state === "running") return;
  await membersOf(vm.vmId, vms).goOn(signal);
  await writeRecord(vms.home, { ...record, state: "running" });
}

async function remove(vmId: string, { signal }: ProviderCall, vms: Vms): Promise<void> {
  if (await isForeign(vms.home, vmId)) return;
  await membersOf(vmId, vms).end();
  signal.throwIfAborted();
  await removeVmDirectory(vms.home, vmId);
}

/** Starts a command while nothing else is done to the VM, and waits for it when that is over. */
async function start<T>(
  vm: VmHandle,
  request: VmCommand,
  { cannot, call, vms, run }: {
    cannot: string;
    call: ProviderCall;
    vms: Vms;
    run(command: ReturnType<typeof hostCommand>): Promise<T>;
  },
): Promise<T> {
  const { workspace: workDir } = vmDirectory(vms.home, vm.vmId);
  const { key, signal } = call;
  const started = await vms.turns(vm.vmId, signal, async () => {
    const record = await recordOf(vm, cannot, vms);
    checkRunning(record, cannot);
    const command = hostCommand(request, { record, workDir, key, rules: vms });
    // Run again after a restart, it must not run beside itself.
    const inherited = await vms.inherited();
    if (inherited.has(key)) await membersOf(vm.vmId, { ...vms, key }).end();
    inherited.delete(key);
    signal.throwIfAborted();
    return { running: run(command) };
  });
  return await started.running;
}

/** Only to ports of the VM's own processes: it must not be a way to other services of the host. */
async function connect(
  vm: VmHandle,
  port: number,
  { call: { signal }, vms }: { call: ProviderCall; vms: Vms },
): Promise<VmConnection> {
  const cannot = `connect to port ${port} of`;
  checkRunning(await recordOf(vm, cannot, vms), cannot);
  const open = await portsOf(await membersOf(vm.vmId, vms).find(), signal);
  const found = open.find((each) => each.port === port);
  if (found !== undefined) {
    const anywhere: { [address: string]: string } = { "0.0.0.0": "127.0.0.1", "::": "::1" };
    return await openRelay(relayCommand(port, anywhere[found.address] ?? found.address), signal);
  }
  throw new ProviderError(
    "port_closed",
    `Cannot ${cannot} vm "${vm.vmId}": none of its processes listens there`,
  );
}

async function measure(vm: VmHandle, { signal }: ProviderCall, vms: Vms): Promise<VmStats> {
  const { vmId } = await recordOf(vm, "measure", vms);
  const { root } = vmDirectory(vms.home, vmId);
  const usage = await usageOf(await membersOf(vmId, vms).find(), { root, signal });
  return { ...usage, memoryLimitBytes: null, processLimit: null };
}

/** Asked once, before the first command is started: what is found then is of an earlier server. */
function keysAtWork(instance: string): () => Promise<Set<string>> {
  const find = async () => {
    const ours = (await processTable()()).filter((each) => each.instance === instance);
    return new Set(ours.flatMap(({ vm, key }) => vm === null || key === null ? [] : [key]));
  };
  let found: Promise<Set<string>> | undefined;
  return () => found ??= find();
}

function availability(): ProviderAvailability {
  const no = (reason: string) => ({ enforced: false, reason });
  const plain = "its processes are ordinary ones of this machine";
  return {
    ok: Deno.build.os === "linux",
    // Elsewhere nobody tells which processes carry the marker of a VM.
    reason: Deno.build.os === "linux" ? null : "it needs /proc, which only Linux has",
    version: null,
    limits: {
      cpus: no(plain),
      memory: no(plain),
      disk: no(`${plain}, and its directory is on the disk of the server`),
      processes: no(plain),
      network: no(`${plain}, and share its network`),
    },
  };
}
