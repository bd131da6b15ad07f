/**
 * What VMs leave on this machine, found without asking the server: processes that carry their
 * mark, sandboxes, directories, control groups.
 */
import { processTable } from "../../actors/adapters/executor/process_table.ts";

export type Traces = {
  /** Processes that carry the mark of the VM. */
  processes: number[];
  /** Those of them that can still run. */
  moving: number[];
  /** Namespaces of processes that they live in, beside the host's own. */
  sandboxes: string[];
};

/** What there is of some VMs, by id; those of which there is nothing are left out. */
export async function tracesOf(vmIds: ReadonlySet<string>): Promise<Map<string, Traces>> {
  const marked = (await processTable()()).flatMap(({ pid, vm, stopped }) =>
    vm !== null && vmIds.has(vm) ? [{ pid, vm, stopped }] : []
  );
  const facts = await look(["self", ...marked.map(({ pid }) => String(pid))]);
  const host = facts.get("self")?.namespace;
  const traces = new Map<string, Traces>();
  for (const { pid, vm, stopped } of marked) {
    const fact = facts.get(String(pid));
    // It has ended meanwhile.
    if (fact === undefined) continue;
    const { processes, moving, sandboxes } = traces.get(vm) ??
      { processes: [], moving: [], sandboxes: [] };
    const isInside = fact.namespace !== host;
    traces.set(vm, {
      processes: [...processes, pid],
      // Bubblewrap's own process on the host only waits.
      moving: stopped || fact.frozen || !isInside && fact.name === "bwrap"
        ? moving
        : [...moving, pid],
      sandboxes: isInside ? [...new Set([...sandboxes, fact.namespace])] : sandboxes,
    });
  }
  return traces;
}

/** The directories of VMs in a home. */
export async function directoriesOf(home: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(`${home}/vms`))).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Control groups named after one of the VMs. */
export async function controlGroupsOf(vmIds: ReadonlySet<string>): Promise<string[]> {
  const paths = (await sh(`find /sys/fs/cgroup -type d -name 'vm_*' 2>/dev/null; exit 0`, []))
    .split("\n");
  return paths.filter((path) => vmIds.has(path.slice(path.lastIndexOf("/") + 1)));
}

/** Ends the processes of VMs, for tests that failed. */
export async function endTraces(vmIds: ReadonlySet<string>): Promise<void> {
  for (const { processes } of (await tracesOf(vmIds)).values()) {
    await sh(`kill -KILL "$@" 2>/dev/null; exit 0`, processes.map(String));
  }
}

type Fact = { namespace: string; name: string; frozen: boolean };

/** A line each: pid, namespace, 1 where it is frozen, name. */
const LOOK = `
for pid in "$@"; do
  space=$(readlink "/proc/$pid/ns/pid") || continue
  frozen=0
  while IFS=: read -r _ control path; do
    case $control in
      "") for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
          grep -qx "frozen 1" "$root$path/cgroup.events" 2>/dev/null && frozen=1
        done ;;
      freezer) grep -qx FROZEN "/sys/fs/cgroup/freezer$path/freezer.state" 2>/dev/null && frozen=1 ;;
    esac
  done < "/proc/$pid/cgroup"
  echo "$pid $space $frozen $(cat "/proc/$pid/comm")"
done 2>/dev/null
exit 0`;

async function look(pids: readonly string[]): Promise<Map<string, Fact>> {
  const lines = (await sh(LOOK, pids)).trim().split("\n");
  return new Map(lines.map((line) => {
    const [pid = "", namespace = "", frozen = "", name = ""] = line.split(" ");
    return [pid, { namespace, name, frozen: frozen === "1" }];
  }));
}

async function sh(script: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    stdin: "null",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`Cannot look at processes: ${new TextDecoder().decode(stderr)}`);
}
