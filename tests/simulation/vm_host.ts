/**
 * The machines on which simulated VMs are: they outlive every server process, and their providers
 * are slow, refuse, lie, hang, go silent and lose VMs, as the seed decides. What no actor may do to
 * a VM is seen here, at the moment it is done.
 */
import {
  type CreateCall,
  type ProviderCall,
  ProviderError,
  type VmHandle,
  type VmProvider,
  type VmSighting,
  type VmSpec,
} from "../../actors/adapters/vm/provider.ts";
import { untilAborted } from "../../actors/adapters/vm/until_aborted.ts";
import type { Owner, SimulatedClock } from "./clock.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

type Operation = "create" | "suspend" | "resume" | "delete" | "find" | "list";

/**
 * What befalls a call. `regret`: done, and answered with an error; `lie`: not done, and answered
 * with success; `hang` and `deaf`: no answer, before or after it is done, and the latter does not
 * mind its signal; `late`: no answer, and done long after.
 */
type Fate = "plain" | "refuse" | "regret" | "lie" | "hang" | "deaf" | "late";

const FATES: { readonly [operation in Operation]: readonly Fate[] } = {
  create: ["refuse", "regret", "lie", "hang", "deaf", "late", "late", "late"],
  suspend: ["refuse", "regret", "lie", "hang", "deaf"],
  resume: ["refuse", "regret", "lie", "hang", "deaf"],
  delete: ["refuse", "regret", "lie", "hang", "deaf"],
  find: ["refuse", "hang"],
  list: ["refuse", "lie", "hang", "deaf"],
};

export const PROVIDERS = ["north", "south"] as const;

/** Told of what is done to VMs before it is done. */
export type HostWatch = {
  note(text: string): void;
  suspends(vmId: string): void;
  deletes(vmId: string): void;
};

export class VmHost {
  readonly vms = new Map<string, VmSighting & { provider: string }>();
  /** Nothing goes wrong any more. */
  isCalm = false;
  /** Share of calls to which something happens. */
  faultRate = 0.05;
  readonly #silentUntil = new Map<string, number>();
  readonly #nature: Owner = { name: "machines", alive: true };

  constructor(
    readonly clock: SimulatedClock,
    readonly random: Random,
    readonly watch: HostWatch,
  ) {}

