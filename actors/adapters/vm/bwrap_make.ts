/**
 * Makes VMs and unmakes them. Each step can be cut off and done again: the record is written
 * before anything is made, says when all is made, and goes last. What an earlier attempt started
 * and did not live to record is ended before anything is started anew.
 */
import { checkEnv } from "./bwrap_enter.ts";
import { OUTSIDE_UID } from "./bwrap_limits.ts";
import { endSandbox, lookAt, markersOf } from "./bwrap_look.ts";
import type { Machine } from "./bwrap_machine.ts";
import { BWRAP, type BwrapRecord, placesOf, readRecord, writeRecord } from "./bwrap_record.ts";
import { hostScript } from "./bwrap_shell.ts";
import { startSandbox } from "./bwrap_start.ts";
import { groupsOf, makeGroups } from "./cgroup_groups.ts";
import { fillWorkspace, readMeta, removeVmDirectory, type WorkspaceTools } from "./directory.ts";
import { type CreateCall, ProviderError, type VmConditionReport, type VmSpec } from "./provider.ts";

export type MakeContext = {
  home: string;
  instance: string;
  machine: Machine;
  readOnlyPaths: readonly string[];
  tools: WorkspaceTools;
};

/** Makes the VM, or takes up what is there of it. */
export async function makeVm(
  context: MakeContext,
  spec: VmSpec,
  call: CreateCall,
): Promise<BwrapRecord> {
  const cannot = `Cannot create vm "${spec.vmId}"`;
  checkSpec(spec, cannot);
  const { home } = context;
  const known = await readRecord(home, spec.vmId);
  if (known !== undefined && known.generation > spec.generation) {
    const reason = `generation ${known.generation} of it is there`;
    throw new ProviderError("failed", `${cannot} in generation ${spec.generation}: ${reason}`);
  }
  if (known?.generation === spec.generation && known.ready) {
    return await takeUp(context, known, call);
  }
  if (known?.generation !== spec.generation) await removeVm(context, spec.vmId, call.signal);
  const { vmId, generation, network, resources, env } = spec;
  const groups = groupsOf(context.machine.controls, context.instance, vmId);
  const record: BwrapRecord = {
    ...{ provider: BWRAP, vmId, generation, ready: false, network, resources },
    ...{ env: { ...env }, groups, init: null },
  };
  await writeRecord(home, record);
  await fill(context, spec, call);
  call.report(made("containerCreated", "Created", "Its directories are there", 80));
  return await startVm(context, record, call);
}

/** Starts the sandbox of a VM whose files are there. */
export async function startVm(
  context: MakeContext,
  record: BwrapRecord,
  { signal, report = () => {} }: Pick<CreateCall, "signal"> & Partial<CreateCall>,
): Promise<BwrapRecord> {
  const { home, instance, machine, readOnlyPaths } = context;
  const { vmId, network, resources, resources: { memoryMiB } } = record;
  const groups = groupsOf(machine.controls, instance, vmId);
  await endSandbox({ ...record, instance }, signal);
  try {
    await makeGroups(groups, resources, { vmId, signal });
    const init = await startSandbox({
      ...{ vmId, network, groups, memoryMiB, readOnlyPaths, signal, asRoot: machine.asRoot },
      places: placesOf(home, vmId),
      markers: markersOf(instance, vmId),
      hiddenPaths: home.startsWith("/opt/") ? ["/opt"] : [],
    });
    const started = { ...record, groups, init, ready: true };
    await writeRecord(home, started);
    report(made("containerStarted", "Started", "The sandbox runs", 95));
    report(made("ready", "Ready", "Commands can be run", 100));
    return started;
  } catch (error) {
    // Without the signal: it may be why.
    await endSandbox({ ...record, instance, groups });
    throw error;
  }
}

/** Ends all of a VM and removes all that it left. */
export async function removeVm(
  { home, instance, machine }: Pick<MakeContext, "home" | "instance" | "machine">,
  vmId: string,
  signal: AbortSignal,
): Promise<void> {
  const record = await readRecord(home, vmId);
  const groups = groupsOf(machine.controls, instance, vmId);
  await endSandbox({ vmId, instance, groups, init: null, ...record }, signal);
  // What has another shape is another provider's.
  if (record === undefined && await readMeta(home, vmId) !== undefined) return;
  await removeVmDirectory(home, vmId);
}

async function takeUp(
  context: MakeContext,
  record: BwrapRecord,
  call: CreateCall,
): Promise<BwrapRecord> {
  const [state] = await lookAt([record], call.signal);
  if (state === "stopped") return await startVm(context, record, call);
  call.report(made("ready", "Ready", "It was there", 100));
  return record;
}

function checkSpec({ image, env, resources }: VmSpec, cannot: string): void {
  if (image !== null) {
    const reason = "this provider has no images, only the system of this machine; use docker";
    throw new ProviderError("invalid", `${cannot} from image "${image}": ${reason}`);
  }
  checkEnv(env, cannot);
  for (const [name, value] of Object.entries(resources)) {
    if (value === null || value > 0) continue;
    throw new ProviderError("invalid", `${cannot} with ${name} ${value}: want more than 0`);
  }
}

async function fill(
  { home, machine, tools }: MakeContext,
  { vmId, source }: VmSpec,
  call: CreateCall,
): Promise<void> {
  const { workspace, home: inside, tmp } = placesOf(home, vmId);
  call.report(made("scheduled", "Scheduled", "It will run on this machine", 5));
  for (const path of [inside, tmp]) await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  await fillWorkspace(source, workspace, { ...call, tools });
  if (!machine.asRoot) return;
  const owner = `${OUTSIDE_UID}:${OUTSIDE_UID}`;
  await hostScript(`chown -R -h -- "$@"`, [owner, workspace, inside, tmp], {
    cannot: `Cannot hand over the files of vm "${vmId}"`,
    signal: call.signal,
  });
}

function made(
  type: VmConditionReport["type"],
  reason: string,
  message: string,
  progress: number,
): VmConditionReport {
  return { type, status: "true", reason, message, progress };
}
