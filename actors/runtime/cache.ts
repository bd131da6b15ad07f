/** A bounded cache of live actors; the one unused for longest goes first. */
import type { LiveActor } from "./actor.ts";
import type { Address } from "./address.ts";

export class ActorCache {
  #actors = new Map<Address, LiveActor>();

  constructor(readonly capacity: number) {}

  get size(): number {
    return this.#actors.size;
  }

  /** The committed actor, if it is in memory. */
  get(address: Address): LiveActor | undefined {
    return this.#actors.get(address);
  }

  /** Puts an actor in as the one used last. */
  put(actor: LiveActor): void {
    this.#actors.delete(actor.address);
    this.#actors.set(actor.address, actor);
    if (this.#actors.size <= this.capacity) return;
    const oldest = this.#actors.keys().next();
    if (!oldest.done) this.#actors.delete(oldest.value);
  }

  clear(): void {
    this.#actors.clear();
  }
}
