/**
 * The providers of a server by name, and the rule that a VM has one operation at a time: what was
 * given up (its signal aborted) may still be ending when the next begins, and must not undo it.
 */
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { ProviderError, type VmProvider } from "./provider.ts";
import { untilAborted } from "./until_aborted.ts";

/** How long an operation waits for one that was given up and does not end, ms. */
const LET_GO_MS = 30_000;

/** The providers of a server. */
export class VmProviders {
  readonly #providers: ReadonlyMap<string, VmProvider>;
  /** The last operation on each VM that has one. */
  readonly #operations = new Map<string, Promise<void>>();

  /** No two may have one name; the clock tells how long to wait for what was given up. */
  constructor(
    providers: readonly VmProvider[],
    readonly clock: Pick<Clock, "now" | "wake"> = systemClock,
  ) {
    this.#providers = new Map(providers.map((provider) => [provider.name, provider]));
  }

  /** In the order in which they were given. */
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
    const turn = before === undefined ? undefined : this.#letGo(before);
    const mine = (async () => {
      if (turn !== undefined) await untilAborted(turn, signal);
      signal.throwIfAborted();
      return await operation();
    })();
    // Called off while it waits, it still stands between the one before it and the one after.
    const settled = Promise.allSettled([turn, mine]).then(() => {});
    this.#operations.set(vmId, settled);
    void settled.then(() => {
      if (this.#operations.get(vmId) === settled) this.#operations.delete(vmId);
    });
    return await mine;
  }

  /** Waits for an operation that was given up, but not for ever. */
  #letGo(operation: Promise<void>): Promise<void> {
    const { clock } = this;
    return new Promise((resolve) => {
      const cancel = clock.wake(clock.now() + LET_GO_MS, resolve);
      void operation.then(() => {
        cancel();
        resolve();
      });
    });
  }
}
