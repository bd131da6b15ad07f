/**
 * The step: one event, one transition, as a pure function. It calls the machine's own logic with
 * an actor scope of ours in which nothing happens, every child replaced by an inert stand-in, and
 * reads what the machine wanted off as data. This is the only file that touches XState's
 * internals; `tests/runtime/xstate_pin_test.ts` holds the shapes it relies on.
 *
 * XState's own `transition()` is not used: it builds a throw-away actor for each call, and its
 * `resolveState` drops children and history.
 */
import type { AnyActorLogic, AnyActorRef, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { actorAt, slot, watch } from "../../machines/lib/builtins.ts";
import type { Address } from "./address.ts";
import type { JsonObject } from "./json.ts";
import type { PersistedSnapshot } from "./kind.ts";
import { MAX_MICROSTEPS } from "./limits.ts";

/** An event with the time at which it is applied, ms since the epoch. */
export type TimedEvent = { readonly type: string; readonly at: number };

/** What a child is carried out as. */
export type ChildRole = "effect" | "actor" | "slot" | "watch";

/** A child in a snapshot. `key` is its incarnation; for an actor it is its address. */
export type Child = { id: string; key: string; role: ChildRole; src: string };

/** What the machine wants done, as data. Nothing of it has happened. */
export type Command =
  | { type: "start"; child: Child; input: unknown }
  | { type: "stop"; child: Child }
  | { type: "timer"; id: string; delayMs: number; target: Address; event: JsonObject }
  | { type: "cancelTimer"; id: string }
  | { type: "message"; target: Address; event: JsonObject }
  | { type: "tell"; key: string; event: JsonObject }
  | { type: "action"; src: string; params: unknown; event: unknown; context: unknown }
  | { type: "emit"; event: JsonObject }
  | { type: "log"; label: string | undefined; value: unknown };

export type StepResult = {
  snapshot: AnyMachineSnapshot;
  commands: Command[];
  /** Transitions taken, as `source -> target`, in order. */
  edges: string[];
  /** Whether any transition was enabled for the event. */
  accepted: boolean;
};

/** Who takes the step: its address, its parent, and the revision that it will have. */
export type StepOwner = { address: Address; parent: Address | null; revision: number };

/** A machine made ready for stepping. */
export type DurableMachine = {
  readonly machine: AnyStateMachine;
  /** Which stand-ins are actors of their own, by `src`: the kind that they become. */
  readonly childKinds: ReadonlyMap<string, string>;
};

type StandIn = { status: "active"; key: string; role: ChildRole; input?: unknown };

type StandInRef = AnyActorRef & {
  id: string;
  src: string;
  sessionId: string;
  _parent?: unknown;
  _snapshot: StandIn;
};

type ExecutedAction = { type: string; params: never; info: { event: unknown; context: unknown } };

type Scope = {
  self: AnyActorRef;
  actionExecutor: (action: ExecutedAction) => void;
};

type Microstep = { type: string; _transitions?: readonly Transition[] };

type Transition = {
  source: { id: string };
  target?: readonly { id: string }[];
  actions: readonly unknown[];
  reenter: boolean;
  eventType: string | null;
};

const nothing = () => {};

/**
 * Replaces all children of a machine by stand-ins and bounds its microsteps. `childKinds` says
 * which of them are machines, and what kind they are.
 */
export function makeDurable(
  machine: AnyStateMachine,
  childKinds: ReadonlyMap<string, string>,
): DurableMachine {
  const actors: Record<string, AnyActorLogic> = {};
  for (const [src, logic] of Object.entries(machine.implementations.actors)) {
    actors[src] = standIn(roleOf(logic), childKinds.get(src));
  }
  const durable = machine.provide({ actors } as never);
  durable.options.maxIterations = MAX_MICROSTEPS;
  return { machine: durable, childKinds };
}

/** Whether a child's logic is a machine, a built-in, or work with the outside. */
export function roleOf(logic: unknown): ChildRole {
  if (logic === slot) return "slot";
  if (logic === watch) return "watch";
  return isMachine(logic) ? "actor" : "effect";
}

/** Whether a value is an XState machine. */
export function isMachine(logic: unknown): logic is AnyStateMachine {
  return typeof logic === "object" && logic !== null && "__xstatenode" in logic;
}

/** Creates an actor at a time, ms since the epoch. Throws what the context factory or an initial action threw. */
export function firstStep(
  durable: DurableMachine,
  owner: StepOwner,
  { input, at }: { input: unknown; at: number },
): StepResult {
  const run = openScope(owner, at);
  const snapshot = durable.machine.getInitialSnapshot(run.scope as never, input as never);
  if (snapshot.status === "error") throw snapshot.error;
  return { ...collect(durable, run, owner, {}, snapshot), accepted: true };
}

/** Applies one event. Throws what a guard, an assign or a mapper threw. */
export function step(
  durable: DurableMachine,
  owner: StepOwner,
  options: { snapshot: AnyMachineSnapshot; event: TimedEvent },
): StepResult {
  const { snapshot: before, event } = options;
  const run = openScope(owner, event.at);
  const after = durable.machine.transition(before, event, run.scope as never);
  const accepted = run.transitions.some(isEnabled) || after.status !== before.status;
  return { ...collect(durable, run, owner, before.children, after), accepted };
}

/** A stored snapshot, made live again. The argument is consumed: pass a fresh parse. */
export function restore(
  durable: DurableMachine,
  owner: StepOwner,
  persisted: PersistedSnapshot,
): AnyMachineSnapshot {
  const { scope } = openScope(owner, undefined);
  return durable.machine.restoreSnapshot(persisted as never, scope as never);
}

/**
 * A live snapshot, ready to be stringified. XState's own `getPersistedSnapshot` walks the whole
 * context to replace references to actors, which `JSON.stringify` does as it goes: their `toJSON`
 * gives the same. The order of keys is XState's.
 */
export function persist(snapshot: AnyMachineSnapshot): PersistedSnapshot {
  const { status, output, error, value, context, historyValue } = snapshot;
  const nodes = historyValue as Readonly<Record<string, readonly { id: string }[]>>;
  const refs = snapshot.children as Readonly<Record<string, StandInRef | undefined>>;
  const history: Record<string, { id: string }[]> = {};
  for (const id in nodes) history[id] = (nodes[id] ?? []).map((node) => ({ id: node.id }));
  const children: Record<string, unknown> = {};
  for (const id in refs) {
    const ref = refs[id];
    if (ref === undefined) continue;
    const { key, role } = ref._snapshot;
    children[id] = { snapshot: { status: "active", key, role }, src: ref.src };
  }
  const persisted = { status, output, error, value, historyValue: history, context, children };
  return persisted as unknown as PersistedSnapshot;
}

/** The children of a snapshot. */
export function childrenOf(snapshot: AnyMachineSnapshot): Child[] {
  const refs = snapshot.children as Readonly<Record<string, StandInRef | undefined>>;
  return Object.values(refs).flatMap((ref) => ref === undefined ? [] : [describe(ref)]);
}

/** The child of that id, if the snapshot has it. */
export function childOf(snapshot: AnyMachineSnapshot, id: string): Child | undefined {
  const ref = (snapshot.children as Readonly<Record<string, StandInRef | undefined>>)[id];
  return ref === undefined ? undefined : describe(ref);
}

/** Event types that the active states name, without XState's own. Guards are not asked. */
export function acceptedEvents(snapshot: AnyMachineSnapshot): string[] {
  if (snapshot.status !== "active") return [];
  const nodes = activeNodes(snapshot);
  const types = new Set(nodes.flatMap((node) => node.ownEvents));
  return [...types].filter((type) => type !== "" && !type.startsWith("xstate.")).sort();
}

/** A state node, as far as others need it. */
export type ActiveNode = {
  id: string;
  type: string;
  tags: readonly string[];
  path: readonly string[];
  ownEvents: readonly string[];
  invoke: readonly { id: string; src: string; input?: unknown }[];
  transitions: ReadonlyMap<string, readonly { delay?: number | string }[]>;
};

/** The active state nodes, parents included. */
export function activeNodes(snapshot: AnyMachineSnapshot): readonly ActiveNode[] {
  return snapshot._nodes as unknown as readonly ActiveNode[];
}

/** A snapshot with a child more, as if its state had just been entered. */
export function adopt(
  durable: DurableMachine,
  owner: StepOwner,
  options: { persisted: PersistedSnapshot; id: string; src: string; index: number },
): { persisted: PersistedSnapshot; child: Child } {
  const { persisted, id, src, index } = options;
  const kind = durable.childKinds.get(src);
  const logic = durable.machine.implementations.actors[src] as { role?: ChildRole } | undefined;
  const role = logic?.role ?? "effect";
  const child = { id, src, role, key: incarnation(owner, index, kind) };
  const snapshot = { status: "active", key: child.key, role };
  return {
    persisted: { ...persisted, children: { ...persisted.children, [id]: { snapshot, src } } },
    child,
  };
}

/** The key of the `index`th child or effect made by a step; an actor's is its address. */
export function incarnation(owner: StepOwner, index: number | string, kind?: string): string {
  if (kind === undefined) return `${owner.address}/${owner.revision}/${index}`;
  return `${kind}:${
    owner.address.slice(owner.address.indexOf(":") + 1)
  }~${owner.revision}~${index}`;
}

function isEnabled(transition: Transition): boolean {
  return transition.target !== undefined || transition.actions.length > 0 || transition.reenter;
}

/**
 * Inert logic in a child's place: XState never sees the real one. Its snapshot holds the
 * incarnation; the input is kept only until the step has been read off.
 */
function standIn(role: ChildRole, kind: string | undefined): AnyActorLogic {
  return {
    role,
    kind,
    transition: (snapshot: StandIn) => snapshot,
    getInitialSnapshot: (scope: { sessionId: string }, input: unknown): StandIn => ({
      status: "active",
      key: scope.sessionId,
      role,
      input,
    }),
    restoreSnapshot: (snapshot: StandIn) => snapshot,
  } as unknown as AnyActorLogic;
}

/** The scope in which one step runs, and what it collects. */
function openScope(owner: StepOwner, at: number | undefined) {
  let made = 0;
  const actions: ExecutedAction[] = [];
  const transitions: Transition[] = [];
  const self = {
    ...actorAt(owner.address),
    _parent: owner.parent === null ? undefined : actorAt(owner.parent),
  } as unknown as AnyActorRef & { system: unknown };
  const system = {
    _bookId: () => incarnation(owner, made++),
    _register: nothing,
    _unregister: nothing,
    _set: nothing,
    _sendInspectionEvent: (event: Microstep) => {
      if (event.type === "@xstate.microstep") transitions.push(...(event._transitions ?? []));
    },
    _relay: () => {
      throw new Error("Cannot deliver inside a step");
    },
    scheduler: { schedule: nothing, cancel: nothing, cancelAll: nothing },
    _clock: { setTimeout: nothing, clearTimeout: nothing },
    _logger: nothing,
    get: nothing,
    getAll: () => ({}),
    inspect: nothing,
    start: nothing,
  };
  self.system = system as never;
  const scope: Scope & Record<string, unknown> = {
    self,
    id: owner.address,
    sessionId: owner.address,
    system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: (action) => {
      actions.push(action);
      if (at !== undefined && action.type === "xstate.raise") stamp(action.params, at);
    },
  };
  return { scope, actions, transitions };
}

/**
 * Raised events carry the time of the event that raised them. The object may be the machine's own,
 * shared by all its actors: it is stamped anew at each raise, and consumed in the same step.
 */
function stamp(params: { event: { at?: number }; delay?: number }, at: number): void {
  if (params.delay === undefined && Object.isExtensible(params.event)) params.event.at = at;
}

function collect(
  durable: DurableMachine,
  run: ReturnType<typeof openScope>,
  owner: StepOwner,
  was: Readonly<Record<string, unknown>>,
  snapshot: AnyMachineSnapshot,
): Omit<StepResult, "accepted"> {
  const before = was as Readonly<Record<string, StandInRef | undefined>>;
  const now = (snapshot.status === "active" ? snapshot.children : {}) as typeof before;
  const commands: Command[] = [];
  // Children are compared by identity: `spawn` in an assign leaves no action behind.
  for (const [id, ref] of Object.entries(now)) {
    if (ref === undefined || before[id] === ref) continue;
    commands.push({ type: "start", child: describe(ref, durable, owner), input: takeInput(ref) });
  }
  for (const [index, action] of run.actions.entries()) {
    const command = read(action, owner, index);
    if (command !== undefined) commands.push(command);
  }
  // Last, so that what a state's exit sends to its child still reaches it.
  for (const [id, ref] of Object.entries(before)) {
    if (ref !== undefined && now[id] !== ref) commands.push({ type: "stop", child: describe(ref) });
  }
  return { snapshot, commands, edges: run.transitions.filter(isEnabled).map(edgeOf) };
}

function takeInput(ref: StandInRef): unknown {
  const { input } = ref._snapshot;
  delete ref._snapshot.input;
  return input;
}

/** A new child that is an actor gets its address here; its key was booked before its kind was known. */
function describe(ref: StandInRef, durable?: DurableMachine, owner?: StepOwner): Child {
  const snapshot = ref._snapshot;
  const kind = durable?.childKinds.get(ref.src);
  if (kind !== undefined && owner !== undefined && !snapshot.key.startsWith(`${kind}:`)) {
    snapshot.key = incarnation(owner, snapshot.key.slice(snapshot.key.lastIndexOf("/") + 1), kind);
  }
  return { id: ref.id, key: snapshot.key, role: snapshot.role, src: ref.src };
}

function edgeOf(transition: Transition): string {
  const targets = transition.target?.map((node) => node.id).join(",") ?? "";
  return `${transition.source.id} -> ${targets}`;
}

function read(action: ExecutedAction, owner: StepOwner, index: number): Command | undefined {
  const { type, params, info } = action;
  switch (type) {
    case "xstate.raise":
    case "xstate.sendTo":
      return readSend(type === "xstate.raise", params, { owner, index });
    case "xstate.cancel":
      return { type: "cancelTimer", id: (params as { sendId: string }).sendId };
    case "xstate.emit":
      return { type: "emit", event: (params as { event: JsonObject }).event };
    case "xstate.log": {
      const { label, value } = params as { label?: string; value: unknown };
      return { type: "log", label, value };
    }
    case "xstate.spawnChild":
    case "xstate.stopChild":
      return undefined;
    default:
      return { type: "action", src: type, params, event: info.event, context: info.context };
  }
}

function readSend(
  raised: boolean,
  params: { to?: StandInRef; event: JsonObject; delay?: number; id?: string },
  where: { owner: StepOwner; index: number },
): Command | undefined {
  const { event, delay, id, to } = params;
  const target = raised || to === undefined ? where.owner.address : addressOfRef(to);
  if (typeof delay === "number") {
    const timerId = id ?? `${where.owner.revision}.${where.index}`;
    return { type: "timer", id: timerId, delayMs: delay, target, event };
  }
  if (raised) return undefined;
  if (to?._snapshot?.role === "effect") return { type: "tell", key: to._snapshot.key, event };
  return { type: "message", target, event };
}

function addressOfRef(ref: StandInRef): Address {
  return ref._snapshot?.key ?? ref.sessionId;
}
