/**
 * Delivers one event into a draft: is it a repeat, is its target there, does it still count, does
 * the state accept it. Then the step, and what follows from it. Whoever sent it is answered when
 * the draft is committed.
 */
import type { JournalRow } from "../store/store.ts";
import { errorOf, type LiveActor, nextOwner, recordOf } from "./actor.ts";
import { ACTOR_CREATE } from "../../machines/lib/builtins.ts";
import { type Address, idOf, kindOf } from "./address.ts";
import { advance, recordOnly, type Turn, unborn } from "./advance.ts";
import type { Draft } from "./draft.ts";
import { causeOf, type EventEnvelope, type JsonEvent, type SpawnEnvelope } from "./envelope.ts";
import {
  AlreadyAnsweredError,
  AlreadyExistsError,
  BlockedError,
  EventFailedError,
  NotAcceptedError,
  NotFoundError,
  RevisionConflictError,
} from "./errors.ts";
import { MAX_MESSAGE_DEPTH } from "./limits.ts";
import { tellOfStillborn } from "./stillborn.ts";
import { acceptedEvents, childOf, firstStep, step } from "./step.ts";
import type { Receipt, SendOptions } from "./api.ts";
import type { World } from "./world.ts";

/** How long the timer of a blocked actor is put off before it is looked at again. */
const BLOCKED_RETRY_MS = 60_000;

/** Delivers an event or creates an actor. Refusals go to the sender, not to the caller. */
export async function deliver(
  world: World,
  draft: Draft,
  envelope: EventEnvelope | SpawnEnvelope,
): Promise<void> {
  const { options, target, settle } = envelope;
  const first = options.key === undefined ? undefined : draft.keys.get(keyOf(target, options.key));
  if (first !== undefined) {
    world.counters.duplicates += 1;
    draft.afterwards.push(() => settle?.resolve({ ...first, duplicate: true }));
    return;
  }
  const answered = options.idempotency && draft.answers.get(options.idempotency.key);
  if (answered) {
    const { key, fingerprint, answer } = answered;
    const error = new AlreadyAnsweredError(key, fingerprint, JSON.parse(answer));
    return draft.refuse(settle, error);
  }
  const taken = envelope.type === "spawn"
    ? await create(world, draft, envelope)
    : await apply(world, draft, envelope);
  for (const [sha, data] of envelope.blobs ?? []) {
    draft.keepBlob(sha, data, target);
  }
  if (taken !== undefined) return answer(draft, envelope, taken);
  if (envelope.type === "event" && envelope.origin.type === "effect" && settle !== undefined) {
    draft.afterwards.push(() => settle.resolve(undefined));
    draft.onFailure.push(settle.reject);
  }
}

/** Where keys are kept: unique for an address. */
export function keyOf(address: Address, key: string): string {
  return `${address} ${key}`;
}

/** A journal line as the receipt that its sender got. */
export function receiptOf(row: JournalRow): Receipt {
  const { address, seq, revision, state, status } = row;
  return { address, seq, revision, state, status, duplicate: false };
}

/** What was taken, and the actor after it. */
type Taken = { receipt: Receipt; actor: LiveActor };

async function create(
  world: World,
  draft: Draft,
  envelope: SpawnEnvelope,
): Promise<Taken | undefined> {
  const { target, parent, settle, depth, cause } = envelope;
  const found = await world.find(draft, target);
  if (found.type !== "missing") {
    draft.refuse(settle, new AlreadyExistsError(`Cannot create ${target}: it exists already`));
    return undefined;
  }
  const event = { type: "xstate.init", input: envelope.input } as JsonEvent;
  const turn: Turn = { event, cause, key: envelope.options.key ?? null, depth };
  const { seq } = draft;
  try {
    const actor = unborn(world, {
      kind: envelope.kind,
      id: idOf(target),
      at: draft.at,
      parent: parent?.address ?? null,
      childId: parent?.childId ?? null,
    });
    const input = stampInput(envelope.input, draft.at);
    const result = firstStep(actor.kind.durable, nextOwner(actor), { input, at: draft.at });
    const before = { actor, exists: false };
    const receipt = await advance(world, draft, { before, result, turn });
    return taken(draft, receipt);
  } catch (error) {
    // Once the draft has been written to, only the whole draft can be given up.
    if (draft.seq !== seq) throw error;
    fail(world, draft, { envelope, turn, error });
    return undefined;
  }
}

/** An actor's input carries the time of its creation, as events carry theirs. */
export function stampInput(input: unknown, at: number): unknown {
  if (input === undefined || input === null) return { at };
  return typeof input === "object" && !Array.isArray(input) ? { at, ...input } : input;
}

