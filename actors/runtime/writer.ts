/**
 * Writing: how callers' events, limits and answers get into the mailbox. Everything is checked
 * here before it is queued, and answered when it is durable.
 */
import { type Address, addressOf, isAddress } from "./address.ts";
import type { PoolStatus, Receipt, SendOptions, System } from "./api.ts";
import type { Committer } from "./committer.ts";
import type { EventEnvelope, JsonEvent, Settle, SpawnEnvelope } from "./envelope.ts";
import { InvalidPayloadError, KeyReusedError, NotFoundError } from "./errors.ts";
import type { Json } from "./json.ts";
import type { EventInput } from "./kind.ts";
import { MAX_KEY_CHARS } from "./limits.ts";
import { toPayload } from "./payload.ts";
import type { World } from "./world.ts";

export type WriterParts = {
  world: World;
  committer: Committer;
  /** Throws `DrainingError` while no events are taken. */
  checkOpen(): void;
};

export type Writer = Pick<
  System,
  | "spawn"
  | "send"
  | "setPool"
  | "retryDeadLetter"
  | "dropDeadLetter"
  | "answerTo"
  | "keepAnswer"
>;

export function createWriter(parts: WriterParts): Writer {
  return {
    spawn: (kind, id, input, options = {}) => spawn(parts, { kind, id, input, options }),
    send: (address, event, options = {}) => send(parts, { address, event, options }),
    setPool: (name, limit) => setPool(parts, name, limit),
    retryDeadLetter: (id) => retryDeadLetter(parts, id),
    dropDeadLetter: (id) => dropDeadLetter(parts, id),
    answerTo: (key, fingerprint) => answerTo(parts, key, fingerprint),
    keepAnswer: (key, fingerprint, answer) => keepAnswer(parts, { key, fingerprint, answer }),
  };
}

async function spawn(
  parts: WriterParts,
  request: { kind: string; id: string; input: unknown; options: SendOptions },
): Promise<Receipt> {
  const { kind, id, input, options } = request;
  parts.world.registry.get(kind);
  const target = addressOf(kind, id);
  check(parts, options);
  const { value, blobs } = toPayload(input, `input of ${target}`);
  return await submit(parts, (settle) => ({
    type: "spawn",
    target,
    kind,
    input: value,
    parent: null,
    cause: "api",
    depth: 0,
    options,
    blobs,
    settle,
  }));
}

async function send(
  parts: WriterParts,
  request: { address: Address; event: EventInput; options: SendOptions },
): Promise<Receipt> {
  const { address, event, options } = request;
  if (!isAddress(address)) throw new NotFoundError(`Cannot find "${address}": want "kind:id"`);
  if (typeof event.type !== "string" || event.type === "" || event.type.startsWith("xstate.")) {
    throw new InvalidPayloadError(
      `Cannot send event "${event.type}": want a type of the machine's own`,
    );
  }
  check(parts, options);
  const { value, blobs } = toPayload(event, `event "${event.type}" for ${address}`);
  return await submit(parts, (settle) => ({
    type: "event",
    target: address,
    event: value as JsonEvent,
    origin: { type: "api" },
    options,
    blobs,
    settle,
  }));
}

async function setPool(
  { world, committer, checkOpen }: WriterParts,
  name: string,
  limit: number | null,
): Promise<PoolStatus> {
  if (limit !== null && (!Number.isSafeInteger(limit) || limit < 0)) {
    throw new RangeError(`Cannot set pool "${name}" to ${limit}: want a whole number or null`);
  }
  checkOpen();
  await committer.write((draft) => {
    // The store knows numbers only: below zero stands for no limit.
    draft.rows.pools.push({ name, limit: limit ?? -1 });
    world.pools.setLimit(name, limit);
  });
  return world.pools.status(name);
}

async function retryDeadLetter(parts: WriterParts, id: string): Promise<Receipt> {
  const letter = await parts.world.store.getDeadLetter(id);
  if (letter === undefined) throw new NotFoundError(`Cannot find dead letter "${id}"`);
  check(parts, {});
  const event = JSON.parse(letter.event) as JsonEvent;
  const incarnation = incarnationOf(letter.cause, event);
  return await submit(parts, (settle) => ({
    type: "event",
    target: letter.address,
    event,
    origin: { type: "deadLetter", id, ...(incarnation === undefined ? {} : { incarnation }) },
    options: {},
    settle,
  }));
}

async function dropDeadLetter({ world, committer, checkOpen }: WriterParts, id: string) {
  if (await world.store.getDeadLetter(id) === undefined) {
    throw new NotFoundError(`Cannot find dead letter "${id}"`);
  }
  checkOpen();
  await committer.write((draft) => void draft.rows.deadLettersDeleted.push(id));
}

async function answerTo(
  { world }: WriterParts,
  key: string,
  fingerprint: string,
): Promise<Json | undefined> {
  const row = await world.store.getIdempotency(key);
  if (row === undefined) return undefined;
  if (row.fingerprint !== fingerprint) {
    throw new KeyReusedError(`Cannot use key "${key}": it was used for another request`);
  }
  return JSON.parse(row.answer) as Json;
}

async function keepAnswer(
  { committer, checkOpen }: WriterParts,
  { key, fingerprint, answer }: { key: string; fingerprint: string; answer: Json },
): Promise<void> {
  checkOpen();
  await committer.write((draft) => {
    const row = { key, fingerprint, answer: JSON.stringify(answer), at: draft.at };
    draft.rows.idempotency.push(row);
  });
}

function check({ checkOpen }: WriterParts, { key }: SendOptions): void {
  checkOpen();
  if (key !== undefined && (key === "" || key.length > MAX_KEY_CHARS)) {
    throw new RangeError(`Cannot use key: want 1 to ${MAX_KEY_CHARS} characters`);
  }
}

function submit(
  { committer }: WriterParts,
  make: (settle: Settle) => EventEnvelope | SpawnEnvelope,
): Promise<Receipt> {
  return new Promise((resolve, reject) => {
    const settle: Settle = {
      resolve: (receipt) => {
        if (receipt === undefined) reject(new Error("Cannot answer: the event left no receipt"));
        else resolve(receipt);
      },
      reject,
    };
    committer.submit(make(settle));
  });
}

/** Which life of a child a dead letter belonged to. */
function incarnationOf(cause: string, event: JsonEvent) {
  const { actorId } = event;
  if (!cause.startsWith("effect/") || typeof actorId !== "string") return undefined;
  return { childId: actorId, key: cause.slice("effect/".length) };
}
