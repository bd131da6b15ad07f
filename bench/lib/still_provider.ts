/**
 * A provider whose VMs cost nothing at all, to measure what the control plane itself spends on
 * them. It counts how often it is asked.
 */
import {
  ProviderError,
  type VmHandle,
  type VmProvider,
  type VmSighting,
} from "../../actors/adapters/vm/provider.ts";

export type StillProvider = VmProvider & {
  /** Calls so far. */
  readonly calls: number;
};

export function createStillProvider(): StillProvider {
  const vms = new Map<string, VmSighting>();
  let calls = 0;
  const count = () => void calls++;
  const set = ({ vmId }: VmHandle, state: VmSighting["state"]) => {
    const vm = vms.get(vmId);
    if (vm === undefined) throw new ProviderError("not_found", `Cannot find vm "${vmId}"`);
    vms.set(vmId, { ...vm, state });
  };
  const refuse = () =>
    Promise.reject(new ProviderError("failed", "Cannot: there is nothing in it"));
  const free = { enforced: false, reason: "There is nothing to limit" };
  const limits = { cpus: free, memory: free, disk: free, processes: free, network: free };
  return {
    name: "still",
    get calls() {
      return calls;
    },
    available: () => Promise.resolve({ ok: true, reason: null, version: "1", limits }),
    create: ({ vmId, generation }) => {
      count();
      const handle = { vmId, generation, providerId: vmId, workDir: "/", details: {} };
      vms.set(vmId, { vmId, generation, state: "running", handle });
      return Promise.resolve(handle);
    },
    suspend: (vm) => Promise.resolve(vm).then(count).then(() => set(vm, "suspended")),
    resume: (vm) => Promise.resolve(vm).then(count).then(() => set(vm, "running")),
    delete: (vmId) => Promise.resolve(vmId).then(count).then(() => void vms.delete(vmId)),
    find: (vmId) => Promise.resolve().then(count).then(() => vms.get(vmId)),
    list: () => Promise.resolve().then(count).then(() => [...vms.values()]),
    exec: refuse,
    terminal: refuse,
    connect: refuse,
    ports: () => Promise.resolve([]),
    stats: refuse,
  };
}
