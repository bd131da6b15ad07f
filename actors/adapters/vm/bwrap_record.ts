/**
 * What is known of each sandbox, in its VM's directory: enough to find it again after a restart.
 */
import { join } from "node:path";
import { z } from "zod";
import { listVmDirectories, readMeta, vmDirectory, writeMeta } from "./directory.ts";

/** The provider's name, and how its records are told from those of others. */
export const BWRAP = "bwrap";

/** A process for good: the pid is used again, the pair is not. */
export type Mark = { pid: number; ticks: number };

const groupSchema = z.object({
  directory: z.string(),
  version: z.union([z.literal(1), z.literal(2)]),
}).nullable();

const recordSchema = z.object({
  provider: z.literal(BWRAP),
  vmId: z.string(),
  generation: z.number(),
  /** Whether it was made to the end: only then has it ever been handed out. */
  ready: z.boolean(),
  network: z.enum(["none", "full"]),
  env: z.record(z.string(), z.string()),
  resources: z.object({
    cpus: z.number().nullable(),
    memoryMiB: z.number().nullable(),
    diskMiB: z.number().nullable(),
  }),
  groups: z.object({
    memory: groupSchema,
    cpu: groupSchema,
    pids: groupSchema,
    tree: groupSchema,
  }),
  /** The first process of the sandbox. */
  init: z.object({ pid: z.number(), ticks: z.number() }).nullable(),
});

export type BwrapRecord = z.infer<typeof recordSchema>;

/** The places of one VM. */
export type VmPlaces = { root: string; workspace: string; home: string; tmp: string; etc: string };

/** Throws `ProviderError("invalid")` for an id that is none. */
export function placesOf(home: string, vmId: string): VmPlaces {
  const { root, workspace } = vmDirectory(home, vmId);
  const inRoot = (name: string) => join(root, name);
  return { root, workspace, home: inRoot("home"), tmp: inRoot("tmp"), etc: inRoot("etc") };
}

/** The record of a VM; undefined where this provider has none of that id. */
export async function readRecord(home: string, vmId: string): Promise<BwrapRecord | undefined> {
  // Another provider's has a shape of its own.
  return recordSchema.safeParse(await readMeta(home, vmId)).data;
}

/** The records of all VMs of this provider. */
export async function readRecords(home: string): Promise<BwrapRecord[]> {
  const records: BwrapRecord[] = [];
  for (const vmId of await listVmDirectories(home)) {
    const record = await readRecord(home, vmId);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** Writes it whole or not at all, and makes the VM's directory where it is not there. */
export async function writeRecord(home: string, record: BwrapRecord): Promise<void> {
  await writeMeta(home, record.vmId, record);
}
