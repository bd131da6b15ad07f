/** When nobody can work in a VM any more: whoever holds something open in it waits for that. */
import { vmAddress } from "../machines/vm_context.ts";
import type { System } from "./runtime/api.ts";
import { DrainingError } from "./runtime/errors.ts";
import { vmContext } from "./vm_view.ts";

/** States in which a VM is over, or has to be made anew. */
const OVER: readonly string[] = ["failed", "recycling", "recycled"];

/** Why nobody can work in a VM any more; `stopping` when it is only the server that goes. */
export type VmEnd = { reason: string; stopping: boolean };

/**
 * Calls `over` once when the VM is over or the server stops. Nothing is asked meanwhile. The
 * function that it returns calls it off.
 */
export function onVmEnd(
  system: Pick<System, "waitFor">,
  vmId: string,
  over: (end: VmEnd) => void,
): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  system.waitFor(vmAddress(vmId), ({ state }) => OVER.includes(state), { signal }).then(
    (record) => {
      const { error, method } = vmContext(record);
      const why = error?.message ?? method;
      const reason = `vm "${vmId}" is ${record.state}${why === null ? "" : ` (${why})`}`;
      over({ reason, stopping: false });
    },
    (error: Error) => {
      if (signal.aborted) return;
      over({ reason: error.message, stopping: error instanceof DrainingError });
    },
  );
  return () => abort.abort();
}
