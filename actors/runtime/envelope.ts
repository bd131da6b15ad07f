/**
 * What is on its way to an actor: an event, or its creation. Each carries where it comes from and
 * how to answer whoever sent it.
 */
import type { TimerRow } from "../store/store.ts";
import type { Address } from "./address.ts";
import type { JsonObject } from "./json.ts";
import type { Blobs } from "./payload.ts";
import type { Receipt, SendOptions } from "./api.ts";

/** An event as JSON. */
export type JsonEvent = JsonObject & { readonly type: string };

/** Where an event comes from, and what must still be true for it to count. */
export type Origin =
  | { type: "api" }
  /** The timer's row goes in the same commit. */
  | { type: "timer"; row: TimerRow }
  /** `ends`: the effect's row goes in the same commit. */
  | { type: "effect"; key: string; childId: string | null; ends: boolean }
  | { type: "message"; from: string; depth: number; incarnation?: Incarnation }
  | { type: "slot"; key: string; childId: string }
  | { type: "deadLetter"; id: string; incarnation?: Incarnation };

/** Which life of a child an event belongs to. */
export type Incarnation = { childId: string; key: string };

/** How a sender is answered; an effect whose event changed nothing gets no receipt. */
export type Settle = {
  resolve(receipt: Receipt | undefined): void;
  reject(error: unknown): void;
};

export type EventEnvelope = {
  type: "event";
  target: Address;
  event: JsonEvent;
  origin: Origin;
  options: SendOptions;
  /** Long strings that were moved out of the event. */
  blobs?: Blobs | undefined;
  settle: Settle | undefined;
};

export type SpawnEnvelope = {
  type: "spawn";
  target: Address;
  kind: string;
  input: unknown;
  parent: { address: Address; childId: string } | null;
  cause: string;
  depth: number;
  options: SendOptions;
  blobs?: Blobs | undefined;
  settle: Settle | undefined;
};

/** How the journal names an event's origin. */
export function causeOf(origin: Origin): string {
  switch (origin.type) {
    case "api":
      return "api";
    case "timer":
      return `timer/${origin.row.id}`;
    case "effect":
      return `effect/${origin.key}`;
    case "message":
      return `message/${origin.from}`;
    case "slot":
      return `slot/${origin.key}`;
    case "deadLetter":
      return `deadLetter/${origin.id}`;
  }
}
