/** The workspace as a kind: its statechart and its view. */
import { type VmDefaults, type WorkspaceContext, workspaceMachine } from "../machines/workspace.ts";
import type { JsonObject } from "./runtime/json.ts";
import type { ActorRecord, KindDefinition } from "./runtime/kind.ts";

/** Makes the kind `workspace`. `redact` takes secrets out of a text. */
export function createWorkspaceKind(
  { redact }: { redact?: (text: string) => string } = {},
): KindDefinition {
  return {
    name: "workspace",
    version: 1,
    machine: workspaceMachine,
    view: workspaceView,
    conceal: ["env"],
    ...(redact === undefined ? {} : { redact }),
  };
}

/** Everything that a user may see: of the environment only the names. */
export function workspaceView(record: ActorRecord): JsonObject {
  const { env = {}, ...vm } = workspaceVm(record);
  return { vm: { ...vm, envNames: Object.keys(env) } };
}

/** What its VMs have in common. */
export function workspaceVm(record: ActorRecord): VmDefaults {
  // Only this kind's machine writes these records, so that their context is a workspace's.
  return (record.context as unknown as WorkspaceContext).vm;
}
