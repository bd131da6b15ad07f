/**
 * What a VM is asked to be: the fields that its maker gives, with the defaults of its workspace
 * and of the server filled in at the edge. Checking them is the edge's work; here they are trusted.
 */
import { NOTIFY_BEFORE_MS, RECYCLE_MS, SLEEP_MS } from "./vm_defaults.ts";

/** Null is no limit. */
export type VmResources = {
  readonly cpus: number | null;
  readonly memoryMiB: number | null;
  readonly diskMiB: number | null;
};

/** When an idle VM is put to sleep and recycled. Null turns a timer off; 0 or absent inherits. */
export type VmIdleInput = {
  readonly sleepMs?: number | null;
  readonly recycleMs?: number | null;
  readonly notifyBeforeMs?: number | null;
};

/** The same with every default filled in. */
export type VmIdle = {
  readonly sleepMs: number | null;
  readonly recycleMs: number | null;
  readonly notifyBeforeMs: number | null;
};

export type VmInput = {
  readonly id: string;
  /** The name of a provider. */
  readonly provider: string;
  readonly title?: string;
  /** Whose defaults it took. */
  readonly workspace?: string;
  readonly image?: string;
  readonly repo?: string;
  readonly ref?: string;
  readonly resources?: Partial<VmResources>;
  readonly network?: "none" | "full";
  /** Values of its environment. */
  readonly env?: { readonly [name: string]: string };
  readonly idle?: VmIdleInput;
  /** Recycled at this time whatever happens, ms since the epoch. */
  readonly expireAt?: number;
  readonly labels?: { readonly [name: string]: string };
  /** Address of the task that owns it: it is recycled when that is stopped. */
  readonly owner?: string;
  readonly createdBy?: string;
  readonly createdAt: number;
  /** The runtime's own: when it was made. */
  readonly at?: number;
};

export type VmSettings = {
  readonly id: string;
  readonly provider: string;
  readonly title: string;
  readonly workspace: string | null;
  readonly image: string | null;
  readonly repo: string | null;
  readonly ref: string | null;
  readonly resources: VmResources;
  readonly network: "none" | "full";
  readonly env: { readonly [name: string]: string };
  readonly idle: VmIdle;
  readonly expireAt: number | null;
  readonly labels: { readonly [name: string]: string };
  readonly owner: string | null;
  readonly createdBy: string | null;
  readonly createdAt: number;
};

/** Where a VM is, as its provider wrote it down. */
export type VmHandleRecord = {
  readonly vmId: string;
  readonly generation: number;
  readonly providerId: string;
  /** The directory in the VM where commands start. */
  readonly workDir: string;
  readonly details: { readonly [name: string]: unknown };
};

/** Fills in every default. */
export function settingsOf(input: VmInput): VmSettings {
  return {
    id: input.id,
    provider: input.provider,
    title: input.title ?? input.repo ?? input.image ?? input.id,
    workspace: input.workspace ?? null,
    image: input.image ?? null,
    repo: input.repo ?? null,
    ref: input.ref ?? null,
    resources: { cpus: null, memoryMiB: null, diskMiB: null, ...input.resources },
    network: input.network ?? "none",
    env: input.env ?? {},
    idle: idleOf([input.idle ?? {}]),
    expireAt: input.expireAt ?? null,
    labels: input.labels ?? {},
    owner: input.owner ?? null,
    createdBy: input.createdBy ?? null,
    createdAt: input.at ?? input.createdAt,
  };
}

/** The first that says something of each timer wins; after them all come the defaults. */
export function idleOf(layers: readonly VmIdleInput[]): VmIdle {
  const pick = (name: keyof VmIdle, otherwise: number) => {
    const said = layers.map((layer) => layer[name]);
    const found = said.find((value) => value !== undefined && value !== 0);
    return found === undefined ? otherwise : found;
  };
  return {
    sleepMs: pick("sleepMs", SLEEP_MS),
    recycleMs: pick("recycleMs", RECYCLE_MS),
    notifyBeforeMs: pick("notifyBeforeMs", NOTIFY_BEFORE_MS),
  };
}
