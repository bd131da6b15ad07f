/**
 * Where a draft finds its actors: in itself, in the cache, in the store. An actor that an older
 * definition wrote is taken over here, in the draft that touches it.
 */
import type { ActorRow } from "../store/store.ts";
import { type Found, reviveActor } from "./actor.ts";
import type { Address } from "./address.ts";
import type { Draft } from "./draft.ts";
import { upgrade } from "./versions.ts";
import type { World } from "./world.ts";

const MISSING: Found = { type: "missing" };

/** Reads all actors that a draft is going to need in one query. */
export async function prefetch(
  world: World,
  draft: Draft,
  addresses: Iterable<Address>,
): Promise<void> {
  const unknown = [...new Set(addresses)].filter((address) =>
    world.cache.get(address) === undefined && draft.actor(address) === undefined &&
    !draft.found.has(address)
  );
  if (unknown.length === 0) return;
  const rows = new Map<Address, ActorRow>();
  for (const row of await world.store.loadActors(unknown)) rows.set(row.address, row);
  for (const address of unknown) {
    draft.found.set(address, await take(world, draft, rows.get(address)));
  }
}

/** The actor at an address, as the draft sees it. */
export async function find(world: World, draft: Draft, address: Address): Promise<Found> {
  const actor = draft.actor(address) ?? world.cache.get(address);
  if (actor !== undefined) return { type: "actor", actor };
  if (!draft.found.has(address)) await prefetch(world, draft, [address]);
  return draft.found.get(address) ?? MISSING;
}

async function take(world: World, draft: Draft, row: ActorRow | undefined): Promise<Found> {
  if (row === undefined) return MISSING;
  const kind = world.registry.find(row.kind);
  if (kind === undefined) {
    return { type: "blocked", row, reason: `kind "${row.kind}" is not registered` };
  }
  if (row.status === "active" && (row.version !== kind.version || row.blocked !== null)) {
    return await upgrade(world, draft, { row, kind });
  }
  try {
    const actor = reviveActor(row, kind);
    world.cache.put(actor);
    return { type: "actor", actor };
  } catch (error) {
    return { type: "blocked", row, reason: error instanceof Error ? error.message : String(error) };
  }
}
