/**
 * Time travel: an actor at any revision, by folding its journal again from the nearest base
 * snapshot with the definition in force. Nothing is written.
 */
import type { AnyMachineSnapshot } from "xstate";
import type { BaseRow, JournalRow, Store } from "../store/store.ts";
import type { Address } from "./address.ts";
import { stampInput } from "./deliver.ts";
import type { JsonEvent } from "./envelope.ts";
import { NotFoundError } from "./errors.ts";
import type { RegisteredKind } from "./registry.ts";
import { firstStep, persist, restore, step, type StepOwner } from "./step.ts";
import { migrate, UPGRADED } from "./versions.ts";

/** The actor's columns that do not change with its revisions. */
export type Folded = { snapshot: AnyMachineSnapshot; at: number; revision: number };

const PAGE = 500;

export type FoldOptions = {
  address: Address;
  parent: Address | null;
  revision: number;
  /** Told of each event that was applied, and of the snapshot after it. */
  onStep?: (row: JournalRow, snapshot: AnyMachineSnapshot) => void;
};

/** Folds up to a revision. Throws `NotFoundError` where the journal does not reach that far. */
export async function fold(
  store: Store,
  kind: RegisteredKind,
  options: FoldOptions,
): Promise<Folded> {
  const { address, revision } = options;
  let base = await store.baseOf(address, revision);
  for (;;) {
    const folded = await foldFrom(base, { store, kind, ...options });
    if (folded?.revision === revision) return folded;
    // Its history was cut while it was read, behind a base that was not there or not the nearest.
    const later = await store.baseOf(address, revision);
    if (later === undefined || later.revision === base?.revision) break;
    base = later;
  }
  throw new NotFoundError(`Cannot find ${address} at revision ${revision}`);
}

/**
 * Folds from base to base what is kept of a history that the definition in force wrote, back from a
 * revision, and compares each base with what is stored. `null` when they are the same.
 */
export async function differenceOfBases(
  store: Store,
  kind: RegisteredKind,
  { address, parent, revision }: Omit<FoldOptions, "onStep">,
): Promise<string | null> {
  let base = await store.baseOf(address, revision);
  while (base?.version === kind.version) {
    const { revision, snapshot } = base;
    const before = await store.baseOf(address, revision - 1);
    // What a newer definition took over does not follow from what was.
    if (await isTakeover(store, base, before)) return null;
    const folded = await foldFrom(before, { store, kind, address, parent, revision });
    // Its past has been cut.
    if (folded?.revision !== revision) return null;
    const detail = difference(folded, snapshot);
    if (detail !== null) return `at revision ${revision}: ${detail}`;
    base = before;
  }
  return null;
}

async function isTakeover(
  store: Store,
  { address, revision }: BaseRow,
  before: BaseRow | undefined,
): Promise<boolean> {
  const rows = await store.journal({
    address,
    after: before?.seq ?? 0,
    afterRevision: revision - 1,
    upToRevision: revision,
    limit: 1,
  });
  return rows.some(({ event }) => (JSON.parse(event) as JsonEvent).type === UPGRADED);
}

/** As far as the journal reaches. */
async function foldFrom(
  base: BaseRow | undefined,
  { store, kind, address, parent, revision, onStep }: FoldOptions & {
    store: Store;
    kind: RegisteredKind;
  },
): Promise<Folded | undefined> {
  let folded: Folded | undefined;
  if (base !== undefined) {
    folded = { snapshot: restoreBase(base, kind, parent), at: base.at, revision: base.revision };
  }
  let after = base?.seq ?? 0;
  while ((folded?.revision ?? 0) < revision) {
    const rows = await store.journal({
      address,
      after,
      afterRevision: base?.revision ?? 0,
      upToRevision: revision,
      limit: PAGE,
    });
    for (const row of rows) {
      after = row.seq;
      if (row.outcome !== "taken") continue;
      // Cut out from under the pages.
      if (row.revision !== (folded?.revision ?? 0) + 1) return folded;
      folded = apply(kind, { address, parent, revision: row.revision }, folded, row);
      onStep?.(row, folded.snapshot);
    }
    if (rows.length < PAGE) break;
  }
  return folded;
}

/** A base that an older definition wrote may be in a state that is no more. */
function restoreBase(
  base: BaseRow,
  kind: RegisteredKind,
  parent: Address | null,
): AnyMachineSnapshot {
  const { address, revision, version } = base;
  try {
    return restore(kind.durable, { address, parent, revision }, migrate(base, kind));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NotFoundError(
      `Cannot fold ${address} from revision ${revision}, written by definition ${version}: ${reason}`,
      { cause },
    );
  }
}

/** Compares a fold with what is stored. `null` when they are the same, byte for byte. */
export function difference(folded: Folded, stored: string): string | null {
  const again = canonical(JSON.parse(JSON.stringify(persist(folded.snapshot))));
  const before = canonical(JSON.parse(stored));
  if (again === before) return null;
  let at = 0;
  while (again[at] === before[at]) at += 1;
  const around = (text: string) => text.slice(Math.max(0, at - 40), at + 40);
  return `stored …${around(before)}… but folds to …${around(again)}…`;
}

/** JSON with the keys of every object in order, so that equal values have equal bytes. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part) => {
    if (part === null || typeof part !== "object" || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1));
  });
}

function apply(
  kind: RegisteredKind,
  owner: StepOwner,
  folded: Folded | undefined,
  row: JournalRow,
): Folded {
  const event = JSON.parse(row.event) as JsonEvent;
  if (folded === undefined) {
    if (event.type !== "xstate.init") {
      throw new NotFoundError(
        `Cannot fold ${owner.address}: its history starts with "${event.type}"`,
      );
    }
    const { snapshot } = firstStep(kind.durable, owner, {
      input: stampInput(event.input, row.at),
      at: row.at,
    });
    return { snapshot, at: row.at, revision: row.revision };
  }
  const { snapshot } = step(kind.durable, owner, {
    snapshot: folded.snapshot,
    event: { ...event, at: row.at },
  });
  return { snapshot, at: row.at, revision: row.revision };
}
