/**
 * The VM provider port: what makes dev environments and works in them. A provider gets an input,
 * a key and a signal, and returns or throws `ProviderError`. It never sees the system, and keeps
 * nothing in memory that it could not find again: after a restart of the server everything is
 * asked of the outside, by labels that it gave.
 *
 * Rules for every method: it ends when its signal aborts, with the signal's reason, leaving nothing
 * half-done that a later call would trip over; calling it twice with one key has the effect of once;
 * an operation that finds its aim reached already (deleting what is gone, suspending what is
 * suspended) succeeds.
 */
import type { JsonObject } from "../../runtime/json.ts";
import type { WorkspaceSource } from "./workspace_source.ts";

/** What a VM may use; null is no limit. */
export type VmResources = {
  cpus: number | null;
  memoryMiB: number | null;
  diskMiB: number | null;
};

/** `none`: only a loopback of its own. `full`: what the host reaches. */
export type VmNetwork = "none" | "full";

/** What to make. */
export type VmSpec = {
  /** Without the kind: `vm_…`. It is the label by which the VM is found again. */
  vmId: string;
  /** Raised with each new making of the same VM: an older one is removed first. */
  generation: number;
  image: string | null;
  source: WorkspaceSource | null;
  resources: VmResources;
  network: VmNetwork;
  env: { readonly [name: string]: string };
};

/** Where a VM is, for the provider that made it. Small, JSON, without secrets; it is stored. */
export type VmHandle = {
  vmId: string;
  generation: number;
  /** The provider's own id. */
  providerId: string;
  /** The directory in the VM where the repository lies and commands start. */
  workDir: string;
  /** What else the provider needs. */
  details: JsonObject;
};

/** What a provider says of its progress, while it makes a VM. */
export type VmConditionType =
  | "scheduled"
  | "imagePulled"
  | "projectCloned"
  | "imageBuilt"
  | "containerCreated"
  | "containerStarted"
  | "ready"
  | "failed"
  | "hibernated";

/** How far a VM has got. */
export type VmConditionReport = {
  type: VmConditionType;
  status: "unknown" | "inProgress" | "true" | "false";
  /** One word, for programs: `Cloning`. */
  reason: string;
  message: string;
  /** 0 to 100. */
  progress: number;
};

/** What every call gets. */
export type ProviderCall = {
  /** The same on every attempt of one operation. */
  key: string;
  signal: AbortSignal;
};

/** What `create` gets beside. */
export type CreateCall = ProviderCall & {
  report(condition: VmConditionReport): void;
};

/** A VM as the provider finds it. */
export type VmSighting = {
  vmId: string;
  generation: number;
  state: "running" | "suspended" | "stopped";
  handle: VmHandle;
};

/** A command in a VM. */
export type ExecRequest = {
  command: readonly string[];
  /** Relative to the work directory, or absolute in the VM; default the work directory. */
  cwd?: string;
  env?: { readonly [name: string]: string };
  /** What it reads; absent is end of file at once. */
  stdin?: ReadableStream<Uint8Array>;
  /** Told of each piece as it comes; may be slow: the command waits for it. */
  onOutput?(piece: { stream: "stdout" | "stderr"; data: Uint8Array }): void | Promise<void>;
  /** Between SIGTERM and SIGKILL when the signal aborts, ms. */
  killGraceMs?: number;
};

/** How a command ended. */
export type ExecExit = {
  /** Null when a signal ended it. */
  exitCode: number | null;
  /** `SIGKILL`, say; null when it ended by itself. */
  signal: string | null;
};

/** What to open a terminal with. */
export type TerminalRequest = {
  /** Default: the VM's shell. */
  command?: readonly string[];
  columns: number;
  rows: number;
};

/** A PTY in a VM. */
export interface TerminalProcess {
  /** Raw bytes of the terminal; reading slowly holds the program up. */
  readonly output: ReadableStream<Uint8Array>;
  /** Types. */
  write(data: Uint8Array): Promise<void>;
  /** Tells the program how large its window is now. */
  resize(columns: number, rows: number): Promise<void>;
  /** Hangs up: the shell and what it started end. */
  close(): Promise<void>;
  /** Resolves when the program has ended. */
  readonly exited: Promise<ExecExit>;
}

