/**
 * The child actors that the runtime itself carries out. A machine names them in `setup` and
 * invokes them like any other; outside the runtime they do nothing. The runtime knows them by
 * identity, so a machine may give them any name.
 */
import {
  type AnyActorRef,
  type CallbackActorLogic,
  type EventObject,
  fromCallback,
  fromPromise,
  type PromiseActorLogic,
} from "xstate";

/** A pool by name, with the limit that holds while nobody has set another. */
export type PoolRequest = string | { name: string; limit?: number };

/** What a state asks for when it invokes `slot`. */
export type SlotInput = {
  /** All are granted together or none; at most 8. */
  pools: readonly PoolRequest[];
  /** 0 (default) to 4; higher goes first. */
  priority?: number;
  /** Waiters of one share take turns with those of others; default: no share of its own. */
  share?: string;
};

/** Sent to the invoking machine when its slot is granted. */
export type SlotGranted = { type: "slot.granted"; at: number };

/**
 * A place in one or more pools. Asked for on entering the invoking state, granted with
 * `slot.granted`, given back on leaving it.
 */
export const slot: CallbackActorLogic<EventObject, SlotInput> = fromCallback(() => {});

/** What a state asks for when it invokes `watch`. */
export type WatchInput = {
  /** Addresses of actors. */
  addresses: readonly string[];
};

/** Sent once for each watched actor, when it has ended or at once if it had. */
export type ActorEnded = {
  type: "actor.ended";
  at: number;
  address: string;
  /** `missing`: there is no such actor. */
  status: "done" | "error" | "stopped" | "missing";
  state: string;
  output?: unknown;
};

/** Tells the invoking machine when other actors end, with `actor.ended`. */
export const watch: CallbackActorLogic<EventObject, WatchInput> = fromCallback(() => {});

/** Stands for an effect that the kind provides under the same name. */
export function external<Input, Output>(): PromiseActorLogic<Output, Input> {
  return fromPromise(() =>
    Promise.reject(new Error("Cannot run outside the runtime: the kind provides this effect"))
  );
}

/**
 * A reference to an actor by its address, for `sendTo(() => actorAt(context.target), event)`.
 * Contexts keep addresses as strings; a reference is made when it is used.
 */
export function actorAt(address: string): AnyActorRef {
  return {
    id: address,
    sessionId: address,
    send: () => {},
    // What XState calls where a machine runs without the runtime, in a test say.
    _send: () => {},
    getSnapshot: () => undefined,
    toJSON: () => address,
  } as unknown as AnyActorRef;
}

/** The type of the message that creates an actor. */
export const ACTOR_CREATE = "actor.create";

/**
 * The message that creates an actor of any kind in the sender's own commit, so that there is never
 * one without the other: `sendTo(() => actorAt(address), createActor(input))`. The kind is the
 * address's. Where an actor has that address already, nothing happens. What is created stands
 * alone: it outlives its maker.
 */
export function createActor(input: unknown): { type: typeof ACTOR_CREATE; input: unknown } {
  return { type: ACTOR_CREATE, input };
}
