/**
 * Whether sandboxes can be made on this machine, found out by making one, and which limits hold.
 * It says what to install or to configure; it changes nothing.
 */
import { HOST_PATH, hostScript } from "./bwrap_shell.ts";
import { AVAILABILITY_MS } from "./bwrap_limits.ts";
import { execIn } from "./bwrap_exec.ts";
import { type MakeContext, makeVm, removeVm } from "./bwrap_make.ts";
import type { GroupControl, GroupControls } from "./cgroup.ts";
import { listHalfRemoved, listVmDirectories } from "./directory.ts";
import type { Clock } from "../../runtime/clock.ts";
import {
  type ProviderAvailability,
  ProviderError,
  type ProviderLimits,
  type VmSpec,
} from "./provider.ts";

/** Sandboxes that are tried out. */
export type Tryout = {
  /** Whether it works; an answer holds for a while. */
  available(): Promise<ProviderAvailability>;
  /** Whether that is what is being tried now: no VM, and nobody's to remove. */
  isUnderWay(vmId: string): boolean;
};

/** Says whether it works, by making a VM, running something in it, and removing it. */
export function createTryout(
  contextOf: () => Promise<MakeContext>,
  clock: Pick<Clock, "now">,
): Tryout {
  const underWay = new Set<string>();
  let answer: { until: number; availability: Promise<ProviderAvailability> } | undefined;
  return {
    available() {
      if (answer === undefined || clock.now() >= answer.until) {
        const vmId = `${PROBE_PREFIX}${crypto.randomUUID()}`;
        underWay.add(vmId);
        const availability = probe(contextOf, vmId).finally(() => underWay.delete(vmId));
        answer = { until: clock.now() + AVAILABILITY_MS, availability };
      }
      return answer.availability;
    },
    isUnderWay: (vmId) => underWay.has(vmId),
  };
}

async function probe(
  contextOf: () => Promise<MakeContext>,
  vmId: string,
): Promise<ProviderAvailability> {
  try {
    return await tryOut(await contextOf(), vmId);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const none = { place: null, reason: "it could not be found out" };
    const limits = limitsOf({ memory: none, cpu: none, pids: none, tree: none });
    return { ok: false, reason: error.message, version: null, limits };
  }
}

async function tryOut(context: MakeContext, vmId: string): Promise<ProviderAvailability> {
  const { home: dataDirectory, machine: { controls } } = context;
  const limits = limitsOf(controls);
  if (dataDirectory === "/usr" || dataDirectory.startsWith("/usr/")) {
    const reason = `the data directory ${dataDirectory} lies in /usr, which every VM sees; ` +
      "move it with HOLDFAST_HOME";
    return { ok: false, reason, version: null, limits };
  }
  const cannot = "Cannot make a sandbox";
  const missing = (await hostScript(MISSING, [], { cannot })).trim();
  if (missing !== "") {
    const packages = missing.split(/\s+/).map((name) => PACKAGES[name] ?? name);
    const reason = `${missing.replaceAll("\n", ", ")} not found on ${HOST_PATH}; ` +
      `apt-get install ${[...new Set(packages)].join(" ")}`;
    return { ok: false, reason, version: null, limits };
  }
  const version = (await hostScript("bwrap --version", [], { cannot })).trim();
  try {
    await attempt(context, vmId);
    return { ok: true, reason: null, version, limits };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { ok: false, reason: `${error.message}; ${ADVICE}`, version, limits };
  }
}

async function attempt(context: MakeContext, vmId: string): Promise<void> {
  const { signal } = new AbortController();
  const call = { key: vmId, signal, report: () => {} };
  // Cut off before it was recorded, or while it was removed, a try leaves a directory that no
  // list of VMs shows.
  const { home } = context;
  for (const left of [...await listVmDirectories(home), ...await listHalfRemoved(home)]) {
    if (left.startsWith(PROBE_PREFIX)) await removeVm(context, left, signal);
  }
  try {
    const record = await makeVm(context, { ...PROBE, vmId }, call);
    const exec = { instance: context.instance, machine: context.machine, record, number: 0 };
    const exit = await execIn(exec, { command: ["true"] }, call);
    if (exit.exitCode === 0) return;
    throw new ProviderError("failed", `Cannot enter a sandbox: it ended with ${exit.exitCode}`);
  } finally {
    await removeVm(context, vmId, signal);
  }
}

/** No VM of such a name is ever asked for. */
const PROBE_PREFIX = "probe-";
const PROBE: Omit<VmSpec, "vmId"> = {
  generation: 1,
  image: null,
  source: null,
  resources: { cpus: null, memoryMiB: null, diskMiB: null },
  network: "none",
  env: {},
};

const PACKAGES: Readonly<Record<string, string>> = {
  bwrap: "bubblewrap",
  nsenter: "util-linux",
  unshare: "util-linux",
  setpriv: "util-linux",
  setsid: "util-linux",
  script: "bsdutils",
  bash: "bash",
  find: "findutils",
};

const ADVICE = "allow unprivileged user namespaces (sysctl user.max_user_namespaces, " +
  "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0), and in a " +
  "container run it with --security-opt seccomp=unconfined and SYS_ADMIN";

const MISSING = `
for program in bwrap nsenter unshare setpriv setsid script bash find; do
  command -v "$program" >/dev/null || echo "$program"
done
`;

function limitsOf({ memory, cpu, pids }: GroupControls): ProviderLimits {
  const byGroup = ({ place, reason }: GroupControl) => ({ enforced: place !== null, reason });
  return {
    cpus: byGroup(cpu),
    memory: byGroup(memory),
    processes: byGroup(pids),
    network: { enforced: true, reason: null },
    disk: {
      enforced: false,
      reason: "the work directory lies on the host's file system, which has no limit for one " +
        "directory; put the data directory on a file system of its own",
    },
  };
}
