/**
 * What a kind is: a statechart, its effects, its view, its index, its hooks and its migrations.
 * `defineKind` only types and completes a definition; checking it is the registry's work.
 */
import type { AnyStateMachine } from "xstate";
import type { ActorStatus } from "../store/store.ts";
import type { Address } from "./address.ts";
import type { Json, JsonObject } from "./json.ts";

/** An event as callers send it: `type` and JSON fields. */
export type EventInput = { readonly type: string; readonly [field: string]: unknown };

/** One actor as the API shows it. Times are ms since the epoch. */
export type ActorRecord = {
  address: Address;
  kind: string;
  id: string;
  version: string;
  revision: number;
  status: ActorStatus;
  /** The state as the kind names it. */
  state: string;
  /** XState's state value. */
  value: Json;
  context: JsonObject;
  tags: string[];
  output?: Json;
  error?: { name: string; message: string };
  parent: Address | null;
  /** Why the present definition cannot take it over, else null. */
  blocked: string | null;
  createdAt: number;
  updatedAt: number;
  createdSeq: number;
  archivedAt: number | null;
};

/** What an effect gets beside its input. */
export type EffectContext = {
  /** `address/revision/index`: the same on every attempt; hand it to whatever you call. */
  readonly key: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** The actor that owns the effect. */
  readonly address: Address;
  /** Aborted when the actor left the state, the time limit passed, or the system stops. */
  readonly signal: AbortSignal;
  /** Sends an event to the owner, durably; resolves when committed. Dropped once obsolete. */
  send(event: EventInput): Promise<void>;
  /** Events that the owner sends to this child (`sendTo("childId", …)`), while it runs. */
  receive(listener: (event: EventInput) => void): void;
  /** Appends to one of the owner's streams (`output`, `trace`), in batches. */
  append(channel: string, data: string): void;
};

/** How long to wait before attempt `attempt + 1`, ms. */
export type Backoff = (attempt: number) => number;

/** Work with the outside. Runs at least once for each key; a throw is a failed attempt. */
export type Effect = {
  run(input: never, context: EffectContext): unknown;
  /** One attempt's time limit, ms; `Infinity` for work that its machine limits. */
  timeoutMs?: number;
  /** Attempts before the actor gets its error event; 1 for an invoke, 10 for an action. */
  maxAttempts?: number;
  backoff?: Backoff;
  /**
   * What to do with an attempt that a restart cut off: run again (default), ask `reattach` for
   * its result, or fail with code `interrupted`.
   */
  onRestart?: "rerun" | "reattach" | "fail";
  /** Takes up or clears away what an earlier process left; returns the result, or throws. */
  reattach?(input: never, context: EffectContext): unknown;
};

/** What a hook is told. */
export type HookContext = {
  record: ActorRecord;
  from: string | null;
  to: string;
  event: JsonObject;
  /** The transition's key: `address/revision/name`. */
  key: string;
  attempt: number;
  signal: AbortSignal;
  /** Sends an event to any actor, with a key derived from `key`. */
  send(address: Address, event: EventInput): Promise<void>;
};

/**
 * Runs after the commit of a transition from `on.from` to `on.to` (states or their parents;
 * absent means any), by descending priority. A sync hook that throws holds up those after it
 * and is tried again; an async one stands alone.
 */
export type Hook = {
  name: string;
  priority: number;
  mode: "sync" | "async";
  on: { from?: string; to?: string };
  run(context: HookContext): unknown;
};

/**
 * What an actor is held to by whoever watches over all of them. Times are ms since the epoch; what
 * is left out binds it to nothing.
 */
export type Vitals = {
  /** When it is to go on by itself: the slot of a schedule, say. */
  dueAt?: number;
  /** When what it does now is to have ended. */
  limitAt?: number;
  /** Its last sign of life, and how long it may go without another. */
  lastActivityAt?: number;
  silentAfterMs?: number;
};

/**
 * A kind as its author writes it. It is checked when a system is made of it, which throws
 * `NotDurableError` where the machine cannot be made durable.
 */
export type KindDefinition = {
  /** Lower-case name, the first part of every address. */
  name: string;
  /** Raise it when the meaning of stored snapshots changes, and add a migration. */
  version: number;
  machine: AnyStateMachine;
  /** Implementations by `src` of an invoke or type of an action; else the machine's own are used. */
  effects?: { readonly [src: string]: Effect };
  /** What the API shows beside the common fields. */
  view?: (record: ActorRecord) => JsonObject;
  /** Values to filter lists by; small and few. */
  index?: (
    record: ActorRecord,
  ) => { readonly [name: string]: string | readonly string[] | undefined };
  /** The state's name; by default the paths of the active leaf states, joined by `|`. */
  state?: (value: Json) => string;
  /**
   * What the watchdog holds an active actor to, beside its timers and effects. Calculated from the
   * record alone.
   */
  vitals?: (record: ActorRecord) => Vitals;
  /** `migrate[n]` turns a persisted snapshot of version n into one of version n + 1. */
  migrate?: { readonly [from: number]: (snapshot: PersistedSnapshot) => PersistedSnapshot };
  hooks?: readonly Hook[];
  /**
   * Takes secrets out of a text. Applied to every string of effect results, errors and sent
   * events before they are stored, and to whatever the API shows.
   */
  redact?: (text: string) => string;
  /** Names of fields whose members are never shown, only their names: `env`, say. */
  conceal?: readonly string[];
};

/** XState's persisted snapshot, as JSON. */
export type PersistedSnapshot = {
  status: ActorStatus;
  value: Json;
  context: JsonObject;
  children: { readonly [id: string]: Json };
  historyValue?: Json;
  output?: Json;
  error?: Json;
};

/** Types a kind's definition. */
export function defineKind<const K extends KindDefinition>(kind: K): K {
  return kind;
}

/** Types an effect's input. */
export function defineEffect<I, O>(
  effect: Omit<Effect, "run" | "reattach"> & {
    run(input: I, context: EffectContext): O | Promise<O>;
    reattach?(input: I, context: EffectContext): O | Promise<O>;
  },
): Effect {
  return effect as Effect;
}
