/**
 * The VM as a kind: its statechart, the providers that make it real, its hooks, its view. A
 * provider is chosen by name when a VM is made; how it works is its own business.
 */
import { vmMachine } from "../machines/vm.ts";
import type { VmProviders } from "./adapters/vm/providers.ts";
import type { Notify } from "./notify.ts";
import type { Hook, KindDefinition } from "./runtime/kind.ts";
import { vmEffects } from "./vm_effects.ts";
import { vmHooks } from "./vm_hooks.ts";
import { vmState } from "./vm_state.ts";
import { vmIndex, vmView } from "./vm_view.ts";

/** What VMs are made with. */
export type VmKindOptions = {
  providers: VmProviders;
  /** Takes word for the VM's users. */
  notify?: Notify;
  /** More hooks, beside the built-in ones. */
  hooks?: readonly Hook[];
  /** Takes secrets out of a text. */
  redact?: (text: string) => string;
};

/** Makes the kind `vm`. */
export function createVmKind(
  { providers, notify = () => {}, hooks = [], redact }: VmKindOptions,
): KindDefinition {
  return {
    name: "vm",
    version: 1,
    machine: vmMachine,
    effects: vmEffects(providers),
    hooks: [...vmHooks(notify), ...hooks],
    state: vmState,
    view: vmView,
    index: vmIndex,
    conceal: ["env"],
    ...(redact === undefined ? {} : { redact }),
  };
}
