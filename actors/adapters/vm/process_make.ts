/** How a VM of the `process` provider is made: begun, cut off and taken up again, or made anew. */
import { fillWorkspace, removeVmDirectory, vmDirectory, type WorkspaceTools } from "./directory.ts";
import { membersOf } from "./process_members.ts";
import { isForeign, type ProcessRecord, readRecord, writeRecord } from "./process_record.ts";
import { type CreateCall, ProviderError, type VmConditionType, type VmSpec } from "./provider.ts";

export type MakeContext = { home: string; instance: string; tools: WorkspaceTools };

/** Makes it, or finds it made. Nobody else may be at work on the VM. */
export async function makeVm(
  spec: VmSpec,
  call: CreateCall,
  context: MakeContext,
): Promise<ProcessRecord> {
  const { vmId, generation, source } = spec;
  const { home, tools } = context;
  const tell = (type: VmConditionType, reason: string) =>
    call.report({ type, status: "true", reason, message: "", progress: 100 });
  const { workspace } = vmDirectory(home, vmId);
  checkSpec(spec);
  if (await isForeign(home, vmId)) throw cannot(vmId, "another provider has a vm of that id");
  const earlier = await readRecord(home, vmId);
  if (earlier !== undefined && earlier.generation > generation) {
    throw cannot(vmId, `generation ${earlier.generation} of it is newer than ${generation}`);
  }
  if (earlier?.generation !== generation) {
    await membersOf(vmId, context).end();
    await removeVmDirectory(home, vmId);
  }
  call.signal.throwIfAborted();
  const made: ProcessRecord = {
    ...{ provider: "process", vmId, generation },
    ...{ state: "running", env: { ...spec.env } },
  };
  // Before all else, so that whatever is left by a crash is known as ours.
  if (earlier?.generation !== generation) await writeRecord(home, { ...made, state: "making" });
  tell("scheduled", "Scheduled");
  await fillWorkspace(source, workspace, { ...call, tools });
  if (earlier?.state === "suspended") await membersOf(vmId, context).goOn(call.signal);
  await writeRecord(home, made);
  tell("ready", "Ready");
  return made;
}

function checkSpec({ vmId, image, generation }: VmSpec): void {
  if (image !== null) {
    throw cannot(vmId, `provider "process" has no images: want none, not "${image}"`);
  }
  if (!Number.isSafeInteger(generation)) throw cannot(vmId, `"${generation}" is no generation`);
}

function cannot(vmId: string, reason: string): ProviderError {
  return new ProviderError("invalid", `Cannot make vm "${vmId}": ${reason}`);
}
