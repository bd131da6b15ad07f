/** When nobody can work in a VM any more: whoever holds something open in it waits for that. */
import { vmAddress } from "../machines/vm_context.ts";
import type { System } from "./runtime/api.ts";
import { vmContext } from "./vm_view.ts";

/** States in which a VM is over, or has to be made anew. */
const OVER: readonly string[] = ["failed", "recycling", "recycled"];

/**
 * Calls `over` once, with the reason, when the VM is over or the server stops. Nothing is asked
 * meanwhile. The function that it returns calls it off.
 */
export function onVmEnd(
  system: Pick<System, "waitFor">,
  vmId: string,
  over: (reason: string) => void,
): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  system.waitFor(vmAddress(vmId), ({ state }) => OVER.includes(state), { signal }).then(
    (record) => {
      const { error, method } = vmContext(record);
      const why = error?.message ?? method;
      over(`vm "${vmId}" is ${record.state}${why === null ? "" : ` (${why})`}`);
    },
    (error: Error) => {
      if (!signal.aborted) over(error.message);
    },
  );
  return () => abort.abort();
}
