/** stub. */
import type { VmAccess } from "../actors/vm_access.ts";
import type { Api } from "./endpoint.ts";
export function mountVmExec(_api: Api, _vms: VmAccess): void {}
