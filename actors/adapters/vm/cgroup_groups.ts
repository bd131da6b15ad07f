/**
 * The control groups of one VM: made with its limits, joined by whatever enters it, frozen,
 * measured, emptied and removed. Each command that runs in the VM has a group of its own below
 * `tree`, so that all it started is found again however far it went.
 */
import { dirname } from "node:path";
import { CPU_PERIOD_US, MAX_VM_PROCESSES, MIN_CPU_QUOTA_US } from "./bwrap_limits.ts";
import { hostScript } from "./bwrap_shell.ts";
import type { Control, GroupControls } from "./cgroup.ts";
import type { VmResources } from "./provider.ts";

/** One group; stored, so that it is found even when the server has moved to another. */
export type Group = { directory: string; version: 1 | 2 };

/** Null where there is none. */
export type VmGroups = { readonly [control in Control]: Group | null };

/** Where the groups of a VM are, whether they have been made or not. */
export function groupsOf(controls: GroupControls, instance: string, vmId: string): VmGroups {
  const group = ({ place }: GroupControls[Control]): Group | null =>
    place === null
      ? null
      : { directory: `${place.own}/holdfast/${instance}/${vmId}`, version: place.version };
  return {
    memory: group(controls.memory),
    cpu: group(controls.cpu),
    pids: group(controls.pids),
    tree: group(controls.tree),
  };
}

/** Makes the groups and sets the limits. */
export async function makeGroups(
  groups: VmGroups,
  resources: VmResources,
  { vmId, signal }: { vmId: string; signal: AbortSignal },
): Promise<void> {
  const writes = [...delegations(groups), ...limits(groups, resources)];
  await hostScript(MAKE, [directoriesOf(groups).join("\n"), ...writes.flat()], {
    cannot: `Cannot make the control groups of vm "${vmId}"`,
    signal,
  });
}

/** The directories of all the groups, each once. */
export function directoriesOf(groups: VmGroups): string[] {
  const all = [groups.memory, groups.cpu, groups.pids, groups.tree];
  return [...new Set(all.flatMap((group) => group === null ? [] : [group.directory]))];
}

/** The groups that a process of the VM joins; with `leaf` that one instead of the tree itself. */
export function joinsOf(groups: VmGroups, leaf?: string): string[] {
  const { tree } = groups;
  if (tree === null || leaf === undefined) return directoriesOf(groups);
  // Where one hierarchy controls everything the leaf is below all of its limits.
  const others = directoriesOf(groups).filter((directory) => directory !== tree.directory);
  return [...others, `${tree.directory}/${leaf}`];
}

/** A file, what to write into it, and `-` where the file may be missing. */
type Write = [file: string, value: string, optional: "" | "-"];

/** Version 2 hands a controller down one level at a time. */
function delegations(groups: VmGroups): Write[] {
  return (["memory", "cpu", "pids"] as const).flatMap((control): Write[] => {
    const group = groups[control];
    if (group?.version !== 2) return [];
    const base = dirname(group.directory);
    return [dirname(dirname(base)), dirname(base), base]
      .map((directory) => [`${directory}/cgroup.subtree_control`, `+${control}`, ""]);
  });
}

/** What holds the VM within its resources. */
export function limits({ memory, cpu, pids }: VmGroups, resources: VmResources): Write[] {
  const writes: Write[] = [];
  if (pids !== null) writes.push([`${pids.directory}/pids.max`, String(MAX_VM_PROCESSES), ""]);
  if (memory !== null && resources.memoryMiB !== null) {
    const bytes = String(Math.round(resources.memoryMiB * 1024 * 1024));
    // Swap would let a VM have more than its memory; not every kernel counts it.
    if (memory.version === 2) {
      writes.push([`${memory.directory}/memory.max`, bytes, ""]);
      writes.push([`${memory.directory}/memory.swap.max`, "0", "-"]);
    } else {
      writes.push([`${memory.directory}/memory.limit_in_bytes`, bytes, ""]);
      writes.push([`${memory.directory}/memory.memsw.limit_in_bytes`, bytes, "-"]);
    }
  }
  if (cpu !== null && resources.cpus !== null) {
    const quota = Math.max(MIN_CPU_QUOTA_US, Math.round(resources.cpus * CPU_PERIOD_US));
    if (cpu.version === 2) {
      writes.push([`${cpu.directory}/cpu.max`, `${quota} ${CPU_PERIOD_US}`, ""]);
    } else {
      writes.push([`${cpu.directory}/cpu.cfs_period_us`, String(CPU_PERIOD_US), ""]);
      writes.push([`${cpu.directory}/cpu.cfs_quota_us`, String(quota), ""]);
    }
  }
  return writes;
}

/** What the groups count, as the kernel's files have it; null where they do not. */
export async function readGroups(
  groups: VmGroups,
  options: { cannot: string; signal: AbortSignal },
): Promise<{
  memoryBytes: number | null;
  memoryLimitBytes: number | null;
  cpuMs: number | null;
  processes: number | null;
  processLimit: number | null;
}> {
  const at = (group: Group | null, first: string, second: string) =>
    group === null ? "" : `${group.directory}/${group.version === 1 ? first : second}`;
  // Without a controller version 2 still counts the time.
  const cpuStat = groups.tree?.version === 2 ? groups.tree : groups.cpu;
  const files = [
    at(groups.memory, "memory.usage_in_bytes", "memory.current"),
    at(groups.memory, "memory.limit_in_bytes", "memory.max"),
    at(cpuStat, "cpuacct.usage", "cpu.stat"),
    at(groups.pids, "pids.current", "pids.current"),
    at(groups.pids, "pids.max", "pids.max"),
  ];
  const text = await hostScript(READ, files, options);
  const [memory = "", memoryLimit = "", cpu = "", pids = "", pidsLimit = ""] = text.split("\0");
  const usec = /^usage_usec (\d+)$/m.exec(cpu)?.[1];
  const nsec = numberIn(cpu);
  return {
    memoryBytes: numberIn(memory),
    memoryLimitBytes: limitIn(memoryLimit),
    cpuMs: usec !== undefined
      ? Math.round(Number(usec) / 1_000)
      : nsec === null
      ? null
      : Math.round(nsec / 1_000_000),
    processes: numberIn(pids),
    processLimit: limitIn(pidsLimit),
  };
}

function numberIn(text: string): number | null {
  const trimmed = text.trim();
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
}

/** Version 1 writes no limit as the largest number of pages. */
function limitIn(text: string): number | null {
  const value = numberIn(text);
  return value === null || value > Number.MAX_SAFE_INTEGER ? null : value;
}

const MAKE = `
set -e
IFS=$newline
for directory in $1; do
  # Whoever removes the last VM but this one takes what is empty above it away.
  mkdir -p -- "$directory" 2>/dev/null || mkdir -p -- "$directory" 2>/dev/null ||
    mkdir -p -- "$directory"
done
shift
while [ $# -gt 0 ]; do
  if [ "$3" != - ] || [ -e "$1" ]; then printf %s "$2" > "$1"; fi
  shift 3
done
`;

const READ = `
for file in "$@"; do
  [ -z "$file" ] || cat -- "$file" 2>/dev/null || :
  printf '\\0'
done
`;
