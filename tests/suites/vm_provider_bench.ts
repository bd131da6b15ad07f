/** What the cases of the VM providers' suite are given and built from. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CreateCall,
  type ExecExit,
  type ExecRequest,
  type ProviderCall,
  ProviderError,
  type ProviderErrorCode,
  type VmConditionReport,
  type VmHandle,
  type VmProvider,
  type VmSpec,
} from "../../actors/adapters/vm/provider.ts";
import { type ProcessInfo, processTable } from "../../actors/adapters/executor/process_table.ts";
import { eventually } from "../testing/processes.ts";

/** A place where VMs of one provider can be made; disposing of it takes everything away. */
export interface Setup extends AsyncDisposable {
  /** Its data directory, empty at first. */
  home: string;
  /** The provider. Called again, it is made anew, as after a restart of the server. */
  provider(): VmProvider;
  /** The same kind of provider of another instance of Holdfast, on the same machine. */
  stranger(): VmProvider;
  /** What a VM needs here that the suite does not know: an image, say. */
  spec?: Partial<VmSpec>;
  /** A command that answers every HTTP request to that port in the VM with a body of `hello`. */
  httpServer(port: number): readonly string[];
  /** What is left of a VM beside its directory and processes that carry its marker. */
  leftovers?(vmId: string): Promise<string[]>;
}

/** Cases by name: `subject() behaviour`. */
export type Cases = { readonly [name: string]: (bench: Bench) => Promise<void> };

/** What a command did. */
export type Ran = ExecExit & { stdout: string; stderr: string };

export type Bench = {
  readonly place: Setup;
  readonly provider: VmProvider;
  /** A VM to be made; its id is known to `deleteAll`. */
  spec(changes?: Partial<VmSpec>): VmSpec;
  /** Makes a VM of that. */
  create(changes?: Partial<VmSpec>): Promise<VmHandle>;
  /** Runs a command to its end. */
  run(vm: VmHandle, command: readonly string[], request?: Partial<ExecRequest>): Promise<Ran>;
  /** Prints of every process that the VM sees its whole command line. */
  commandLines(vm: VmHandle): Promise<string>;
  /** Deletes all VMs, and fails where anything of them is left. */
  deleteAll(): Promise<void>;
};

/** Makes the helpers of one test. */
export function openBench(place: Setup): Bench {
  const provider = place.provider();
  const made = new Set<string>();
  const bench: Bench = {
    place,
    provider,
    spec(changes = {}) {
      const spec: VmSpec = {
        vmId: `vm_${crypto.randomUUID().slice(0, 8)}`,
        generation: 1,
        image: null,
        source: null,
        resources: { cpus: null, memoryMiB: null, diskMiB: null },
        network: "none",
        env: {},
        ...place.spec,
        ...changes,
      };
      made.add(spec.vmId);
      return spec;
    },
    create: (changes) => provider.create(bench.spec(changes), createCall()),
    run: (vm, command, request) => runIn(provider, vm, { command, ...request }),
    async commandLines(vm) {
      const script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\000' ' '";
      return (await bench.run(vm, sh(script))).stdout;
    },
    async deleteAll() {
      for (const vmId of made) {
        await provider.delete(vmId, call());
        await assertNothingLeft(place, vmId);
      }
      assertEquals(await provider.list(never()), []);
    },
  };
  return bench;
}

/** A signal that does not abort. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** A call of its own. */
export function call(signal: AbortSignal = never()): ProviderCall {
  return { key: `test/${crypto.randomUUID()}`, signal };
}

/** One that takes reports. */
export function createCall(
  signal?: AbortSignal,
  report: (condition: VmConditionReport) => void = () => {},
): CreateCall {
  return { ...call(signal), report };
}

export function sh(script: string, ...args: string[]): string[] {
  return ["sh", "-c", script, "sh", ...args];
}

/** Seconds for a `sleep` that no other process has, so that it is known by them. */
export function uniqueSeconds(): string {
  return String(100_000 + Math.floor(Math.random() * 800_000));
}

/** The error of a call that must fail, and fail so. */
export async function rejectsWith(
  code: ProviderErrorCode,
  attempt: () => Promise<unknown>,
): Promise<ProviderError> {
  const error = await assertRejects(attempt, ProviderError);
  assertEquals(error.code, code, error.message);
  return error;
}

async function runIn(provider: VmProvider, vm: VmHandle, request: ExecRequest): Promise<Ran> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const ran = { stdout: "", stderr: "" };
  const exit = await provider.exec(vm, {
    ...request,
    onOutput({ stream, data }) {
      ran[stream] += decoders[stream].decode(data, { stream: true });
    },
  }, call());
  return { ...exit, ...ran };
}

/** A command at work whose output grows. */
export type Running = {
  readonly ended: Promise<ExecExit>;
  /** All of its output. */
  readonly text: () => string;
  /** Resolves when the output holds that. */
  shows(text: string): Promise<void>;
};

/** Starts a command without waiting for its end. */
export function start(
  provider: VmProvider,
  vm: VmHandle,
  { command, signal }: { command: readonly string[]; signal?: AbortSignal },
): Running {
  let text = "";
  let settled = false;
  const decoder = new TextDecoder();
  const onOutput: ExecRequest["onOutput"] = ({ data }) => {
    text += decoder.decode(data, { stream: true });
  };
  const ended = provider.exec(vm, { command, onOutput }, call(signal));
  const settle = () => void (settled = true);
  ended.then(settle, settle);
  return {
    ended,
    text: () => text,
    async shows(wanted) {
      await eventually(() => settled || text.includes(wanted));
      assert(text.includes(wanted), `"${wanted}" is not in "${text}"`);
    },
  };
}

/** Processes of this machine that carry the marker of the VM. */
export async function markedProcesses(vmId: string): Promise<ProcessInfo[]> {
  return (await processTable()()).filter(({ vm }) => vm === vmId);
}

async function assertNothingLeft({ home, leftovers }: Setup, vmId: string): Promise<void> {
  await eventually(async () => (await markedProcesses(vmId)).length === 0);
  assertEquals(await leftovers?.(vmId) ?? [], []);
  const names = await namesIn(`${home}/vms`);
  assertEquals(names.filter((name) => name.includes(vmId)), []);
  const mounts = await Deno.readTextFile("/proc/self/mounts");
  assert(!mounts.includes(vmId), `something of ${vmId} is mounted`);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
