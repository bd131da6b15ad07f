/**
 * Taking over actors that an older definition wrote: migrate the snapshot, restore it, and
 * reconcile what the new definition expects (timers, children) with what exists. An actor that
 * cannot be taken over is blocked and listed, and nothing of it is changed.
 */
import type { AnyMachineSnapshot } from "xstate";
import type { ActorRow, TimerRow } from "../store/store.ts";
import type { Found, LiveActor } from "./actor.ts";
import { carryOut } from "./carry_out.ts";
import type { Draft } from "./draft.ts";
import type { PersistedSnapshot } from "./kind.ts";
import { prepare } from "./prepare.ts";
import type { RegisteredKind } from "./registry.ts";
import { activeNodes, adopt, type Child, childrenOf, persist, restore } from "./step.ts";
import type { World } from "./world.ts";

/** The event that says in a history that a newer definition took the actor over. */
export const UPGRADED = "holdfast.upgraded";
/** The id of an invoke that was given none: its place in the state, and the state's id. */
const DEFAULT_INVOKE_ID = /^\d+\./;

/** What a takeover would change, worked out without writing anything. */
export type Takeover = {
  snapshot: AnyMachineSnapshot;
  persisted: PersistedSnapshot;
  /** `after` timers that the new definition wants and the old one did not. */
  arm: { id: string; delayMs: number }[];
  /** `after` timers that nothing waits for any more. */
  cancel: string[];
  start: { child: Child; input: unknown }[];
  stop: Child[];
};

/** Works a takeover out. Throws with the reason where the actor cannot be taken over. */
export function planTakeover(
  row: ActorRow,
  kind: RegisteredKind,
  { timers, at }: { timers: readonly Pick<TimerRow, "id">[]; at: number },
): Takeover {
  const owner = { address: row.address, parent: row.parent, revision: row.revision + 1 };
  let persisted = migrate(row, kind);
  const before = restore(kind.durable, owner, structuredClone(persisted));
  const existing = new Map(Object.entries(persisted.children));
  const wanted = wantedTimers(before, kind, at);
  const has = new Set(timers.map((timer) => timer.id));
  const start: Takeover["start"] = [];
  const wantedChildren = new Set<string>();
  let index = 0;
  for (const node of activeNodes(before)) {
    for (const invoke of node.invoke) {
      wantedChildren.add(invoke.id);
      if (existing.has(invoke.id)) continue;
      const adopted = adopt(kind.durable, owner, { persisted, ...invoke, index: index++ });
      persisted = adopted.persisted;
      start.push({ child: adopted.child, input: evaluate(invoke.input, before, at) });
    }
  }
  const restored = restore(kind.durable, owner, structuredClone(persisted));
  const known = new Set(childrenOf(restored).map((child) => child.id));
  const stop = [...existing].flatMap(([id, child]) =>
    known.has(id) && !isOrphaned(id, wantedChildren, kind) ? [] : [oldChild(id, child)]
  );
  for (const { id } of stop) delete (restored.children as Record<string, unknown>)[id];
  return {
    snapshot: restored,
    persisted: persist(restored),
    arm: [...wanted].filter(([id]) => !has.has(id)).map(([id, delayMs]) => ({ id, delayMs })),
    cancel: timers.map((timer) => timer.id).filter((id) =>
      id.startsWith("xstate.after.") && !wanted.has(id)
    ),
    start,
    stop,
  };
}

/**
 * What is stored as the present definition wants it: the kind's migrations from its version number
 * up to the present one have run. Throws where a later one wrote it.
 */
export function migrate(
  row: Pick<ActorRow, "snapshot" | "version">,
  kind: RegisteredKind,
): PersistedSnapshot {
  let snapshot = JSON.parse(row.snapshot) as PersistedSnapshot;
  const { version, migrate: migrations } = kind.definition;
  const from = Number(row.version.split(".")[0]);
  if (from > version) {
    throw new Error(`it was written by version ${from}, this is version ${version}`);
  }
  for (let at = from; at < version; at++) {
    const step = migrations?.[at];
    if (step !== undefined) snapshot = structuredClone(step(snapshot)) as PersistedSnapshot;
  }
  return snapshot;
}

