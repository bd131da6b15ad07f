/**
 * A VM provider for tests of what stands on providers: it makes nothing, remembers everything, and
 * fails as it is told. Whatever it "made" outlives the system under test, as real VMs do.
 */
import {
  type CreateCall,
  type ExecRequest,
  type ProviderAvailability,
  type ProviderCall,
  ProviderError,
  type VmHandle,
  type VmProvider,
  type VmSighting,
  type VmSpec,
} from "../../actors/adapters/vm/provider.ts";

export type Operation = "create" | "suspend" | "resume" | "delete" | "find" | "list" | "exec";

/** What happens to a call: throw, or wait, or nothing. */
export type Fate = (call: { operation: Operation; vmId: string }) => void | Promise<void>;

export class FakeVmProvider implements VmProvider {
  readonly name: string;
  /** What there is. */
  readonly vms = new Map<string, VmSighting>();
  /** Every call in order: `create vm_1`. */
  readonly calls: string[] = [];
  /** Called before an operation takes effect. */
  before: Fate = () => {};
  /** Called after an operation took effect, before it returns. */
  after: Fate = () => {};

  constructor(name = "fake") {
    this.name = name;
  }

  available(): Promise<ProviderAvailability> {
    const no = { enforced: false, reason: "It makes nothing" };
    const limits = { cpus: no, memory: no, disk: no, processes: no, network: no };
    return Promise.resolve({ ok: true, reason: null, version: "1", limits });
  }

  create(spec: VmSpec, call: CreateCall): Promise<VmHandle> {
    const { vmId, generation } = spec;
    return this.#do("create", vmId, call.signal, () => {
      call.report({ type: "ready", status: "true", reason: "Made", message: "", progress: 100 });
      const there = this.vms.get(vmId);
      if (there?.generation === generation && there.state === "running") return there.handle;
      const details = {};
      const handle = { vmId, generation, providerId: `fake-${vmId}`, workDir: "/", details };
      this.vms.set(vmId, { vmId, generation, state: "running", handle });
      return handle;
    });
  }

  suspend(vm: VmHandle, { signal }: ProviderCall): Promise<void> {
    return this.#do("suspend", vm.vmId, signal, () => this.#set(vm.vmId, "suspended"));
  }

  resume(vm: VmHandle, { signal }: ProviderCall): Promise<void> {
    return this.#do("resume", vm.vmId, signal, () => this.#set(vm.vmId, "running"));
  }

  delete(vmId: string, { signal }: ProviderCall): Promise<void> {
    return this.#do("delete", vmId, signal, () => void this.vms.delete(vmId));
  }

  find(vmId: string, signal: AbortSignal): Promise<VmSighting | undefined> {
    return this.#do("find", vmId, signal, () => this.vms.get(vmId));
  }

  list(signal: AbortSignal): Promise<VmSighting[]> {
    return this.#do("list", "", signal, () => [...this.vms.values()]);
  }

  exec(vm: VmHandle, request: ExecRequest, { signal }: ProviderCall) {
    return this.#do("exec", vm.vmId, signal, async () => {
      const state = this.vms.get(vm.vmId)?.state;
      if (state !== "running") {
        throw new ProviderError("not_running", `Cannot exec in "${vm.vmId}": it is ${state}`);
      }
      const data = new TextEncoder().encode(`${request.command.join(" ")}\n`);
      await request.onOutput?.({ stream: "stdout", data });
      return { exitCode: 0, signal: null };
    });
  }

  terminal(): Promise<never> {
    return Promise.reject(new ProviderError("failed", "Cannot open a terminal: it makes nothing"));
  }

  connect(): Promise<never> {
    return Promise.reject(new ProviderError("port_closed", "Cannot connect: it makes nothing"));
  }

  ports() {
    return Promise.resolve([]);
  }

  stats() {
    return Promise.resolve({
      memoryBytes: null,
      memoryLimitBytes: null,
      cpuMs: null,
      processes: null,
      processLimit: null,
      diskBytes: null,
    });
  }

  #set(vmId: string, state: VmSighting["state"]): void {
    const vm = this.vms.get(vmId);
    if (vm === undefined) throw new ProviderError("not_found", `Cannot find vm "${vmId}"`);
    this.vms.set(vmId, { ...vm, state });
  }

  async #do<T>(
    operation: Operation,
    vmId: string,
    signal: AbortSignal,
    work: () => T | Promise<T>,
  ): Promise<T> {
    if (operation !== "find" && operation !== "list") this.calls.push(`${operation} ${vmId}`);
    await abortable(this.before({ operation, vmId }), signal);
    const result = await work();
    await abortable(this.after({ operation, vmId }), signal);
    return result;
  }
}

/** Ends with the signal, whatever the work does. */
async function abortable(work: void | Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
