/** Rows and commits for tests of stores: plain by default, with what a test is about written out. */
import {
  type ActorWrite,
  type Commit,
  type EffectRow,
  emptyCommit,
  type JournalRow,
  type SlotRow,
  type Store,
  type StreamRow,
  type TimerRow,
} from "../../actors/store/store.ts";

export const NOW = 1_700_000_000_000;

/** A write that creates an actor. */
export function newActor(address: string, createdSeq: number, with_: Partial<ActorWrite> = {}) {
  const write: ActorWrite = {
    address,
    kind: address.slice(0, address.indexOf(":")),
    version: "1",
    revision: 1,
    createdSeq,
    createdAt: NOW,
    updatedAt: NOW,
    status: "active",
    state: "idle",
    snapshot: "{}",
    parent: null,
    childId: null,
    blocked: null,
    archivedAt: null,
    baseRevision: 0,
    ...with_,
  };
  return write;
}

/** The write that follows a write of the same actor. */
export function nextWrite(before: ActorWrite, with_: Partial<ActorWrite> = {}): ActorWrite {
  return { ...before, revision: before.revision + 1, baseRevision: before.revision, ...with_ };
}

export function journalRow(seq: number, address: string, with_: Partial<JournalRow> = {}) {
  const row: JournalRow = {
    seq,
    address,
    revision: 1,
    at: NOW,
    event: '{"type":"go"}',
    key: null,
    cause: "api",
    edges: "[]",
    state: "idle",
    status: "active",
    emitted: null,
    outcome: "taken",
    ...with_,
  };
  return row;
}

export function timer(address: string, id: string, dueAt: number): TimerRow {
  return { address, id, dueAt, target: address, event: "{}", stamp: `${address}/1/0` };
}

export function effect(key: string, with_: Partial<EffectRow> = {}): EffectRow {
  return {
    key,
    address: key.slice(0, key.indexOf("/")),
    childId: "work",
    type: "invoke",
    src: "work",
    input: "{}",
    attempt: 1,
    bootId: "boot_1",
    notBefore: NOW,
    createdAt: NOW,
    ...with_,
  };
}

export function slot(key: string, seq: number, with_: Partial<SlotRow> = {}): SlotRow {
  return {
    key,
    address: key.slice(0, key.indexOf("/")),
    childId: "slot",
    pools: '["system"]',
    priority: 0,
    share: "",
    seq,
    requestedAt: NOW,
    grantedAt: null,
    ...with_,
  };
}

export function streamRow(address: string, seq: number, data = "x"): StreamRow {
  return { address, channel: "output", seq, at: NOW, data };
}

/** A commit on top of seq `before`. */
export function commitOn(before: number, parts: Partial<Omit<Commit, "seq">> = {}): Commit {
  return { ...emptyCommit(before + (parts.journal?.length ?? 0), NOW), ...parts };
}

/** Commits the creation of actors, each with its journal line and its tally. */
export async function create(store: Store, writes: readonly ActorWrite[]): Promise<void> {
  const before = await store.lastSeq();
  await store.commit(commitOn(before, {
    actors: [...writes],
    journal: writes.map(({ address, state, status }, index) =>
      journalRow(before + 1 + index, address, { state, status })
    ),
    tallies: writes.map(({ kind, state, status }) => ({ kind, state, status, delta: 1 })),
  }));
}

/** Commits the creation of actors that a test is not about: without a journal. */
export async function populate(store: Store, ...addresses: string[]): Promise<void> {
  const writes = addresses.map((address, index) => newActor(address, index + 1));
  await store.commit(commitOn(await store.lastSeq(), {
    actors: writes,
    tallies: writes.map(({ kind, state, status }) => ({ kind, state, status, delta: 1 })),
  }));
}

/** Commits what changes an actor, with its journal line and its tallies. */
export async function update(store: Store, before: ActorWrite, with_: Partial<ActorWrite>) {
  const write = nextWrite(before, with_);
  const { address, kind, revision, state, status } = write;
  const seq = await store.lastSeq();
  await store.commit(commitOn(seq, {
    actors: [write],
    journal: [journalRow(seq + 1, address, { revision, state, status })],
    tallies: [
      { kind, state: before.state, status: before.status, delta: -1 },
      { kind, state, status, delta: 1 },
    ],
  }));
  return write;
}
