/**
 * The bwrap provider: a VM is a sandbox of namespaces on this machine, with directories of the
 * host for its work and its home. It keeps nothing in memory that it could not find again:
 * sandboxes outlive the server, and are known by their records, groups and environments.
 */
import { checkRunning, type ExecContext, execIn, terminalIn } from "./bwrap_exec.ts";
import { freeze, lookAt } from "./bwrap_look.ts";
import { createMachine, type Machine } from "./bwrap_machine.ts";
import { type MakeContext, makeVm, removeVm, startVm } from "./bwrap_make.ts";
import { connectTo, readPorts } from "./bwrap_ports.ts";
import { createTryout } from "./bwrap_probe.ts";
import { BWRAP, type BwrapRecord, readRecord, readRecords } from "./bwrap_record.ts";
import { readStats } from "./bwrap_stats.ts";
import { WORK_DIR } from "./bwrap_start.ts";
import { workspaceTools } from "./directory.ts";
import { ProviderError, type VmHandle, type VmProvider, type VmSighting } from "./provider.ts";

/** `home` is the data directory; no VM sees it. */
export type BwrapOptions = Parameters<typeof workspaceTools>[0] & {
  /** Directories of this machine that VMs see too, at the same place. */
  readOnlyPaths?: readonly string[];
  /** What is known of this machine; looked at when it is first needed. */
  machine?: () => Promise<Machine>;
};

/** Makes it; nothing of the machine is touched before it is used. */
export function createBwrapProvider(options: BwrapOptions): VmProvider {
  const { readOnlyPaths = [], machine = createMachine(), ...given } = options;
  const tools = workspaceTools(given);
  const { home, instance, clock } = tools;
  checkPaths(readOnlyPaths, home);
  let commands = 0;

  const contextOf = async (): Promise<MakeContext> => ({
    ...{ home, instance, readOnlyPaths, tools },
    machine: await machine(),
  });
  const tryout = createTryout(contextOf, clock);
  const execContext = async (vm: VmHandle, what: string): Promise<ExecContext> => ({
    ...{ instance, machine: await machine(), number: commands++ },
    record: await recordOf(home, vm, what),
  });

  return {
    name: BWRAP,
    available: tryout.available,
    async create(spec, call) {
      return handleOf(await makeVm(await contextOf(), spec, call));
    },
    async suspend(vm, { signal }) {
      await suspendVm(await recordOf(home, vm, "suspend"), signal);
    },
    async resume(vm, { signal }) {
      const record = await recordOf(home, vm, "resume");
      const state = await stateOf(record, signal);
      if (state === "suspended") await freeze(record, false, signal);
      // After a start of the machine its files are there all the same.
      else if (state === "stopped") await startVm(await contextOf(), record, { signal });
    },
    async delete(vmId, { signal }) {
      await removeVm(await contextOf(), vmId, signal);
    },
    async find(vmId, signal) {
      const record = await readRecord(home, vmId);
      if (record === undefined) return undefined;
      return (await sightingsOf([record], signal))[0];
    },
    async list(signal) {
      const records = await readRecords(home);
      return await sightingsOf(records.filter(({ vmId }) => !tryout.isUnderWay(vmId)), signal);
    },
    async exec(vm, request, call) {
      return await execIn(await execContext(vm, "run a command in"), request, call);
    },
    async terminal(vm, request, call) {
      return await terminalIn(await execContext(vm, "open a terminal in"), request, call);
    },
    async connect(vm, port, { signal }) {
      const record = await recordOf(home, vm, "connect to");
      await checkRunning(record, "connect to", signal);
      return await connectTo(record, port, { asRoot: (await machine()).asRoot, signal });
    },
    async ports(vm, { signal }) {
      const record = await recordOf(home, vm, "read the ports of");
      return await stateOf(record, signal) === "stopped" ? [] : await readPorts(record, signal);
    },
    async stats(vm, { signal }) {
      return await readStats(home, await recordOf(home, vm, "measure"), signal);
    },
  };
}

function checkPaths(readOnlyPaths: readonly string[], home: string): void {
  for (const path of readOnlyPaths) {
    if (home !== path && !home.startsWith(path.endsWith("/") ? path : `${path}/`)) continue;
    throw new TypeError(`Cannot show ${path} to VMs: the data directory lies in it`);
  }
}

async function suspendVm(record: BwrapRecord, signal: AbortSignal): Promise<void> {
  const state = await stateOf(record, signal);
  if (state === "suspended") return;
  if (state === "running") return await freeze(record, true, signal);
  throw new ProviderError("not_running", `Cannot suspend vm "${record.vmId}": it is ${state}`);
}

async function stateOf(record: BwrapRecord, signal: AbortSignal): Promise<VmSighting["state"]> {
  return (await lookAt([record], signal))[0] ?? "stopped";
}

async function sightingsOf(
  records: readonly BwrapRecord[],
  signal: AbortSignal,
): Promise<VmSighting[]> {
  const states = await lookAt(records, signal);
  return records.map((record, index): VmSighting => ({
    vmId: record.vmId,
    generation: record.generation,
    // What was not made to the end has never run anything.
    state: record.ready ? states[index] ?? "stopped" : "stopped",
    handle: handleOf(record),
  }));
}

function handleOf({ vmId, generation }: BwrapRecord): VmHandle {
  return { vmId, generation, providerId: vmId, workDir: WORK_DIR, details: {} };
}

/** Throws `ProviderError("not_found")` where the VM, or this generation of it, is gone. */
async function recordOf(
  home: string,
  { vmId, generation }: VmHandle,
  what: string,
): Promise<BwrapRecord> {
  const record = await readRecord(home, vmId);
  if (record?.generation === generation && record.ready) return record;
  const reason = record === undefined
    ? "it is gone"
    : record.ready
    ? `it was made anew, as generation ${record.generation}`
    : "it is only being made";
  throw new ProviderError("not_found", `Cannot ${what} vm "${vmId}": ${reason}`);
}
