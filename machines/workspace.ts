/**
 * A workspace: a name under which what its VMs have in common is kept. It has one state, since all
 * that happens to it is that it is told something else; VMs that exist keep what they were made
 * with.
 */
import { assertEvent, assign, setup } from "xstate";
import type { VmIdleInput, VmResources } from "./vm_input.ts";

/** What a VM is that says nothing of it itself. What is absent is left to the server. */
export type VmDefaults = {
  /** The name of a provider. */
  readonly provider?: string;
  readonly image?: string;
  readonly repo?: string;
  readonly ref?: string;
  readonly resources?: Partial<VmResources>;
  readonly network?: "none" | "full";
  readonly idle?: VmIdleInput;
  /** Values of the environment. */
  readonly env?: { readonly [name: string]: string };
};

export type WorkspaceInput = {
  readonly name: string;
  readonly vm: VmDefaults;
};

export type WorkspaceContext = WorkspaceInput;

/** `vm` takes the place of all that was said before. */
export type WorkspaceEvent = {
  readonly type: "workspace.configure";
  readonly at: number;
  readonly vm: VmDefaults;
};

/** A workspace. Made with `WorkspaceInput`; it has no end. */
export const workspaceMachine = setup({
  types: {
    context: {} as WorkspaceContext,
    events: {} as WorkspaceEvent,
    input: {} as WorkspaceInput,
    tags: {} as "waiting",
  },
  actions: {
    configure: assign(({ event }) => {
      assertEvent(event, "workspace.configure");
      return { vm: event.vm };
    }),
  },
}).createMachine({
  id: "workspace",
  description: "What the VMs of a workspace have in common.",
  context: ({ input }) => ({ name: input.name, vm: input.vm }),
  initial: "configured",
  states: {
    configured: {
      description: "Says what its VMs are made with from now on.",
      tags: ["waiting"],
      on: { "workspace.configure": { actions: "configure" } },
    },
  },
});
