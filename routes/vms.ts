/**
 * `/v1/vms`: making, listing and showing VMs. What is done to them afterwards is in
 * `vm_actions.ts`, what is done in them in `vm_exec.ts`.
 */
import type { VmAccess } from "../actors/vm_access.ts";
import type { Api } from "./endpoint.ts";

export function mountVms(_api: Api, _vms: VmAccess): void {
}
