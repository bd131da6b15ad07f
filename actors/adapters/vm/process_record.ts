/**
 * What the `process` provider writes down about a VM, since its processes come and go: the record
 * is the VM. It may hold secrets of the environment, and stays in the VM's directory.
 */
import { z } from "zod";
import { listVmDirectories, readMeta, vmDirectory, writeMeta } from "./directory.ts";
import { ProviderError, type VmHandle, type VmSighting } from "./provider.ts";

/** The name of the provider, in its records as well. */
export const PROCESS = "process";

const recordSchema = z.object({
  provider: z.literal(PROCESS),
  vmId: z.string(),
  generation: z.int(),
  /** `making` is left by a crash while it was made. */
  state: z.enum(["making", "running", "suspended"]),
  env: z.record(z.string(), z.string()),
});

const ownSchema = z.object({ provider: z.literal(PROCESS) });

export type ProcessRecord = Readonly<z.infer<typeof recordSchema>>;

/** The record of a VM; undefined where there is none of this provider. */
export async function readRecord(home: string, vmId: string): Promise<ProcessRecord | undefined> {
  return recordSchema.safeParse(await readMeta(home, vmId)).data;
}

/** Whether the VM's directory is another provider's. */
export async function isForeign(home: string, vmId: string): Promise<boolean> {
  const meta = await readMeta(home, vmId);
  return meta !== undefined && !ownSchema.safeParse(meta).success;
}

/** Written whole or not at all. */
export async function writeRecord(home: string, record: ProcessRecord): Promise<void> {
  await writeMeta(home, record.vmId, { ...record, env: { ...record.env } });
}

/** All records of this provider. */
export async function listRecords(home: string): Promise<ProcessRecord[]> {
  const records: ProcessRecord[] = [];
  for (const vmId of await listVmDirectories(home)) {
    const record = await readRecord(home, vmId);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** The record of the VM that a handle means. Throws `ProviderError("not_found")`. */
export async function recordOf(
  { vmId, generation }: VmHandle,
  cannot: string,
  { home }: { home: string },
): Promise<ProcessRecord> {
  const record = await readRecord(home, vmId);
  if (record?.generation === generation && record.state !== "making") return record;
  const reason = record === undefined
    ? "it is gone"
    : record.state === "making"
    ? "it was never finished"
    : `generation ${generation} was replaced by ${record.generation}`;
  throw new ProviderError("not_found", `Cannot ${cannot} vm "${vmId}": ${reason}`);
}

/** Throws `ProviderError("not_running")`. */
export function checkRunning({ vmId, state }: ProcessRecord, cannot: string): void {
  if (state === "running") return;
  throw new ProviderError("not_running", `Cannot ${cannot} vm "${vmId}": it is ${state}`);
}

/** How callers know a VM. */
export function handleOf({ vmId, generation }: ProcessRecord, home: string): VmHandle {
  const { workspace: workDir } = vmDirectory(home, vmId);
  return { vmId, generation, providerId: vmId, workDir, details: {} };
}

/** A VM as it is found. Half-made it is no VM to work in yet, but something to remove. */
export function sightingOf(record: ProcessRecord, home: string): VmSighting {
  const { vmId, generation } = record;
  const state = record.state === "making" ? "stopped" : record.state;
  return { vmId, generation, state, handle: handleOf(record, home) };
}
