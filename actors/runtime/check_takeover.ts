/**
 * What a definition would do with the actors that another one wrote: each is taken over as at a
 * start, and what came of it is counted instead of written.
 */
import type { AnyStateNode } from "xstate";
import type { ActorRow, Store } from "../store/store.ts";
import { type Finding, Findings } from "./check_findings.ts";
import type { Json } from "./json.ts";
import type { PersistedSnapshot } from "./kind.ts";
import { prepare } from "./prepare.ts";
import type { RegisteredKind } from "./registry.ts";
import { planTakeover, type Takeover } from "./versions.ts";

export type TakeoverCheck = {
  /** Active actors that another definition wrote, or that are blocked now. */
  checked: number;
  /** Stored states that the definition does not have, before any migration. */
  missingStates: Finding[];
  /** Where actors would find themselves, as `from -> to`, where the state's name changes. */
  moves: Finding[];
  /** `after` timers that would be set, and those that nothing would wait for any more. */
  timersArmed: Finding[];
  timersCancelled: Finding[];
  /** Children that would be started, and those that no state would have any more. */
  childrenStarted: Finding[];
  childrenStopped: Finding[];
  /** Actors that cannot be taken over, by the reason. */
  blocked: Finding[];
};

const PAGE = 200;

type Lists = { readonly [K in keyof Omit<TakeoverCheck, "checked">]: Findings };

/** Tries the takeover of every actor that a start would take over. */
export async function checkTakeovers(
  store: Store,
  kind: RegisteredKind,
  onProgress: (checked: number) => void,
): Promise<TakeoverCheck> {
  const lists: Lists = {
    missingStates: new Findings(),
    moves: new Findings(),
    timersArmed: new Findings(),
    timersCancelled: new Findings(),
    childrenStarted: new Findings(),
    childrenStopped: new Findings(),
    blocked: new Findings(),
  };
  let checked = 0;
  for await (const row of rowsToTakeOver(store, kind)) {
    await check(store, kind, { row, lists });
    onProgress(++checked);
  }
  const found = Object.entries(lists).map(([name, findings]) => [name, findings.list()]);
  return { checked, ...Object.fromEntries(found) as { [K in keyof Lists]: Finding[] } };
}

/** As the loader decides it: those of another version, and those that are blocked. */
async function* rowsToTakeOver(store: Store, kind: RegisteredKind): AsyncGenerator<ActorRow> {
  yield* paged((after) => store.listOutdated(kind.name, kind.version, after, PAGE));
  const query = { kind: kind.name, status: "active", blocked: true, ascending: true } as const;
  const blocked = paged((after) => store.listActors({ ...query, after, limit: PAGE }));
  for await (const row of blocked) if (row.version === kind.version) yield row;
}

async function* paged(read: (after: number) => Promise<ActorRow[]>): AsyncGenerator<ActorRow> {
  let after = 0;
  for (;;) {
    const rows = await read(after);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.createdSeq;
  }
}

async function check(
  store: Store,
  kind: RegisteredKind,
  { row, lists }: { row: ActorRow; lists: Lists },
): Promise<void> {
  const { address } = row;
  const { value } = JSON.parse(row.snapshot) as PersistedSnapshot;
  if (!hasState(kind.durable.machine.root, value)) lists.missingStates.add(row.state, address);
  const timers = await store.timersOf(address);
  let plan: Takeover;
  try {
    plan = planTakeover(row, kind, { timers, at: row.updatedAt });
    checkCommands(row, kind, plan);
  } catch (error) {
    return lists.blocked.add(error instanceof Error ? error.message : String(error), address);
  }
  const state = kind.stateName(plan.snapshot.value as Json);
  if (state !== row.state) lists.moves.add(`${row.state} -> ${state}`, address);
  for (const { id } of plan.arm) lists.timersArmed.add(id, address);
  for (const id of plan.cancel) lists.timersCancelled.add(id, address);
  for (const { child } of plan.start) lists.childrenStarted.add(nameOf(child), address);
  for (const child of plan.stop) lists.childrenStopped.add(nameOf(child), address);
}

/** What a takeover would start must be such that it can be started. */
function checkCommands(row: ActorRow, kind: RegisteredKind, plan: Takeover): void {
  const starts = plan.start.map((start) => ({ type: "start" as const, ...start }));
  prepare({ address: row.address, kind }, starts);
}

function nameOf({ id, src }: { id: string; src: string }): string {
  return id === src ? id : `${id} (${src})`;
}

/** Whether all parts of a state value are states of the machine. */
function hasState(node: AnyStateNode, value: Json): boolean {
  if (typeof value === "string") return value in node.states;
  return Object.entries(value ?? {}).every(([key, inner]) => {
    const child = node.states[key];
    return child !== undefined && hasState(child as AnyStateNode, inner as Json);
  });
}
