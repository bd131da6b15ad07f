/**
 * The parts that delivering an event needs, in one object, so that the functions that do it can
 * be plain functions.
 */
import type { Store } from "../store/store.ts";
import type { Found } from "./actor.ts";
import type { Address } from "./address.ts";
import type { ActorCache } from "./cache.ts";
import type { Counters } from "./counters.ts";
import type { Draft } from "./draft.ts";
import type { EffectRunner } from "./effects.ts";
import type { Pools } from "./pools.ts";
import type { Registry } from "./registry.ts";
import type { Logger } from "./api.ts";
import type { Watches } from "./watches.ts";

export type World = {
  readonly store: Store;
  readonly registry: Registry;
  readonly cache: ActorCache;
  readonly pools: Pools;
  readonly watches: Watches;
  readonly counters: Counters;
  readonly log: Logger;
  readonly bootId: string;
  readonly ids: () => string;
  /** Events of an actor from one base snapshot to the next. */
  readonly eventsPerBase: number;
  /** What stands at an address, as a draft sees it. */
  find(draft: Draft, address: Address): Promise<Found>;
  /** Effects that run in this process; absent where the world is only looked at. */
  effects: EffectRunner | undefined;
};
