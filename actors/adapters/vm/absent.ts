/** A provider that is known by name and not set up here: it says what to do about it. */
import { type ProviderAvailability, ProviderError, type VmProvider } from "./provider.ts";

/** Makes it. `reason` says what is missing and what to do. */
export function createAbsentProvider(name: string, reason: string): VmProvider {
  const refuse = () => {
    const message = `Cannot use provider "${name}": ${reason}`;
    return Promise.reject<never>(new ProviderError("unreachable", message));
  };
  return {
    name,
    available: () => Promise.resolve(unavailable(reason)),
    create: refuse,
    suspend: refuse,
    resume: refuse,
    delete: refuse,
    find: refuse,
    list: refuse,
    exec: refuse,
    terminal: refuse,
    connect: refuse,
    ports: refuse,
    stats: refuse,
  };
}

function unavailable(reason: string): ProviderAvailability {
  const no = { enforced: false, reason };
  const limits = { cpus: no, memory: no, disk: no, processes: no, network: no };
  return { ok: false, reason, version: null, limits };
}
