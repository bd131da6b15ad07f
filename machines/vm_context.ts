/** What a VM remembers. How it changes is in `vm_changes.ts`. */
import type { RecycleMethod, VmCondition, VmError } from "./vm_events.ts";
import { settingsOf, type VmHandleRecord, type VmInput, type VmSettings } from "./vm_input.ts";

/** How a task has the VM: it holds it awake, or rests while it waits for a person. */
export type VmTaskHold = "holds" | "rests";

/** All times are ms since the epoch, null until they are known. */
export type VmContext = {
  /** What was asked for. It never changes. */
  readonly settings: VmSettings;
  /** Which making of it this is; from 1. */
  readonly generation: number;
  /** Where it is; null before it is made. */
  readonly handle: VmHandleRecord | null;
  /** The last report of each type, oldest first. */
  readonly conditions: readonly VmCondition[];
  /** Tasks that work in it, by address. */
  readonly tasks: { readonly [address: string]: VmTaskHold };
  readonly lastActivityAt: number;
  readonly lastKeepAwakeAt: number | null;
  /** From when its time until sleep runs. */
  readonly sleepFrom: number;
  /** From when its time until recycling runs. */
  readonly recycleFrom: number;
  /** When users were told in this idle period that it will be recycled. */
  readonly notifiedAt: number | null;
  /** Somebody wants it up as soon as it has been put to sleep. */
  readonly wakeWanted: boolean;
  /** Calls of the provider for the present operation that have failed. */
  readonly failures: number;
  /** When the operation is tried again. */
  readonly retryAt: number | null;
  /** Since when nothing has been heard of it. */
  readonly silentSince: number | null;
  /** Why it failed, or why the last call of its provider did. */
  readonly error: VmError | null;
  /** Set once it is being recycled. */
  readonly method: RecycleMethod | null;
  /** Whether its provider has deleted it; `owed` is tried again for as long as it takes. */
  readonly cleanup: "done" | "owed" | null;
  readonly endedAt: number | null;
};

/** A new VM's context. */
export function newContext(input: VmInput): VmContext {
  const settings = settingsOf(input);
  const { createdAt, owner } = settings;
  return {
    settings,
    generation: 1,
    handle: null,
    conditions: [],
    // The task that it is made for holds it from when all it still needs is the VM.
    tasks: owner === null ? {} : { [owner]: "rests" },
    lastActivityAt: createdAt,
    lastKeepAwakeAt: null,
    sleepFrom: createdAt,
    recycleFrom: createdAt,
    notifiedAt: null,
    wakeWanted: false,
    failures: 0,
    retryAt: null,
    silentSince: null,
    error: null,
    method: null,
    cleanup: null,
    endedAt: null,
  };
}

/** The address of a VM. */
export function vmAddress(id: string): string {
  return `vm:${id}`;
}

/** Whether a task works in it, so that it must stay up. */
export function isHeld(context: VmContext): boolean {
  return Object.values(context.tasks).includes("holds");
}