/** A connection to a port in a VM. */
export interface VmConnection {
  /** What the program in the VM sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What it is sent. */
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both ways; resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** A port on which something in the VM listens. */
export type VmPort = { port: number; address: string; process: string | null };

/** What a VM uses now; null where the provider cannot tell. */
export type VmStats = {
  memoryBytes: number | null;
  memoryLimitBytes: number | null;
  cpuMs: number | null;
  processes: number | null;
  processLimit: number | null;
  diskBytes: number | null;
};

/** Which limits hold, and why others do not. */
export type ProviderLimits = {
  readonly [limit in "cpus" | "memory" | "disk" | "processes" | "network"]: {
    enforced: boolean;
    reason: string | null;
  };
};

/** Whether a provider can run here. */
export type ProviderAvailability = {
  ok: boolean;
  /** What is missing, and what to install or configure. */
  reason: string | null;
  version: string | null;
  limits: ProviderLimits;
};

/**
 * Codes that callers branch on: `not_found` (the VM is gone), `not_running` (suspended or stopped),
 * `unreachable` (the provider does not answer; try again), `invalid` (the request can never work:
 * an unknown image, say), `failed` (anything else), `command_not_found`, `cwd_not_found`,
 * `port_closed`.
 */
export type ProviderErrorCode =
  | "not_found"
  | "not_running"
  | "unreachable"
  | "invalid"
  | "failed"
  | "command_not_found"
  | "cwd_not_found"
  | "port_closed";

/** A provider could not do it. */
export class ProviderError extends Error {
  /** Always `ProviderError`. */
  override name = "ProviderError";
  /** `message` is for people: action, value, reason. */
  constructor(readonly code: ProviderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Makes VMs and works in them. One provider serves any number of VMs at once. */
export interface VmProvider {
  /** The name that VMs choose it by. */
  readonly name: string;
  /**
   * Set where VMs are made from images: the one that is taken where a VM names none, null where
   * each must name its own. Without it a VM that names an image cannot be made.
   */
  readonly images?: { readonly default: string | null };
  /** Whether it can run here. Cheap enough to be asked every few seconds. */
  available(): Promise<ProviderAvailability>;
  /** Makes it and starts it. Called again with the same `vmId` and generation: the same VM. */
  create(spec: VmSpec, call: CreateCall): Promise<VmHandle>;
  /** Its processes stop using the CPU; memory and files stay. */
  suspend(vm: VmHandle, call: ProviderCall): Promise<void>;
  /** Goes on where it stopped. */
  resume(vm: VmHandle, call: ProviderCall): Promise<void>;
  /** Ends it and removes all that it left, its files too. By id, so that it works without a handle. */
  delete(vmId: string, call: ProviderCall): Promise<void>;
  /** The VM of that id as it is now, after a restart say; undefined when there is none. */
  find(vmId: string, signal: AbortSignal): Promise<VmSighting | undefined>;
  /** All VMs of this instance of Holdfast that are there. */
  list(signal: AbortSignal): Promise<VmSighting[]>;
  /** Runs a command to its end. All that it started ends with the signal. */
  exec(vm: VmHandle, request: ExecRequest, call: ProviderCall): Promise<ExecExit>;
  /** Opens a PTY with a program in it. */
  terminal(vm: VmHandle, request: TerminalRequest, call: ProviderCall): Promise<TerminalProcess>;
  /** Throws `port_closed` where nothing listens. */
  connect(vm: VmHandle, port: number, call: ProviderCall): Promise<VmConnection>;
  /** On what it listens now. */
  ports(vm: VmHandle, call: ProviderCall): Promise<VmPort[]>;
  /** What it uses now, suspended or not. */
  stats(vm: VmHandle, call: ProviderCall): Promise<VmStats>;
}