  /** The providers as one server process reaches them. */
  providersOf(process: Process): VmProvider[] {
    return PROVIDERS.map((name) => this.#provider(name, process));
  }

  /** A provider does not answer for so long. */
  silence(name: string, ms: number): void {
    this.watch.note(`provider ${name} is silent for ${ms} ms`);
    this.#silentUntil.set(name, this.clock.elapsed + ms);
  }

  /** A VM is gone, or has stopped, by no doing of ours. */
  lose(vmId: string, how: "gone" | "stopped"): void {
    const vm = this.vms.get(vmId);
    if (vm === undefined) return;
    this.watch.note(`machine: ${vmId} is ${how}`);
    if (how === "gone") this.vms.delete(vmId);
    else this.vms.set(vmId, { ...vm, state: "stopped" });
  }

  #provider(name: string, process: Process): VmProvider {
    const call = <T>(operation: Operation, vmId: string, signal: AbortSignal, work: () => T) =>
      this.#call({ name, process, operation, vmId, signal }, work);
    const refuse = () => Promise.reject(new ProviderError("failed", "Cannot do it: simulated"));
    return {
      name,
      available: refuse,
      exec: refuse,
      terminal: refuse,
      connect: refuse,
      ports: refuse,
      stats: refuse,
      create: (spec: VmSpec, { signal, report }: CreateCall) => {
        const handle = handleOf(spec);
        report({ type: "scheduled", status: "true", reason: "Taken", message: "", progress: 1 });
        return call("create", spec.vmId, signal, () => this.#create(name, spec)).then(() => handle);
      },
      suspend: ({ vmId }: VmHandle, { signal }: ProviderCall) =>
        call("suspend", vmId, signal, () => this.#change(vmId, "suspended")),
      resume: ({ vmId }: VmHandle, { signal }: ProviderCall) =>
        call("resume", vmId, signal, () => this.#change(vmId, "running")),
      delete: (vmId: string, { signal }: ProviderCall) =>
        call("delete", vmId, signal, () => this.#delete(vmId)),
      find: async (vmId: string, signal: AbortSignal) => {
        let found: VmSighting | undefined;
        await call("find", vmId, signal, () => found = this.#of(name, vmId));
        return found;
      },
      list: async (signal: AbortSignal) => {
        let found: VmSighting[] = [];
        await call("list", "", signal, () => {
          found = [...this.vms.values()].filter(({ provider }) => provider === name);
        });
        return found;
      },
    };
  }

  async #call<T>(
    { name, process, operation, vmId, signal }: {
      name: string;
      process: Process;
      operation: Operation;
      vmId: string;
      signal: AbortSignal;
    },
    work: () => T,
  ): Promise<void> {
    const { random, clock } = this;
    signal.throwIfAborted();
    const fate = this.#fate(name, operation);
    const slow = operation === "create" ? 60_000 : 5_000;
    await untilAborted(
      clock.sleep(random.int(1, random.chance(0.1) ? slow : 100), process.outside),
      signal,
    );
    const isDone = fate === "plain" || fate === "regret" ||
      ((fate === "hang" || fate === "deaf") && random.chance(0.5));
    if (fate !== "plain") this.watch.note(`${name}: ${operation} ${vmId} is ${fate}`);
    if (isDone) work();
    if (fate === "late") {
      clock.after(random.int(1_000, 20 * 60_000), this.#nature, () => {
        this.watch.note(`${name}: ${operation} ${vmId} is done at last`);
        work();
      });
    }
    if (fate === "refuse" || fate === "regret") {
      const code = random.pick(["unreachable", "failed"] as const);
      throw new ProviderError(code, `Cannot ${operation} "${vmId}": simulated`);
    }
    if (fate === "hang" || fate === "late") await untilAborted(new Promise(() => {}), signal);
    if (fate === "deaf") await new Promise(() => {});
  }

  #fate(name: string, operation: Operation): Fate {
    const { random, clock } = this;
    if (this.isCalm) return "plain";
    if ((this.#silentUntil.get(name) ?? 0) > clock.elapsed) {
      return random.pick(["refuse", "hang"] as const);
    }
    return random.chance(this.faultRate) ? random.pick(FATES[operation]) : "plain";
  }

  #of(name: string, vmId: string): VmSighting | undefined {
    const vm = this.vms.get(vmId);
    return vm?.provider === name ? vm : undefined;
  }

  #create(provider: string, spec: VmSpec): void {
    const { vmId, generation } = spec;
    const there = this.vms.get(vmId);
    if (there !== undefined && there.generation > generation) return;
    // The same once more is the same VM, whatever has become of it since.
    if (there?.generation === generation && there.state !== "stopped") return;
    if (there !== undefined) this.watch.deletes(vmId);
    this.vms.set(vmId, { vmId, generation, state: "running", handle: handleOf(spec), provider });
  }

  #change(vmId: string, state: "running" | "suspended"): void {
    const vm = this.vms.get(vmId);
    if (vm === undefined) throw new ProviderError("not_found", `Cannot find "${vmId}"`);
    if (vm.state === "stopped") {
      throw new ProviderError("not_running", `Cannot change "${vmId}": it has stopped`);
    }
    if (state === "suspended" && vm.state !== state) this.watch.suspends(vmId);
    this.vms.set(vmId, { ...vm, state });
  }

  #delete(vmId: string): void {
    if (this.vms.has(vmId)) this.watch.deletes(vmId);
    this.vms.delete(vmId);
  }
}

function handleOf({ vmId, generation }: VmSpec): VmHandle {
  return { vmId, generation, providerId: `${vmId}.${generation}`, workDir: "/", details: {} };
}
