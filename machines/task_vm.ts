/**
 * A task and the VM that it works in: made with it in one commit, or shared with others. The VM
 * keeps itself up while a task holds it; a task that waits for a person lets go of it.
 */
import { assertEvent } from "xstate";
import { createActor } from "./lib/builtins.ts";
import { taskAddress, type TaskContext } from "./task_context.ts";
import type { TaskError, TaskEvent } from "./task_events.ts";
import type { VmHandleRecord, VmInput } from "./vm_input.ts";

/** Why a task was cancelled whose VM is no more. */
const VM_RECYCLED = "vm_recycled";

/** Which VM a task works in. */
export type TaskVm = {
  readonly id: string;
  /** What to make it of, where the task makes it and owns it; null where it is there already. */
  readonly make: VmInput | null;
};

/** A VM that is up, as it told the task. */
export type ReadyVm = {
  readonly vmId: string;
  readonly provider: string;
  readonly handle: VmHandleRecord;
};

/** What a VM tells the tasks that work in it. */
export type VmWord =
  | {
    readonly type: "vm.ready";
    readonly at: number;
    readonly vm: string;
    readonly provider: string;
    readonly handle: VmHandleRecord;
  }
  | {
    readonly type: "vm.failed";
    readonly at: number;
    readonly vm: string;
    readonly error: TaskError | null;
  }
  | {
    readonly type: "vm.recycled";
    readonly at: number;
    readonly vm: string;
    readonly method: string | null;
  };

type Args = { readonly context: TaskContext };

/** Address of the task's VM; empty where it has none. */
export function vmOf({ settings }: TaskContext): string {
  return settings.vm === null ? "" : `vm:${settings.vm.id}`;
}

/** Whether an event is of the task's own VM. */
export function isOfVm(context: TaskContext, event: TaskEvent): boolean {
  const vm = vmOf(context);
  if (event.type === "actor.ended") return event.address === vm;
  return "vm" in event && event.vm === vm;
}

export function makeVmMessage({ context }: Args) {
  const { vm, id } = context.settings;
  return createActor({ ...vm?.make, owner: taskAddress(id) });
}

export function attachMessage({ context }: Args) {
  return { type: "vm.attach", task: taskAddress(context.settings.id) } as const;
}

export function releaseMessage({ context }: Args) {
  return { type: "vm.release", task: taskAddress(context.settings.id) } as const;
}

/** Whether a task that is stopped leaves a VM behind that was made for it. */
export function leavesOwnVm({ settings, error }: TaskContext): boolean {
  const isOwner = settings.vm !== null && settings.vm.make !== null;
  return isOwner && error?.code !== VM_RECYCLED;
}

export function recycleMessage({ event }: { readonly event: TaskEvent }) {
  const isDeleted = event.type === "task.cancel" && event.deleted === true;
  return { type: "vm.recycle", method: isDeleted ? "task_delete" : "task_stop" } as const;
}

export function keepVm({ context, event }: Args & { readonly event: TaskEvent }) {
  assertEvent(event, "vm.ready");
  const { provider, handle } = event;
  return { vm: { vmId: context.settings.vm?.id ?? "", provider, handle } };
}

export function keepVmFailure({ event }: { readonly event: TaskEvent }) {
  assertEvent(event, "vm.failed");
  const why = event.error === null ? "" : `: ${event.error.message}`;
  return { error: { code: "vm_failed", message: `${nameOf(event.vm)} has failed${why}` } };
}

export function keepVmEnd({ context, event }: Args & { readonly event: TaskEvent }) {
  const method = event.type === "vm.recycled" ? event.method : null;
  const how = method === null ? "" : ` (${method})`;
  const message = `${nameOf(vmOf(context))} has been recycled${how}`;
  return { vm: null, error: { code: VM_RECYCLED, message } };
}

function nameOf(vm: string): string {
  return `VM "${vm.replace(/^vm:/, "")}"`;
}