async function apply(
  world: World,
  draft: Draft,
  envelope: EventEnvelope,
): Promise<Taken | undefined> {
  const { target, event, origin, options, settle } = envelope;
  const depth = origin.type === "message" ? origin.depth : 0;
  const turn: Turn = { event, cause: causeOf(origin), key: options.key ?? null, depth };
  if (origin.type === "timer") {
    if (draft.isTimerGone(origin.row)) {
      world.counters.obsolete += 1;
      return undefined;
    }
    if (world.effects?.isLive(target)) {
      draft.deleteTimer(origin.row.address, origin.row.id);
      draft.tells.push({ key: target, event });
      return undefined;
    }
  }
  if (origin.type === "deadLetter" && !await takeLetter(world, draft, origin.id)) {
    draft.refuse(settle, new NotFoundError(`Cannot find dead letter "${origin.id}"`));
    return undefined;
  }
  const found = await world.find(draft, target);
  if (found.type === "blocked") return refuseBlocked(world, draft, { envelope, turn, ...found });
  if (origin.type === "timer") world.counters.timersFired += 1;
  consumeOrigin(draft, envelope);
  const wanted = creationOf(envelope);
  if (found.type === "missing") {
    if (wanted !== undefined) return await create(world, draft, wanted);
    return refuseMissing(world, draft, { envelope, turn });
  }
  if (wanted !== undefined) {
    // It is there: whoever asked for it has what was asked for.
    world.counters.duplicates += 1;
    return undefined;
  }
  const { actor } = found;
  if (depth > MAX_MESSAGE_DEPTH) {
    const reason = `one event led to more than ${MAX_MESSAGE_DEPTH} messages in a row`;
    return deadLetter(world, draft, { envelope, turn, reason });
  }
  if (isObsolete(actor, envelope)) {
    world.counters.obsolete += 1;
    if (origin.type === "effect" && origin.ends) {
      recordOnly(draft, actor, { turn, outcome: "dropped" });
    }
    return undefined;
  }
  const { expectRevision } = options;
  if (expectRevision !== undefined && expectRevision !== actor.revision) {
    draft.refuse(settle, new RevisionConflictError(target, expectRevision, actor.revision));
    return undefined;
  }
  if (actor.status !== "active") return refuseEnded(world, draft, { envelope, turn, actor });
  return await take(world, draft, { envelope, turn, actor });
}

/** The creation that a message asks for: see `createActor` in `machines/lib/builtins.ts`. */
function creationOf({ target, event, origin }: EventEnvelope): SpawnEnvelope | undefined {
  if (origin.type !== "message" || event.type !== ACTOR_CREATE) return undefined;
  return {
    type: "spawn",
    target,
    kind: kindOf(target),
    input: event["input"] ?? null,
    parent: null,
    cause: causeOf(origin),
    depth: origin.depth,
    options: {},
    settle: undefined,
  };
}

/** Whether a dead letter is still there, and not on its way for a second time. */
async function takeLetter(world: World, draft: Draft, id: string): Promise<boolean> {
  return !draft.rows.deadLettersDeleted.includes(id) &&
    await world.store.getDeadLetter(id) !== undefined;
}

async function take(
  world: World,
  draft: Draft,
  options: { envelope: EventEnvelope; turn: Turn; actor: LiveActor },
): Promise<Taken | undefined> {
  const { envelope, turn, actor } = options;
  const event = { ...turn.event, at: draft.at };
  const { seq } = draft;
  try {
    const owner = nextOwner(actor);
    const result = step(actor.kind.durable, owner, { snapshot: actor.snapshot, event });
    if (!result.accepted) {
      refuse(world, draft, options);
      return undefined;
    }
    const before = { actor, exists: true };
    return taken(draft, await advance(world, draft, { before, result, turn }));
  } catch (error) {
    // Once the draft has been written to, only the whole draft can be given up.
    if (draft.seq !== seq) throw error;
    fail(world, draft, { envelope, turn, error });
    return undefined;
  }
}

function taken(draft: Draft, receipt: Receipt): Taken {
  const actor = draft.actor(receipt.address);
  if (actor === undefined) throw new Error(`Cannot find ${receipt.address} after its step`);
  return { receipt, actor };
}

/** Answers the sender, and stores what is owed to its keys, once the commit stands. */
function answer(draft: Draft, envelope: EventEnvelope | SpawnEnvelope, { receipt, actor }: Taken) {
  const { options, settle, target } = envelope;
  if (options.key !== undefined) draft.keys.set(keyOf(target, options.key), receipt);
  keepAnswer(draft, options, { receipt, actor });
  if (envelope.type === "event" && envelope.origin.type === "deadLetter") {
    draft.rows.deadLettersDeleted.push(envelope.origin.id);
  }
  if (settle !== undefined) {
    draft.afterwards.push(() => settle.resolve(receipt));
    draft.onFailure.push(settle.reject);
  }
}

function keepAnswer(draft: Draft, { idempotency }: SendOptions, { receipt, actor }: Taken): void {
  if (idempotency === undefined) return;
  const { key, fingerprint, answer } = idempotency;
  const row = {
    key,
    fingerprint,
    answer: JSON.stringify(answer(recordOf(actor), receipt)),
    at: draft.at,
  };
  draft.rows.idempotency.push(row);
  draft.answers.set(key, row);
}

