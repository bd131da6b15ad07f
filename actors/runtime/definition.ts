/**
 * A statechart as JSON: what the visualizer draws, what the documents are generated from, and
 * what tells one version of a definition from another.
 */
import type { AnyStateMachine, AnyStateNode } from "xstate";
import type { JsonObject } from "./json.ts";
import type { KindDefinition } from "./kind.ts";

export type TransitionDescription = {
  /** The event type; `after DELAY`, `done`, `error`, `always` for those that XState makes. */
  event: string;
  /** The event type as XState knows it; empty for `always`. */
  type: string;
  targets: string[];
  guard: string | null;
  actions: string[];
  reenter: boolean;
  delay: string | number | null;
  description: string | null;
};

export type StateDescription = {
  id: string;
  key: string;
  path: string[];
  type: string;
  parent: string | null;
  initial: string | null;
  tags: string[];
  description: string | null;
  entry: string[];
  exit: string[];
  invoke: { id: string; src: string }[];
  transitions: TransitionDescription[];
};

export type MachineDescription = { id: string; states: StateDescription[]; events: string[] };

/** A kind's definition, for `GET /v1/kinds/{kind}/definition`. */
export function describeKind(kind: KindDefinition): JsonObject {
  return {
    name: kind.name,
    version: kind.version,
    fingerprint: fingerprint(kind.machine),
    ...describeMachine(kind.machine),
    hooks: (kind.hooks ?? []).map(({ name, priority, mode, on }) => ({ name, priority, mode, on })),
  } as unknown as JsonObject;
}

/** All state nodes, parents before children, in document order. */
export function describeMachine(machine: AnyStateMachine): MachineDescription {
  const states = walk(machine.root).map(describeState);
  const types = states.flatMap((state) => state.transitions.map((transition) => transition.type));
  const events = [...new Set(types)].filter((type) => type !== "" && !type.startsWith("xstate."));
  return { id: machine.id, states, events: events.sort() };
}

/** Eight hex digits that change when the statechart does. */
export function fingerprint(machine: AnyStateMachine): string {
  const text = JSON.stringify(
    describeMachine(machine),
    (key, value) => key === "description" ? undefined : value,
  );
  return fnv1a(text).toString(16).padStart(8, "0");
}

/** All nodes below and including one, in document order. */
export function walk(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => walk(child))];
}

/** The name of an action, guard or delay, however it was written. */
export function nameOf(part: unknown): string {
  if (typeof part === "string") return part;
  if (typeof part === "number") return String(part);
  if (part !== null && (typeof part === "object" || typeof part === "function")) {
    const { type, name } = part as { type?: unknown; name?: unknown };
    if (typeof type === "string") return type;
    if (typeof name === "string" && name !== "") return name;
  }
  return "(inline)";
}

function describeState(node: AnyStateNode): StateDescription {
  const initial = node.type === "compound" ? node.initial.target[0]?.id ?? null : null;
  const listed = [...node.transitions.values()].flat();
  return {
    id: node.id,
    key: node.key,
    path: node.path,
    type: node.type,
    parent: node.parent?.id ?? null,
    initial,
    tags: [...node.tags],
    description: node.description ?? null,
    entry: node.entry.map(nameOf).filter(isUserNamed),
    exit: node.exit.map(nameOf).filter(isUserNamed),
    invoke: node.invoke.map(({ id, src }) => ({ id, src: nameOf(src) })),
    transitions: [...listed, ...(node.always ?? [])].map(describeTransition),
  };
}

/** What XState adds to entry and exit for `after` is shown as the transition it belongs to. */
function isUserNamed(name: string): boolean {
  return name !== "xstate.raise" && name !== "xstate.cancel";
}

function describeTransition(transition: {
  eventType: string;
  target?: readonly AnyStateNode[] | undefined;
  guard?: unknown;
  actions: readonly unknown[];
  reenter: boolean;
  delay?: unknown;
  description?: string | undefined;
}): TransitionDescription {
  const { eventType, target, guard, actions, reenter, delay, description } = transition;
  return {
    event: readable(eventType, delay),
    type: eventType,
    targets: (target ?? []).map((node) => node.id),
    guard: guard === undefined ? null : nameOf(guard),
    actions: actions.map(nameOf),
    reenter,
    delay: typeof delay === "string" || typeof delay === "number" ? delay : null,
    description: description ?? null,
  };
}

function readable(type: string, delay: unknown): string {
  if (type === "") return "always";
  if (type.startsWith("xstate.after.")) return `after ${nameOf(delay)}`;
  if (type.startsWith("xstate.done.actor.")) return `done ${type.slice(18)}`;
  if (type.startsWith("xstate.error.actor.")) return `error ${type.slice(19)}`;
  if (type.startsWith("xstate.done.state.")) return "done";
  return type;
}

/** FNV-1a, 32 bit: enough to tell definitions apart, not to resist anyone. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
