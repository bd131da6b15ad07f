/**
 * What follows from a step, written into the draft: the new snapshot, the journal line, the rows
 * for timers, effects, slots and watches, the messages to others, and the end of a life.
 */
import type { IndexValue, JournalRow } from "../store/store.ts";
import { errorOf, type LiveActor, recordOf } from "./actor.ts";
import { addressOf } from "./address.ts";
import type { Draft } from "./draft.ts";
import type { JsonEvent } from "./envelope.ts";
import { TooLargeError } from "./errors.ts";
import { hookRows } from "./hooks.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { carryOut } from "./carry_out.ts";
import { MAX_SNAPSHOT_BYTES } from "./limits.ts";
import { blobsIn } from "./payload.ts";
import { persist, type StepResult } from "./step.ts";
import type { Receipt } from "./api.ts";
import type { World } from "./world.ts";

/** What is known of the event that made the step. */
export type Turn = {
  event: JsonEvent;
  cause: string;
  key: string | null;
  /** How many messages led here. */
  depth: number;
};

/** The actor before its step; `exists` is false at its creation. */
export type Before = { actor: LiveActor; exists: boolean };

/**
 * Writes a step into the draft. Everything that can fail does so before the draft is touched:
 * throws `TooLargeError`, or `RangeError` for a delay that is no number.
 */
export async function advance(
  world: World,
  draft: Draft,
  options: { before: Before; result: StepResult; turn: Turn },
): Promise<Receipt> {
  const { before, result, turn } = options;
  const { actor } = before;
  const { snapshot } = result;
  const snapshotText = JSON.stringify(persist(snapshot));
  if (snapshotText.length > MAX_SNAPSHOT_BYTES) throw tooLarge(actor, snapshotText);
  const prepared = prepare(actor, result.commands);

  const next: LiveActor = {
    ...actor,
    revision: actor.revision + 1,
    updatedAt: draft.at,
    status: snapshot.status as LiveActor["status"],
    state: actor.kind.stateName(snapshot.value),
    snapshot,
    weight: snapshotText.length,
  };
  const indexed = indexOf(next);
  const row = draft.journal(journalRow(next, turn, { draft, result, prepared }));
  const stepped = {
    ...next,
    createdSeq: before.exists ? actor.createdSeq : row.seq,
    indexed: indexed ?? actor.indexed,
  };
  if (indexed !== undefined && indexed !== actor.indexed) writeIndex(draft, stepped, indexed);
  draft.stage(before.exists ? actor : undefined, stepped, snapshotText);
  world.counters.transitions += 1;
  for (const [sha, data] of prepared.blobs) draft.keepBlob(sha, data, actor.address);
  // A reference may have come with a message: then another actor brought the blob.
  for (const text of [snapshotText, row.event]) {
    for (const sha of blobsIn(text)) draft.keepBlob(sha, null, actor.address);
  }
  await carryOut(world, draft, { actor: stepped, prepared, depth: turn.depth });
  const from = before.exists ? actor.state : null;
  draft.starts.push(...hookRows(world, { from, actor: stepped, event: turn.event, at: draft.at }));
  if (stepped.status !== "active") end(world, draft, { actor: stepped, depth: turn.depth });
  const { address, revision, state, status } = stepped;
  return { address, seq: row.seq, revision, state, status, duplicate: false };
}

/** Records an event that changed nothing: not accepted, or of an incarnation that is gone. */
export function recordOnly(
  draft: Draft,
  actor: LiveActor,
  options: { turn: Turn; outcome: "ignored" | "dropped" },
): void {
  draft.journal({
    address: actor.address,
    revision: actor.revision,
    at: draft.at,
    event: JSON.stringify(options.turn.event),
    key: null,
    cause: options.turn.cause,
    edges: "[]",
    state: actor.state,
    status: actor.status,
    emitted: null,
    outcome: options.outcome,
  });
}

function journalRow(
  next: LiveActor,
  turn: Turn,
  parts: { draft: Draft; result: StepResult; prepared: Prepared },
): Omit<JournalRow, "seq"> {
  const { draft, result, prepared } = parts;
  return {
    address: next.address,
    revision: next.revision,
    at: draft.at,
    event: JSON.stringify(turn.event),
    key: turn.key,
    cause: turn.cause,
    edges: JSON.stringify(result.edges),
    state: next.state,
    status: next.status,
    emitted: prepared.emitted.length === 0 ? null : JSON.stringify(prepared.emitted),
    outcome: "taken",
  };
}

/** The values to filter lists by, JSON, or undefined where the kind has none. */
function indexOf(actor: LiveActor): string | undefined {
  const { index } = actor.kind.definition;
  if (index === undefined) return undefined;
  const values = Object.entries(index(recordOf(actor))).flatMap(([name, value]) => {
    const list = value === undefined ? [] : typeof value === "string" ? [value] : value;
    return list.map((one) => ({ name, value: one }));
  });
  return JSON.stringify(values);
}

function writeIndex(draft: Draft, actor: LiveActor, indexed: string): void {
  const { address, createdSeq } = actor;
  const values = JSON.parse(indexed) as IndexValue[];
  draft.writeIndex({ address, kind: actor.kind.name, createdSeq, values });
}

/** The end of a life: timers go, and who waits for it is told. */
function end(world: World, draft: Draft, options: { actor: LiveActor; depth: number }): void {
  const { actor, depth } = options;
  const { address, parent, childId, status, state, snapshot } = actor;
  draft.clearTimers(address);
  const from = `${address}/${actor.revision}`;
  if (parent !== null && childId !== null && status !== "stopped") {
    const event = status === "done"
      ? { type: `xstate.done.actor.${childId}`, output: snapshot.output, actorId: childId }
      : { type: `xstate.error.actor.${childId}`, error: errorOf(snapshot.error), actorId: childId };
    draft.followUps.push({
      type: "event",
      target: parent,
      event: event as JsonEvent,
      origin: { type: "message", from, depth: depth + 1, incarnation: { childId, key: address } },
      options: {},
      settle: undefined,
    });
  }
  for (const watch of world.watches.takeTarget(address)) {
    draft.deleteWatch(watch);
    const output = snapshot.output as unknown;
    draft.followUps.push({
      type: "event",
      target: watch.watcher,
      event: { type: "actor.ended", address, status, state, output } as JsonEvent,
      origin: { type: "message", from, depth: depth + 1, incarnation: watch },
      options: {},
      settle: undefined,
    });
  }
}

function tooLarge(actor: LiveActor, text: string): TooLargeError {
  return new TooLargeError(
    `Cannot store ${actor.address}: its snapshot has ${text.length} bytes, the limit is ` +
      `${MAX_SNAPSHOT_BYTES}; keep large values in blobs or in files`,
  );
}

/** The actor before its first step. */
export function unborn(
  world: World,
  options: {
    kind: string;
    id: string;
    at: number;
    parent: LiveActor["parent"];
    childId: string | null;
  },
): LiveActor {
  const kind = world.registry.get(options.kind);
  return {
    address: addressOf(kind.name, options.id),
    kind,
    version: kind.version,
    revision: 0,
    createdSeq: 0,
    createdAt: options.at,
    updatedAt: options.at,
    status: "active",
    state: "",
    snapshot: undefined as never,
    parent: options.parent,
    childId: options.childId,
    archivedAt: null,
    indexed: undefined,
    weight: 0,
  };
}
