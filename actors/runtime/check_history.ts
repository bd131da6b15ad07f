/**
 * Folds recorded histories again with the definition in force, and shows whose would have gone
 * another way, and where it would have left the one that it went.
 */
import type { AnyMachineSnapshot } from "xstate";
import type { ActorRow, JournalRow, Store } from "../store/store.ts";
import type { Address } from "./address.ts";
import { fold } from "./history.ts";
import type { Json } from "./json.ts";
import type { RegisteredKind } from "./registry.ts";

/** Where a history leaves the way that it went. */
export type Divergence = {
  address: Address;
  revision: number;
  /** The event's type; null where it is not known. */
  event: string | null;
  /** The state that it led to, or the actor's present one. */
  was: string;
  /** The state that it would lead to; null where it cannot be folded. */
  would: string | null;
  /** Why it cannot be folded. */
  reason: string | null;
};

/** What was folded, and what of it went another way. */
export type Refolded = { count: number; diverged: Divergence[] };

const PAGE = 200;

/** Folds the newest `max` histories of a kind. */
export async function refold(
  store: Store,
  kind: RegisteredKind,
  { max, onProgress }: { max: number; onProgress: (count: number) => void },
): Promise<Refolded> {
  const diverged: Divergence[] = [];
  let count = 0;
  let after: number | undefined;
  while (count < max) {
    const limit = Math.min(PAGE, max - count);
    const rows = await store.listActors({
      kind: kind.name,
      limit,
      ...(after === undefined ? {} : { after }),
    });
    for (const row of rows) {
      const divergence = await check(store, kind, row);
      if (divergence !== null) diverged.push(divergence);
      onProgress(++count);
    }
    if (rows.length < limit) break;
    after = rows.at(-1)?.createdSeq;
  }
  return { count, diverged };
}

async function check(
  store: Store,
  kind: RegisteredKind,
  { address, parent, revision, state }: ActorRow,
): Promise<Divergence | null> {
  const ways: Divergence[] = [];
  let reached = 0;
  const onStep = (row: JournalRow, snapshot: AnyMachineSnapshot) => {
    const would = kind.stateName(snapshot.value as Json);
    reached = row.revision;
    if (ways.length > 0 || (would === row.state && snapshot.status === row.status)) return;
    const { type } = JSON.parse(row.event) as { type: string };
    ways.push({
      address,
      revision: row.revision,
      event: type,
      was: row.state,
      would,
      reason: null,
    });
  };
  try {
    await fold(store, kind, { address, parent, revision, onStep });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const failed = { revision: reached + 1, event: null, was: state, would: null, reason };
    ways.push({ address, ...failed });
  }
  return ways[0] ?? null;
}