/** Puts an actor's takeover into the draft that touches it, or blocks it. */
export async function upgrade(
  world: World,
  draft: Draft,
  options: { row: ActorRow; kind: RegisteredKind },
): Promise<Found> {
  const { row, kind } = options;
  const timers = await world.store.timersOf(row.address);
  let plan: Takeover;
  try {
    plan = planTakeover(row, kind, { timers, at: draft.at });
  } catch (error) {
    return block(world, draft, {
      row,
      reason: error instanceof Error ? error.message : String(error),
    });
  }
  const snapshot = JSON.stringify(plan.persisted);
  const before = {
    ...columnsOf(row),
    kind,
    snapshot: plan.snapshot,
    indexed: undefined,
    weight: 0,
  };
  const actor: LiveActor = {
    ...before,
    version: kind.version,
    revision: row.revision + 1,
    updatedAt: draft.at,
    state: kind.stateName(plan.snapshot.value),
    weight: snapshot.length,
  };
  draft.stage(before, actor, snapshot);
  draft.journal({
    address: actor.address,
    revision: actor.revision,
    at: draft.at,
    event: JSON.stringify({ type: UPGRADED, from: row.version, to: kind.version }),
    key: null,
    cause: "system",
    edges: "[]",
    state: actor.state,
    status: actor.status,
    emitted: null,
    outcome: "taken",
  });
  draft.rows.bases.push({
    address: actor.address,
    revision: actor.revision,
    version: kind.version,
    snapshot,
    at: draft.at,
    seq: draft.seq,
  });
  await applyTakeover(world, draft, { actor, plan });
  world.log("info", "Actor taken over by a new definition", {
    address: actor.address,
    from: row.version,
    to: kind.version,
  });
  return { type: "actor", actor };
}

async function applyTakeover(
  world: World,
  draft: Draft,
  options: { actor: LiveActor; plan: Takeover },
): Promise<void> {
  const { actor, plan } = options;
  for (const id of plan.cancel) draft.deleteTimer(actor.address, id);
  for (const { id, delayMs } of plan.arm) {
    draft.setTimer({
      address: actor.address,
      id,
      dueAt: draft.at + Math.ceil(delayMs),
      target: actor.address,
      event: JSON.stringify({ type: id }),
      stamp: `${actor.address}/${actor.revision}/takeover`,
    });
  }
  world.counters.transitions += 1;
  const commands = [
    ...plan.start.map((start) => ({ type: "start" as const, ...start })),
    ...plan.stop.map((child) => ({ type: "stop" as const, child })),
  ];
  await carryOut(world, draft, { actor, depth: 0, prepared: prepare(actor, commands) });
}

function block(
  world: World,
  draft: Draft,
  options: { row: ActorRow; reason: string },
): Found {
  const { row, reason } = options;
  if (row.blocked !== reason) {
    draft.rows.actors.push({ ...row, blocked: reason, baseRevision: row.revision });
    world.log("error", "Actor blocked: the new definition cannot take it over", {
      address: row.address,
      version: row.version,
      reason,
    });
  }
  return { type: "blocked", row, reason };
}

function columnsOf(row: ActorRow): Omit<LiveActor, "kind" | "snapshot" | "indexed" | "weight"> {
  const { snapshot: _, blocked: __, kind: ___, ...columns } = row;
  return columns;
}

/** The `after` timers of the active states, with their delays. */
function wantedTimers(
  snapshot: AnyMachineSnapshot,
  kind: RegisteredKind,
  at: number,
): Map<string, number> {
  const wanted = new Map<string, number>();
  const delays = kind.durable.machine.implementations.delays as Record<string, unknown>;
  for (const node of activeNodes(snapshot)) {
    for (const [type, transitions] of node.transitions) {
      const delay = type.startsWith("xstate.after.") ? transitions[0]?.delay : undefined;
      if (delay === undefined) continue;
      const value = typeof delay === "string" ? evaluate(delays[delay], snapshot, at) : delay;
      wanted.set(type, typeof value === "number" && Number.isFinite(value) ? value : 0);
    }
  }
  return wanted;
}

function evaluate(value: unknown, snapshot: AnyMachineSnapshot, at: number): unknown {
  if (typeof value !== "function") return value;
  return value({ context: snapshot.context, event: { type: UPGRADED, at } });
}

/** An invoke of the old definition that no active state of the new one names. */
function isOrphaned(id: string, wanted: ReadonlySet<string>, kind: RegisteredKind): boolean {
  return !wanted.has(id) && (kind.invokeIds.has(id) || DEFAULT_INVOKE_ID.test(id));
}

function oldChild(id: string, child: unknown): Child {
  const { snapshot, src } = child as {
    snapshot: { key: string; role: Child["role"] };
    src: string;
  };
  return { id, key: snapshot.key, role: snapshot.role, src };
}
