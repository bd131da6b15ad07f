/** A bounded cache of live actors; the one unused for longest goes first. */
import type { LiveActor } from "./actor.ts";
import type { Address } from "./address.ts";
import { MAX_CACHED_BYTES } from "./limits.ts";

export class ActorCache {
  #actors = new Map<Address, LiveActor>();
  #weight = 0;

  constructor(readonly capacity: number, readonly maxWeight = MAX_CACHED_BYTES) {}

  get size(): number {
    return this.#actors.size;
  }

  /** The committed actor, if it is in memory. */
  get(address: Address): LiveActor | undefined {
    return this.#actors.get(address);
  }

  /** Puts an actor in as the one used last. */
  put(actor: LiveActor): void {
    this.#drop(actor.address);
    this.#actors.set(actor.address, actor);
    this.#weight += actor.weight;
    for (const oldest of this.#actors.keys()) {
      if (this.#actors.size <= this.capacity && this.#weight <= this.maxWeight) return;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#actors.clear();
    this.#weight = 0;
  }

  #drop(address: Address): void {
    const actor = this.#actors.get(address);
    if (actor === undefined) return;
    this.#actors.delete(address);
    this.#weight -= actor.weight;
  }
}
