/**
 * Walks a machine through everything that it can do: from each input, by each of the events given,
 * into every state it can get to. Reports which states were reached and which transitions were
 * taken, so that a new one without a way to it is found.
 */
import {
  type AnyActorLogic,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  createActor,
  fromCallback,
  SimulatedClock,
} from "xstate";
import { getAdjacencyMap } from "xstate/graph";

export type WalkEvent = { readonly type: string; readonly [field: string]: unknown };

export type WalkOptions = {
  /** What the actors start with, one after the other. */
  inputs: readonly unknown[];
  /** Tried in every state, beside the timers that are running there; some depend on where it is. */
  events: readonly WalkEvent[] | ((snapshot: AnyMachineSnapshot) => readonly WalkEvent[]);
  /** What tells one situation from another; the fewer, the shorter the walk. */
  situation: (snapshot: AnyMachineSnapshot) => unknown;
  /** Time of every event, ms since the epoch. */
  at: number;
};

/** An event in a situation, and what came of it. */
export type WalkStep = { before: AnyMachineSnapshot; event: WalkEvent; after: AnyMachineSnapshot };

export type Walk = {
  situations: AnyMachineSnapshot[];
  steps: WalkStep[];
  /** Ids of states that no way led to. */
  statesMissed: string[];
  /** Transitions that were never taken, as `source | event -> targets`. */
  transitionsMissed: string[];
};

/** A situation and where each event leads from it; the graph's own types lose the machine's. */
type Adjacency = {
  state: AnyMachineSnapshot;
  transitions: { [event: string]: { event: WalkEvent; state: AnyMachineSnapshot } };
};

/** Situations in one walk; more mean that `situation` tells too many apart. */
const MAX_SITUATIONS = 20_000;

export function walk(original: AnyStateMachine, options: WalkOptions): Walk {
  const machine = withInertChildren(original);
  const taken = new Set<AnyTransitionDefinition>();
  const situations: AnyMachineSnapshot[] = [];
  const steps: WalkStep[] = [];
  for (const input of options.inputs) {
    record(machine, taken, { input });
    const map = getAdjacencyMap(machine, {
      input,
      events: (snapshot: AnyMachineSnapshot) => eventsIn(snapshot, options),
      serializeState: (snapshot: AnyMachineSnapshot) =>
        JSON.stringify([snapshot.value, options.situation(snapshot)]),
      limit: MAX_SITUATIONS,
    });
    for (const { state, transitions } of Object.values(map) as Adjacency[]) {
      situations.push(state);
      for (const { event, state: after } of Object.values(transitions)) {
        steps.push({ before: state, event, after });
        record(machine, taken, { snapshot: state, event });
      }
    }
  }
  return { situations, steps, ...missed(machine, { taken, situations }) };
}

/** Every state of a machine, its root included. */
export function statesOf(machine: AnyStateMachine): AnyStateNode[] {
  return allNodes(machine.root);
}

/** The active state nodes, parents included. */
export function activeNodes(snapshot: AnyMachineSnapshot): AnyStateNode[] {
  return snapshot._nodes as AnyStateNode[];
}

/** Every transition of a node and of those below it. */
function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [
    ...[...node.transitions.values()].flat(),
    ...node.always ?? [],
    ...childrenOf(node).flatMap(transitionsOf),
  ];
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states) as AnyStateNode[];
}

function allNodes(node: AnyStateNode): AnyStateNode[] {
  return [node, ...childrenOf(node).flatMap(allNodes)];
}

/** The events given, without the ends of children that are not there, and the running timers. */
function eventsIn(snapshot: AnyMachineSnapshot, { events, at }: WalkOptions): WalkEvent[] {
  if (snapshot.status !== "active") return [];
  const given = typeof events === "function" ? events(snapshot) : events;
  const possible = given.filter(({ type }) => {
    const [, child] = /^xstate\.(?:done|error)\.actor\.(.+)$/.exec(type) ?? [];
    return child === undefined || snapshot.children[child] !== undefined;
  });
  const timers = activeNodes(snapshot).flatMap((node) => [...node.transitions.keys()])
    .filter((type) => type.startsWith("xstate.after."));
  return [...possible, ...timers.map((type) => ({ type }))].map((event) => ({ ...event, at }));
}

/** Children that do nothing, so that only what the walk sends happens. */
function withInertChildren(machine: AnyStateMachine): AnyStateMachine {
  const inert = Object.keys(machine.implementations.actors).map((src) =>
    [src, fromCallback(() => {})] as const
  );
  return machine.provide({ actors: Object.fromEntries<AnyActorLogic>(inert) });
}

/** Does one step on a real actor, and notes the transitions that it takes. */
function record(
  machine: AnyStateMachine,
  taken: Set<AnyTransitionDefinition>,
  { input, snapshot, event }: { input?: unknown; snapshot?: AnyMachineSnapshot; event?: WalkEvent },
): void {
  const actor = createActor(machine, {
    clock: new SimulatedClock(),
    input,
    ...snapshot === undefined ? {} : { snapshot: machine.getPersistedSnapshot(snapshot) },
    inspect: (inspected) => {
      if (inspected.type !== "@xstate.microstep") return;
      for (const transition of inspected._transitions) taken.add(transition);
    },
  });
  actor.start();
  if (event !== undefined) actor.send(event);
  actor.stop();
}

function missed(
  machine: AnyStateMachine,
  { taken, situations }: { taken: ReadonlySet<unknown>; situations: readonly AnyMachineSnapshot[] },
): Pick<Walk, "statesMissed" | "transitionsMissed"> {
  const reached = new Set(situations.flatMap(activeNodes).map((node) => node.id));
  const transitions = transitionsOf(machine.root);
  // A state that is left at once is never a situation, but a transition has led to it.
  for (const transition of transitions) {
    if (taken.has(transition)) { for (const node of transition.target ?? []) reached.add(node.id); }
  }
  const { initial } = machine.root;
  for (const node of initial.target) reached.add(node.id);
  return {
    statesMissed: statesOf(machine).map((node) => node.id).filter((id) => !reached.has(id)),
    transitionsMissed: transitions.filter((transition) => !taken.has(transition)).map(labelOf),
  };
}

function labelOf({ source, eventType, guard, target }: AnyTransitionDefinition): string {
  const targets = (target ?? []).map((node) => node.id).join(", ");
  const condition = guard === undefined ? "" : ` [${String(guard)}]`;
  return `${source.id} | ${eventType || "always"}${condition} -> ${targets}`;
}
