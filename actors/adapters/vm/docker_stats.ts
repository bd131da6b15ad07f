/** What a container uses, from the daemon's figures and its work directory on the host. */
import { containerSchema, type Stats, statsSchema } from "./docker_answers.ts";
import { type DockerApi, parse } from "./docker_api.ts";
import { ownScript } from "./host_script.ts";
import type { VmHandle, VmStats } from "./provider.ts";

/** A limit beyond this is none: the kernel writes a number all the same. */
const NO_LIMIT_BYTES = 2 ** 60;
const NANOSECONDS_PER_MS = 1_000_000;
/** Files that come and go meanwhile are counted or not. */
const DISK = `du -skx -- "$1" 2>/dev/null; exit 0`;

/** Asks the daemon. `diskBytes` is the work directory and what the VM wrote outside of it. */
export async function readStats(
  api: DockerApi,
  vm: VmHandle,
  { workspace, action, signal }: { workspace: string; action: string; signal: AbortSignal },
): Promise<VmStats> {
  const path = `/containers/${encodeURIComponent(vm.providerId)}`;
  const [stats, container, kibibytes] = await Promise.all([
    api.send("GET", `${path}/stats`, {
      action,
      signal,
      query: { stream: false, "one-shot": true },
    }),
    api.send("GET", `${path}/json`, { action, signal, query: { size: true } }),
    ownScript(DISK, [workspace], { cannot: `Cannot ${action}`, signal }),
  ]);
  const { SizeRw } = parse(containerSchema, container, action);
  const diskBytes = (SizeRw ?? 0) + Number.parseInt(kibibytes || "0") * 1024;
  return { ...asStats(parse(statsSchema, stats, action)), diskBytes };
}

/** The figures in our units; null where the daemon does not tell. */
export function asStats({ memory_stats, cpu_stats, pids_stats }: Stats): VmStats {
  const usage = memory_stats?.usage ?? null;
  const limit = memory_stats?.limit ?? null;
  const cpu = cpu_stats?.cpu_usage?.total_usage ?? null;
  // Docker counts what it could drop at once as used.
  const details = memory_stats?.stats ?? {};
  const inactive = details["inactive_file"] ?? details["total_inactive_file"];
  const cache = typeof inactive === "number" ? inactive : 0;
  return {
    memoryBytes: usage === null ? null : Math.max(0, usage - cache),
    memoryLimitBytes: limit === null || limit === 0 || limit >= NO_LIMIT_BYTES ? null : limit,
    cpuMs: cpu === null ? null : Math.round(cpu / NANOSECONDS_PER_MS),
    processes: pids_stats?.current ?? null,
    processLimit: pids_stats?.limit || null,
    diskBytes: null,
  };
}
