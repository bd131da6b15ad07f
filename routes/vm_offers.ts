/**
 * What the providers of VMs say of themselves, asked no more often than needed: finding out may
 * mean running programs.
 */
import type { ProviderAvailability, VmProvider } from "../actors/adapters/vm/provider.ts";
import type { AppConfig } from "./config.ts";
import { AVAILABILITY_TTL_MS, AVAILABILITY_WAIT_MS } from "./limits.ts";

/** A provider, and whether it can run here. */
export type ProviderOffer = ProviderAvailability & {
  readonly provider: Pick<VmProvider, "name" | "images">;
};

export type ProviderOffers = {
  all(): Promise<ProviderOffer[]>;
  /** Undefined where there is no provider of that name. */
  find(name: string): Promise<ProviderOffer | undefined>;
  readonly names: readonly string[];
};

export function createOffers(
  providers: readonly VmProvider[],
  clock: AppConfig["clock"],
): ProviderOffers {
  const known = new Map<string, { askedAt: number; offer: Promise<ProviderOffer> }>();
  const ask = (provider: VmProvider) => {
    const before = known.get(provider.name);
    if (before !== undefined && clock.now() - before.askedAt < AVAILABILITY_TTL_MS) {
      return before.offer;
    }
    const offer = offerOf(provider, clock);
    known.set(provider.name, { askedAt: clock.now(), offer });
    return offer;
  };
  return {
    all: () => Promise.all(providers.map(ask)),
    find: async (name) => {
      const provider = providers.find((one) => one.name === name);
      return provider === undefined ? undefined : await ask(provider);
    },
    names: providers.map(({ name }) => name),
  };
}

/** A provider that cannot even say whether it can run cannot run. */
async function offerOf(provider: VmProvider, clock: AppConfig["clock"]): Promise<ProviderOffer> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.wake(
    clock.now() + AVAILABILITY_WAIT_MS,
    () => late.reject(new Error(`it has not answered for ${AVAILABILITY_WAIT_MS} ms`)),
  );
  try {
    return { provider, ...await Promise.race([provider.available(), late.promise]) };
  } catch (error) {
    const reason = `Cannot ask provider "${provider.name}": ${
      error instanceof Error ? error.message : String(error)
    }`;
    const unknown = { enforced: false, reason };
    const limits = {
      cpus: unknown,
      memory: unknown,
      disk: unknown,
      processes: unknown,
      network: unknown,
    };
    return { provider, ok: false, reason, version: null, limits };
  } finally {
    cancel();
  }
}
