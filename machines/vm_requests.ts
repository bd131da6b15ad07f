/** What a VM asks of others: its provider, a place among those being made, word of its tasks. */
import type { SlotInput, WatchInput } from "./lib/builtins.ts";
import type { VmContext } from "./vm_context.ts";
import { MAX_PROVISIONING } from "./vm_defaults.ts";
import type { VmHandleRecord, VmSettings } from "./vm_input.ts";

/** The pool in which every VM has its place while it is made. */
export const PROVISIONING_POOL = "vm.provisioning";

/** An operation of a provider on a VM. */
export type VmOperation = {
  readonly vmId: string;
  readonly provider: string;
  readonly generation: number;
};
export type CreateInput = VmOperation & { readonly settings: VmSettings };
/** For suspending and resuming. */
export type HandleInput = VmOperation & { readonly handle: VmHandleRecord | null };

type Args = { readonly context: VmContext };

export function slotRequest(): SlotInput {
  return { pools: [{ name: PROVISIONING_POOL, limit: MAX_PROVISIONING }] };
}

export function createRequest({ context }: Args): CreateInput {
  return { ...operationOf(context), settings: context.settings };
}

export function handleRequest({ context }: Args): HandleInput {
  return { ...operationOf(context), handle: context.handle };
}

export function deleteRequest({ context }: Args): VmOperation {
  return operationOf(context);
}

/** Word of the tasks that work in it. */
export function watchRequest({ context }: Args): WatchInput {
  return { addresses: Object.keys(context.tasks) };
}

/** What a task that wants the VM is told when it is up. */
export function readyMessage({ settings, generation, handle }: VmContext) {
  return {
    type: "vm.ready",
    vm: vmAddressOf(settings),
    provider: settings.provider,
    generation,
    handle,
  } as const;
}

/** What tasks are told when there is nothing to wait for. */
export function failedMessage({ settings, error }: VmContext) {
  return { type: "vm.failed", vm: vmAddressOf(settings), error } as const;
}

/** What tasks are told when it is being recycled. */
export function recycledMessage({ settings, method }: VmContext) {
  return { type: "vm.recycled", vm: vmAddressOf(settings), method } as const;
}

function vmAddressOf({ id }: VmSettings): string {
  return `vm:${id}`;
}

function operationOf({ settings, generation }: VmContext): VmOperation {
  return { vmId: settings.id, provider: settings.provider, generation };
}
