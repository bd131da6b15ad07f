/**
 * The errors that callers branch on. Everything else is a built-in class. HTTP maps them to
 * statuses in one place (`routes/errors.ts`); none of them leaves a trace in the database.
 */
import type { Address } from "./address.ts";
import type { Json } from "./json.ts";

/** No actor, dead letter or other thing of that name exists. */
export class NotFoundError extends Error {
  /** What logs and records call it. */
  override name = "NotFoundError";
}

/** An actor of that address exists already and was made by another call. */
export class AlreadyExistsError extends Error {
  /** What logs and records call it. */
  override name = "AlreadyExistsError";
}

/** The present state does not accept the event. */
export class NotAcceptedError extends Error {
  /** What logs and records call it. */
  override name = "NotAcceptedError";

  /** `state` is the present one, `accepts` the types of the events that it would have taken. */
  constructor(
    readonly address: Address,
    readonly event: string,
    readonly state: string,
    readonly accepts: readonly string[],
  ) {
    const list = accepts.length > 0 ? `it accepts ${accepts.join(", ")}` : "it accepts no event";
    // The state names it, and a guard has said no.
    const refused = accepts.includes(event) ? "which takes it only under conditions; " : "";
    super(`Cannot apply "${event}" to ${address}: state is "${state}", ${refused}${list}`);
  }
}

/** `expectRevision` is not the actor's revision. */
export class RevisionConflictError extends Error {
  /** What logs and records call it. */
  override name = "RevisionConflictError";

  /** `expected` is what the sender asked for, `actual` the revision that the actor is at. */
  constructor(readonly address: Address, readonly expected: number, readonly actual: number) {
    super(`Cannot apply event to ${address}: revision is ${actual}, expected ${expected}`);
  }
}

/** A key was used before for something else. */
export class KeyReusedError extends Error {
  /** What logs and records call it. */
  override name = "KeyReusedError";
}

/** The idempotency key has been answered; this is the answer. */
export class AlreadyAnsweredError extends Error {
  /** What logs and records call it. */
  override name = "AlreadyAnsweredError";

  /** `fingerprint` is of the request that was answered: for another one the key was reused. */
  constructor(readonly key: string, readonly fingerprint: string, readonly answer: Json) {
    super(`Cannot apply event: idempotency key "${key}" has been answered`);
  }
}

/** A guard, assign or action factory of the machine threw; the event is in the dead letters. */
export class EventFailedError extends Error {
  /** What logs and records call it. */
  override name = "EventFailedError";
}

/** The actor was written by a definition that the present one cannot take over. */
export class BlockedError extends Error {
  /** What logs and records call it. */
  override name = "BlockedError";
}

/** An event or input that no actor may be sent: a reserved type or field. */
export class InvalidPayloadError extends TypeError {
  /** Always `InvalidPayloadError`. */
  override name = "InvalidPayloadError";
}

/** A value is larger than its bound. */
export class TooLargeError extends Error {
  /** What logs and records call it. */
  override name = "TooLargeError";
}

/** Too many events wait; try again after `retryAfterMs`. */
export class OverloadedError extends Error {
  /** What logs and records call it. */
  override name = "OverloadedError";

  /** `retryAfterMs` is a guess: the sender may be refused again. */
  constructor(message: string, readonly retryAfterMs: number) {
    super(message);
  }
}

/** The system is stopping or stopped and takes no more events. */
export class DrainingError extends Error {
  /** What logs and records call it. */
  override name = "DrainingError";
}

/** The machine cannot be made durable; `problems` says where and what to write instead. */
export class NotDurableError extends Error {
  /** What logs and records call it. */
  override name = "NotDurableError";

  /** `problems` are lines for people, each with the path of a state. */
  constructor(kind: string, readonly problems: readonly string[]) {
    super(`Cannot register kind "${kind}":\n${problems.map((line) => `  ${line}`).join("\n")}`);
  }
}

/** Why a store failed, as far as a caller can act on it. */
export type StoreFailure = "busy" | "full" | "fenced" | "conflict" | "corrupt" | "other";

/** Failures after which nothing may be written by this process any more. */
const FATAL: ReadonlySet<StoreFailure> = new Set(["busy", "fenced", "conflict", "corrupt"]);

/**
 * The store could not do what was asked; the transaction was not committed. `busy`, `fenced` and
 * `corrupt` are the end of the process; after `full` it may go on when there is room again.
 */
export class StoreError extends Error {
  /** What logs and records call it. */
  override name = "StoreError";

  /** `options.cause` is the database's own error, where there is one. */
  constructor(readonly failure: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options);
  }

  /** Whether the process must end, because the store cannot be trusted any more. */
  get isFatal(): boolean {
    return FATAL.has(this.failure);
  }
}