/** A timer that fires and an effect that ends are gone, whatever becomes of their event. */
function consumeOrigin(draft: Draft, { origin }: EventEnvelope): void {
  if (origin.type === "timer") draft.deleteTimer(origin.row.address, origin.row.id);
  if (origin.type === "effect" && origin.ends) draft.rows.effectsDeleted.push(origin.key);
}

/** Whether the event belongs to an incarnation of a child that is not the present one. */
function isObsolete(actor: LiveActor, { origin }: EventEnvelope): boolean {
  const carried = origin.type === "message" || origin.type === "deadLetter";
  const incarnation = carried ? origin.incarnation : origin;
  if (incarnation === undefined || !("childId" in incarnation)) return false;
  const { childId, key } = incarnation;
  if (childId === null) return false;
  return actor.status !== "active" || childOf(actor.snapshot, childId)?.key !== key;
}

type Refusal = { envelope: EventEnvelope; turn: Turn };

function refuseBlocked(
  world: World,
  draft: Draft,
  options: Refusal & { reason: string },
): undefined {
  const { envelope, reason } = options;
  const { origin, target, settle } = envelope;
  if (origin.type === "timer") {
    draft.setTimer({ ...origin.row, dueAt: draft.at + BLOCKED_RETRY_MS });
    return undefined;
  }
  if (origin.type === "api" || origin.type === "deadLetter") {
    draft.refuse(
      settle,
      new BlockedError(`Cannot apply "${envelope.event.type}" to ${target}: ${reason}`),
    );
    return undefined;
  }
  return deadLetter(world, draft, options);
}

function refuseMissing(world: World, draft: Draft, options: Refusal): undefined {
  const { envelope: { origin, target, settle, event } } = options;
  if (origin.type === "effect" || event.type === "xstate.stop") return undefined;
  if (origin.type === "api" || origin.type === "deadLetter") {
    draft.refuse(settle, new NotFoundError(`Cannot find ${target}`));
    return undefined;
  }
  return deadLetter(world, draft, { ...options, reason: "there is no such actor" });
}

function refuseEnded(
  world: World,
  draft: Draft,
  options: Refusal & { actor: LiveActor },
): undefined {
  const { envelope: { origin, event }, actor } = options;
  if (event.type === "xstate.stop") return undefined;
  if (origin.type === "message" || origin.type === "timer") {
    const reason = `the actor has ended in state "${actor.state}"`;
    return deadLetter(world, draft, { ...options, reason });
  }
  return refuse(world, draft, options);
}

/** The state does not accept it: a sender is told, anything else is recorded and forgotten. */
function refuse(world: World, draft: Draft, options: Refusal & { actor: LiveActor }): undefined {
  const { envelope: { origin, settle, event }, turn, actor } = options;
  world.counters.refused += 1;
  if (origin.type !== "api" && origin.type !== "deadLetter") {
    recordOnly(draft, actor, { turn, outcome: "ignored" });
    return undefined;
  }
  const accepts = acceptedEvents(actor.snapshot);
  draft.refuse(settle, new NotAcceptedError(actor.address, event.type, actor.state, accepts));
  return undefined;
}

/** A step that threw changes nothing; its event is kept with the error. */
function fail(
  world: World,
  draft: Draft,
  options: { envelope: EventEnvelope | SpawnEnvelope; turn: Turn; error: unknown },
): void {
  const { envelope, turn, error } = options;
  const { name, message } = errorOf(error);
  const { event } = turn;
  world.log("error", "A step failed", {
    address: envelope.target,
    event: event.type,
    error: message,
  });
  const { settle } = envelope;
  // A creation that failed left nothing that the letter could be sent to again.
  if (envelope.type === "spawn" && settle !== undefined) {
    return draft.refuse(settle, wrap(envelope, error));
  }
  if (envelope.type === "event" && envelope.origin.type === "deadLetter") {
    return draft.refuse(settle, wrap(envelope, error));
  }
  deadLetter(world, draft, { envelope, turn, reason: `${name}: ${message}` });
  if (envelope.type === "spawn") tellOfStillborn(world, draft, { envelope, error });
  draft.refuse(settle, wrap(envelope, error));
}

function wrap(envelope: EventEnvelope | SpawnEnvelope, cause: unknown): Error {
  if (cause instanceof Error && cause.name === "TooLargeError") return cause;
  const what = envelope.type === "spawn" ? "create" : `apply "${envelope.event.type}" to`;
  const { message } = errorOf(cause);
  return new EventFailedError(`Cannot ${what} ${envelope.target}: ${message}`, { cause });
}

function deadLetter(
  world: World,
  draft: Draft,
  options: { envelope: EventEnvelope | SpawnEnvelope; turn: Turn; reason: string },
): undefined {
  const { envelope, turn, reason } = options;
  world.counters.deadLetters += 1;
  draft.rows.deadLetters.push({
    id: `dead_${world.ids()}`,
    seq: draft.seq,
    at: draft.at,
    address: envelope.target,
    event: JSON.stringify(turn.event),
    cause: turn.cause,
    reason,
  });
  return undefined;
}
