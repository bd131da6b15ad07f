/** What a VM uses now, as far as its control groups count it, and the size of its files. */
import { type BwrapRecord, placesOf } from "./bwrap_record.ts";
import { hostScript } from "./bwrap_shell.ts";
import { readGroups } from "./cgroup_groups.ts";
import type { VmStats } from "./provider.ts";

/** Reads it. Files that come and go meanwhile are counted or not. */
export async function readStats(
  home: string,
  record: BwrapRecord,
  signal: AbortSignal,
): Promise<VmStats> {
  const places = placesOf(home, record.vmId);
  const cannot = `Cannot measure vm "${record.vmId}"`;
  const [counts, disk] = await Promise.all([
    readGroups(record.groups, { cannot, signal }),
    hostScript(DISK, [places.workspace, places.home], { cannot, signal }),
  ]);
  const kibibytes = [...disk.matchAll(/^(\d+)\t/gm)].map(([, size]) => Number(size));
  return {
    ...counts,
    diskBytes: kibibytes.length === 0 ? null : kibibytes.reduce((sum, size) => sum + size) * 1024,
  };
}

const DISK = `du -skx -- "$@" 2>/dev/null; exit 0`;
