/**
 * The providers of a server by name, and the rule that a VM has one operation at a time: what was
 * given up (its signal aborted) may still be ending when the next begins, and must not undo it.
 */
import { ProviderError, type VmProvider } from "./provider.ts";

/** How long an operation waits for one that was given up and does not end, ms. */
const LET_GO_MS = 30_000;

export class VmProviders {
  readonly #providers: ReadonlyMap<string, VmProvider>;
  /** The last operation on each VM that has one. */
  readonly #operations = new Map<string, Promise<void>>();

  constructor(providers: readonly VmProvider[]) {
    this.#providers = new Map(providers.map((provider) => [provider.name, provider]));
  }

  all(): VmProvider[] {
    return [...this.#providers.values()];
  }

  /** Throws `ProviderError("invalid")` where there is none of that name. */
  get(name: string): VmProvider {
    const found = this.#providers.get(name);
    if (found !== undefined) return found;
    const known = [...this.#providers.keys()].join(", ");
    throw new ProviderError("invalid", `Cannot use provider "${name}": it is not one of ${known}`);
  }

  /** Runs an operation on a VM when the one before it has ended. */
  async alone<T>(vmId: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    const before = this.#operations.get(vmId);
    const mine = (async () => {
      if (before !== undefined) await bounded(before, signal);
      signal.throwIfAborted();
      return await operation();
    })();
    const settled = mine.then(() => {}, () => {});
    this.#operations.set(vmId, settled);
    void settled.then(() => {
      if (this.#operations.get(vmId) === settled) this.#operations.delete(vmId);
    });
    return await mine;
  }
}

/** Waits for an operation that was given up, but not for ever. */
async function bounded(operation: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LET_GO_MS);
  signal.addEventListener("abort", () => resolve(), { once: true });
  try {
    await Promise.race([operation, promise]);
  } finally {
    clearTimeout(timer);
  }
}
