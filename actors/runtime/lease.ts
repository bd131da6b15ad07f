/**
 * The lease: one process at a time works on a database. A local file is locked by the operating
 * system; a shared database needs a sign of life now and then.
 */
import type { Lease, Store } from "../store/store.ts";
import { errorOf } from "./actor.ts";
import type { Logger } from "./api.ts";
import type { Clock } from "./clock.ts";
import { StoreError } from "./errors.ts";
import { LEASE_MS } from "./limits.ts";

/** How often a standby asks whether the lease is free. */
const RETRY_MS = 250;

export type LeaseParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  /** Another process has taken the lease: this one must end. */
  onLost(error: StoreError): void;
};

export class LeaseKeeper {
  #held: Lease | null = null;
  #cancel = () => {};
  #isStopped = false;

  constructor(readonly parts: LeaseParts) {}

  get held(): Lease | null {
    return this.#held;
  }

  /** Takes the lease, waiting up to `waitMs` for another process to let go of it. */
  async take(bootId: string, waitMs: number): Promise<Lease> {
    const { store, clock } = this.parts;
    const giveUpAt = clock.now() + waitMs;
    for (let isFirst = true;; isFirst = false) {
      try {
        this.#held = await store.acquireLease(bootId, clock.now(), LEASE_MS);
        this.#renewLater();
        return this.#held;
      } catch (error) {
        const isHeld = error instanceof StoreError && error.failure === "fenced";
        if (!isHeld || clock.now() >= giveUpAt) throw error;
        if (isFirst) this.parts.log("info", "Standing by", { reason: error.message });
        await new Promise<void>((resolve) => clock.wake(clock.now() + RETRY_MS, resolve));
      }
    }
  }

  /** Gives the lease back, so that the next process need not wait. */
  async release(): Promise<void> {
    this.stop();
    if (this.#held !== null) await this.parts.store.releaseLease();
    this.#held = null;
  }

  /** Renews it no more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #renewLater(): void {
    const { store, clock } = this.parts;
    if (store.info.syncMode !== "REMOTE" || this.#isStopped) return;
    this.#cancel = clock.wake(clock.now() + LEASE_MS / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { store, clock, log, onLost } = this.parts;
    try {
      await store.renewLease(clock.now(), LEASE_MS);
      this.#renewLater();
    } catch (error) {
      log("error", "Cannot renew the lease", { error: errorOf(error) });
      if (error instanceof StoreError && error.failure === "fenced") onLost(error);
      else this.#renewLater();
    }
  }
}
