/** A VM of the bwrap provider for one test, in a data directory of its own. */
import { createBwrapProvider } from "../../actors/adapters/vm/bwrap.ts";
import type { BwrapOptions } from "../../actors/adapters/vm/bwrap.ts";
import { createMachine, type Machine } from "../../actors/adapters/vm/bwrap_machine.ts";
import type {
  CreateCall,
  ExecExit,
  ExecRequest,
  VmHandle,
  VmProvider,
  VmSpec,
} from "../../actors/adapters/vm/provider.ts";

/** Why sandboxes cannot be made here; undefined where they can. */
export async function bwrapUnavailable(): Promise<string | undefined> {
  await using lab = await openLab();
  return await whyNot(lab.provider);
}

async function whyNot(provider: VmProvider): Promise<string | undefined> {
  const { ok, reason } = await provider.available();
  return ok ? undefined : reason ?? "no reason given";
}

/** What a command wrote and how it ended. */
export type Run = ExecExit & { stdout: string; stderr: string };

export type Lab = AsyncDisposable & {
  home: string;
  provider: VmProvider;
  create(spec?: Partial<VmSpec>): Promise<VmHandle>;
  /** Runs a shell script in a VM. */
  run(vm: VmHandle, script: string, request?: Partial<ExecRequest>): Promise<Run>;
};

/** A provider whose VMs are removed in the end. */
export async function openLab(options: Partial<BwrapOptions> = {}): Promise<Lab> {
  const home = await Deno.makeTempDir({ prefix: "holdfast_bwrap_" });
  const instance = instanceOf(home);
  const provider = createBwrapProvider({ home, instance, ...options });
  return {
    home,
    provider,
    create: (spec = {}) => provider.create(specOf(spec), call()),
    run: (vm, script, request = {}) => run(provider, vm, { script, request }),
    async [Symbol.asyncDispose]() {
      for (const { vmId } of await provider.list(call().signal)) {
        await provider.delete(vmId, call());
      }
      await Deno.remove(home, { recursive: true });
    },
  };
}

/** This machine, if it had no control groups. */
export async function machineWithoutGroups(): Promise<Machine> {
  const none = { place: null, reason: "there is none" };
  const controls = { memory: none, cpu: none, pids: none, tree: none };
  return { ...await createMachine()(), controls };
}

/** The instance that a lab's VMs are of. */
export function instanceOf(home: string): string {
  return home.replaceAll(/\W/g, "_");
}

export function specOf(spec: Partial<VmSpec> = {}): VmSpec {
  return {
    vmId: "vm_1",
    generation: 1,
    image: null,
    source: null,
    resources: { cpus: null, memoryMiB: null, diskMiB: null },
    network: "none",
    env: {},
    ...spec,
  };
}

export function call(signal: AbortSignal = new AbortController().signal): CreateCall {
  return { key: crypto.randomUUID(), signal, report: () => {} };
}

async function run(
  provider: VmProvider,
  vm: VmHandle,
  { script, request }: { script: string; request: Partial<ExecRequest> },
): Promise<Run> {
  const written = { stdout: "", stderr: "" };
  const decoder = new TextDecoder();
  const exit = await provider.exec(vm, {
    command: ["sh", "-c", script],
    onOutput: ({ stream, data }) => void (written[stream] += decoder.decode(data)),
    ...request,
  }, call());
  return { ...exit, ...written };
}

/** The host's processes, zombies apart, that have a text among their arguments. */
export async function processesWith(text: string): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-eo", "pid=,stat=,args="],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes(text))
    .filter((line) => !/^ *\d+ +Z/.test(line))
    .map((line) => Number.parseInt(line));
}

/** Control groups of that name. */
export async function groupsNamed(name: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("find", {
    args: ["/sys/fs/cgroup", "-name", name],
    stdin: "null",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** A number of seconds that nobody else sleeps. */
export function sleepOfOurs(): string {
  return String(1_000_000_000 + Math.floor(Math.random() * 1_000_000_000));
}
