/**
 * What can happen to a VM: commands of its users and of the tasks that work in it, facts that its
 * provider reports, and those that the runtime delivers. All carry the time at which they apply.
 */
import type { ActorEnded, SlotGranted } from "./lib/builtins.ts";
import type { VmHandleRecord } from "./vm_input.ts";

/** Why a VM was recycled. */
export type RecycleMethod =
  | "idle"
  | "task_stop"
  | "task_delete"
  | "expired"
  | "manual"
  | "force"
  | "lifecycle";

/**
 * How a VM is used: `activity` (input, output, a file call) puts every idle timer off,
 * `keepAwake` (somebody is connected) only that of sleep.
 */
export type VmUse = "activity" | "keepAwake";

/** How far the making of a VM has got, by the provider's own word. */
export type VmConditionFact = {
  readonly type: string;
  readonly status: "unknown" | "inProgress" | "true" | "false";
  readonly reason: string;
  readonly message: string;
  /** 0 to 100. */
  readonly progress: number;
};

/** A condition, and when it was reported. */
export type VmCondition = VmConditionFact & { readonly at: number };

export type VmError = { readonly code: string; readonly message: string };

/** What users and tasks ask for. */
export type VmCommand =
  | { readonly type: "vm.wake"; readonly at: number }
  | { readonly type: "vm.sleep"; readonly at: number }
  | { readonly type: "vm.retry"; readonly at: number }
  | { readonly type: "vm.recycle"; readonly at: number; readonly method?: RecycleMethod }
  /** A task wants the VM up, and kept up, until it rests or ends. */
  | { readonly type: "vm.attach"; readonly at: number; readonly task: string }
  /** A task waits for a person: the VM may sleep meanwhile. */
  | { readonly type: "vm.release"; readonly at: number; readonly task: string };

/** What is observed from outside. */
export type VmFact =
  | { readonly type: "vm.used"; readonly at: number; readonly use: VmUse }
  | { readonly type: "vm.condition"; readonly at: number; readonly condition: VmConditionFact }
  | { readonly type: "vm.vanished"; readonly at: number; readonly reason: string }
  | { readonly type: "vm.heartbeatLost"; readonly at: number; readonly since: number }
  | { readonly type: "vm.heartbeatFound"; readonly at: number };

type Failure = {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
};

/** How the provider's calls ended. */
export type VmOutcome =
  | {
    readonly type: "xstate.done.actor.create";
    readonly at: number;
    readonly output: VmHandleRecord;
  }
  | { readonly type: "xstate.done.actor.suspend"; readonly at: number; readonly output: unknown }
  | { readonly type: "xstate.done.actor.resume"; readonly at: number; readonly output: unknown }
  | { readonly type: "xstate.done.actor.delete"; readonly at: number; readonly output: unknown }
  | { readonly type: "xstate.error.actor.create"; readonly at: number; readonly error: Failure }
  | { readonly type: "xstate.error.actor.suspend"; readonly at: number; readonly error: Failure }
  | { readonly type: "xstate.error.actor.resume"; readonly at: number; readonly error: Failure }
  | { readonly type: "xstate.error.actor.delete"; readonly at: number; readonly error: Failure };

export type VmEvent = VmCommand | VmFact | VmOutcome | ActorEnded | SlotGranted;

/** What a VM tells the feed beside its transitions. */
export type VmEmitted = {
  /** Nobody has used it for long: it will be recycled. Once for each idle period. */
  type: "vm.expiring_soon";
  /** When that will be. */
  recycleAt: number;
  lastActivityAt: number;
};
