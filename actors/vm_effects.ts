/**
 * What a VM asks of its provider, as effects. A provider is not believed: after each operation it
 * is asked what there is now, so that a VM is never in a state that its provider does not know of.
 */
import type { CreateInput, HandleInput, VmOperation } from "../machines/vm_requests.ts";
import { type CreateCall, ProviderError, type VmHandle } from "./adapters/vm/provider.ts";
import type { VmProviders } from "./adapters/vm/providers.ts";
import { defineEffect, type Effect, type EffectContext } from "./runtime/kind.ts";

/** Longest time that one making of a VM may take, an image's download included, ms. */
const CREATE_TIMEOUT_MS = 15 * 60_000;
/** The same of everything else. */
const OPERATION_TIMEOUT_MS = 2 * 60_000;

/** Longest message of a condition; its log has all of it. */
const MAX_MESSAGE_CHARS = 1_000;

/** The stream of a VM in which the words of its making are kept. */
export const VM_LOG = "log";

/** By `src` in the statechart. Retries are the statechart's. */
export function vmEffects(providers: VmProviders): { readonly [src: string]: Effect } {
  const operation = {
    maxAttempts: 1,
    onRestart: "rerun",
    timeoutMs: OPERATION_TIMEOUT_MS,
  } as const;
  return {
    create: defineEffect({
      ...operation,
      timeoutMs: CREATE_TIMEOUT_MS,
      run: (input: CreateInput, context) => create(providers, input, context),
    }),
    suspend: defineEffect({
      ...operation,
      run: (input: HandleInput, context) => change(providers, { ...input, to: "suspend", context }),
    }),
    resume: defineEffect({
      ...operation,
      run: (input: HandleInput, context) => change(providers, { ...input, to: "resume", context }),
    }),
    delete: defineEffect({
      ...operation,
      run: (input: VmOperation, context) => remove(providers, input, context),
    }),
  };
}

async function create(
  providers: VmProviders,
  { provider: name, vmId, generation, settings }: CreateInput,
  context: EffectContext,
): Promise<VmHandle> {
  const provider = providers.get(name);
  const { image, repo, ref, resources, network, env } = settings;
  const source = repo === null ? null : { repo, ref };
  const spec = { vmId, generation, image, source, resources, network, env };
  return await providers.alone(vmId, context.signal, async () => {
    const handle = await provider.create(spec, { ...callOf(context), report: reporter(context) });
    const seen = await provider.find(vmId, context.signal);
    if (seen?.state === "running" && seen.generation === generation) return handle;
    throw new ProviderError(
      "failed",
      `Cannot create vm "${vmId}": provider "${name}" says that it has, but ${
        seen === undefined ? "there is none" : `it is ${seen.state}`
      }`,
    );
  });
}

async function change(
  providers: VmProviders,
  { provider: name, vmId, handle, to, context }: HandleInput & {
    to: "suspend" | "resume";
    context: EffectContext;
  },
): Promise<null> {
  const provider = providers.get(name);
  if (handle === null) throw new ProviderError("not_found", `Cannot ${to} vm "${vmId}": not made`);
  return await providers.alone(vmId, context.signal, async () => {
    // It was made by a provider, and stored as it came.
    const refused = await failureOf(() => provider[to](handle as VmHandle, callOf(context)));
    context.signal.throwIfAborted();
    const seen = await provider.find(vmId, context.signal);
    // What has stopped has lost what was in it, as what is gone has.
    if (seen === undefined || seen.state === "stopped") {
      const how = seen === undefined ? "is gone" : "has stopped";
      throw new ProviderError("not_found", `Cannot ${to} vm "${vmId}": it ${how} at "${name}"`);
    }
    const wanted = to === "suspend" ? "suspended" : "running";
    if (seen.state === wanted) return null;
    throw refused?.error ?? new ProviderError(
      "failed",
      `Cannot ${to} vm "${vmId}": provider "${name}" says that it has, but it is ${seen.state}`,
    );
  });
}

/** What work has thrown. Whether it was done all the same is seen afterwards. */
async function failureOf(work: () => Promise<void>): Promise<{ error: unknown } | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return { error };
  }
}

async function remove(
  providers: VmProviders,
  { provider: name, vmId }: VmOperation,
  context: EffectContext,
): Promise<null> {
  const provider = providers.get(name);
  return await providers.alone(vmId, context.signal, async () => {
    const refused = await failureOf(() => provider.delete(vmId, callOf(context)));
    context.signal.throwIfAborted();
    if (await provider.find(vmId, context.signal) === undefined) return null;
    throw refused?.error ?? new ProviderError(
      "failed",
      `Cannot delete vm "${vmId}": provider "${name}" says that it has, but it is still there`,
    );
  });
}

function callOf({ key, signal }: EffectContext) {
  return { key, signal };
}

/**
 * Conditions go to the VM, in their order; every word goes to its log. One that only says again
 * what was said in this making costs no commit.
 */
function reporter(context: EffectContext): CreateCall["report"] {
  const told = new Map<string, string>();
  return (report) => {
    const { type, status, reason, message, progress } = report;
    context.append(VM_LOG, `${type} ${status} ${progress}% ${reason}: ${message}\n`);
    if (told.get(type) === status) return;
    told.set(type, status);
    const condition = { ...report, message: message.slice(0, MAX_MESSAGE_CHARS) };
    // A condition that cannot be told is no reason to give up the making of a VM.
    context.send({ type: "vm.condition", condition }).catch((error: Error) => {
      context.append(VM_LOG, `Cannot report ${type}: ${error.message}\n`);
    });
  };
}
