/**
 * The way to the files of an open VM, with a time limit for each call. What is done there is in
 * `adapters/vm/files.ts`; waking the VM is `vm_access.ts`'s work.
 */
import { createVmFiles, type VmFiles } from "./adapters/vm/files.ts";
import { FILE_CALL_MS } from "./adapters/vm/files_limits.ts";
import type { OpenVm } from "./vm_access.ts";

export { VmFileError, type VmFileErrorCode } from "./adapters/vm/files_error.ts";
export type { FileEntry, FileType } from "./adapters/vm/files_output.ts";
export type { VmFiles } from "./adapters/vm/files.ts";
export type { FileChange, FileChanges } from "./adapters/vm/git_output.ts";

/** The files of a VM. `key` names the operation to its provider; all ends with the signal. */
export function filesOf(
  { provider, handle }: Pick<OpenVm, "provider" | "handle">,
  { key, signal }: { key: string; signal: AbortSignal },
): VmFiles {
  return createVmFiles((request) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(FILE_CALL_MS)]);
    return provider.exec(handle, request, { key, signal: limited });
  }, handle.workDir);
}
