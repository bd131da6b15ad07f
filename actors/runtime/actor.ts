/**
 * One actor in memory: its stored columns and its live snapshot. Values are never changed, a step
 * makes a new one; what has not been committed lives only in a draft.
 */
import type { AnyMachineSnapshot } from "xstate";
import type { ActorRow, ActorStatus } from "../store/store.ts";
import { type Address, idOf } from "./address.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ActorRecord, PersistedSnapshot } from "./kind.ts";
import type { RegisteredKind } from "./registry.ts";
import { restore, type StepOwner } from "./step.ts";

export type LiveActor = {
  readonly address: Address;
  readonly kind: RegisteredKind;
  readonly version: string;
  readonly revision: number;
  readonly createdSeq: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly status: ActorStatus;
  readonly state: string;
  readonly snapshot: AnyMachineSnapshot;
  readonly parent: Address | null;
  readonly childId: string | null;
  readonly archivedAt: number | null;
  /** The index values last written, JSON; undefined when not known. */
  readonly indexed: string | undefined;
  /** Length of its persisted snapshot: what it weighs in the cache. */
  readonly weight: number;
};

/** What stands at an address. */
export type Found =
  | { type: "actor"; actor: LiveActor }
  | { type: "blocked"; row: ActorRow; reason: string }
  | { type: "missing" };

/** Makes a stored actor live. Throws what XState throws when the state exists no more. */
export function reviveActor(row: ActorRow, kind: RegisteredKind): LiveActor {
  const { snapshot: text, blocked: _, ...columns } = row;
  const owner = { address: row.address, parent: row.parent, revision: row.revision };
  const snapshot = restore(kind.durable, owner, JSON.parse(text) as PersistedSnapshot);
  return { ...columns, kind, snapshot, indexed: undefined, weight: text.length };
}

/** Who takes the actor's next step. */
export function nextOwner(actor: LiveActor): StepOwner {
  return { address: actor.address, parent: actor.parent, revision: actor.revision + 1 };
}

/** The actor as the API shows it. */
export function recordOf(actor: LiveActor): ActorRecord {
  const { snapshot } = actor;
  const { output, error } = snapshot;
  return {
    address: actor.address,
    kind: actor.kind.name,
    id: idOf(actor.address),
    version: actor.version,
    revision: actor.revision,
    status: actor.status,
    state: actor.state,
    value: snapshot.value as Json,
    context: snapshot.context as JsonObject,
    tags: [...snapshot.tags],
    ...(output === undefined ? {} : { output: output as Json }),
    ...(error === undefined ? {} : { error: errorOf(error) }),
    parent: actor.parent,
    blocked: null,
    createdAt: actor.createdAt,
    updatedAt: actor.updatedAt,
    createdSeq: actor.createdSeq,
    archivedAt: actor.archivedAt,
  };
}

/** A stored actor that no present definition can take over, as far as it can be shown. */
export function blockedRecord(row: ActorRow, reason: string): ActorRecord {
  const persisted = JSON.parse(row.snapshot) as PersistedSnapshot;
  return {
    address: row.address,
    kind: row.kind,
    id: idOf(row.address),
    version: row.version,
    revision: row.revision,
    status: row.status,
    state: row.state,
    value: persisted.value,
    context: persisted.context,
    tags: [],
    ...(persisted.output === undefined ? {} : { output: persisted.output }),
    parent: row.parent,
    blocked: row.blocked ?? reason,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    createdSeq: row.createdSeq,
    archivedAt: row.archivedAt,
  };
}

/** An error as JSON: what survives of it is its name, message and code. */
export function errorOf(error: unknown): { name: string; message: string; code?: string } {
  if (error !== null && typeof error === "object" && "message" in error) {
    const { name, message, code } = error as { name?: unknown; message: unknown; code?: unknown };
    return {
      name: typeof name === "string" ? name : "Error",
      message: String(message),
      ...(typeof code === "string" ? { code } : {}),
    };
  }
  return { name: "Error", message: typeof error === "string" ? error : JSON.stringify(error) };
}
