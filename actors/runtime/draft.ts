/**
 * A draft: one commit in the making. It overlays the committed world with what its steps have
 * changed, and becomes a `Commit` at the end. If the commit fails the draft is dropped and nothing
 * has happened; what must happen after the commit waits in `effects` and `afterwards`.
 */
import {
  type ActorStatus,
  type BlobWrite,
  type Commit,
  type EffectRow,
  emptyCommit,
  type IdempotencyRow,
  type IndexWrite,
  type JournalRow,
  type SlotRow,
  type TimerRow,
  type WatchRow,
} from "../store/store.ts";
import type { Found, LiveActor } from "./actor.ts";
import type { Address } from "./address.ts";
import type { EventEnvelope, JsonEvent, Settle, SpawnEnvelope } from "./envelope.ts";
import type { Receipt } from "./api.ts";

type Staged = {
  actor: LiveActor;
  snapshotText: string;
  /** What is stored: revision 0 and no state when it is new. */
  base: { revision: number; state: string | null; status: ActorStatus | null };
};

export class Draft {
  readonly rows: Commit;
  /** Effects to be started once the commit stands. */
  readonly starts: EffectRow[] = [];
  /** Keys of running effects to be aborted once the commit stands. */
  readonly aborts: string[] = [];
  /** Slots that actors have let go of. */
  readonly vacated: { key: string; address: Address }[] = [];
  /** Events for running effects. */
  readonly tells: { key: string; event: JsonEvent }[] = [];
  /** Answers to senders and other work that follows the commit. */
  readonly afterwards: (() => void)[] = [];
  /** Undoes what was taken out of memory for this draft, if the commit fails. */
  readonly rollbacks: (() => void)[] = [];
  /** Senders to tell if the commit fails. */
  readonly onFailure: ((error: unknown) => void)[] = [];
  /** First receipts by address and key. */
  readonly keys = new Map<string, Receipt>();
  /** Answers by idempotency key. */
  readonly answers = new Map<string, IdempotencyRow>();
  /** Messages and children that this draft's steps have caused and that are still to be delivered. */
  readonly followUps: (EventEnvelope | SpawnEnvelope)[] = [];
  /** Messages and grants delivered so far. */
  followUpCount = 0;
  /** What was read from the store for this draft. */
  readonly found = new Map<Address, Found>();
  /** The earliest timer set. */
  earliestTimer = Infinity;
  #actors = new Map<Address, Staged>();
  /** By address and id; undefined for one that is deleted. */
  #timers = new Map<Address, Map<string, TimerRow | undefined>>();
  #index = new Map<Address, IndexWrite>();
  #blobs = new Map<string, BlobWrite>();
  #cleared = new Set<Address>();
  #slots = new Map<string, SlotRow | undefined>();
  #watches = new Map<string, { row: WatchRow; deleted: boolean }>();

  constructor(seq: number, readonly at: number) {
    this.rows = emptyCommit(seq, at);
  }

  get seq(): number {
    return this.rows.seq;
  }

  /** The actor as this draft has changed it. */
  actor(address: Address): LiveActor | undefined {
    return this.#actors.get(address)?.actor;
  }

  stage(before: LiveActor | undefined, actor: LiveActor, snapshotText: string): void {
    const staged = this.#actors.get(actor.address);
    const base = staged?.base ?? {
      revision: before?.revision ?? 0,
      state: before?.state ?? null,
      status: before?.status ?? null,
    };
    this.#actors.set(actor.address, { actor, snapshotText, base });
  }

  stagedActors(): Iterable<LiveActor> {
    return this.#actors.values().map((staged) => staged.actor);
  }

  /** Tells a sender once it is certain: the world that the answer speaks of must stand. */
  refuse(settle: Settle | undefined, error: unknown): void {
    if (settle === undefined) return;
    this.afterwards.push(() => settle.reject(error));
    this.onFailure.push(settle.reject);
  }

  journal(row: Omit<JournalRow, "seq">): JournalRow {
    this.rows.seq += 1;
    const whole = { seq: this.rows.seq, ...row };
    this.rows.journal.push(whole);
    return whole;
  }

  setTimer(row: TimerRow): void {
    this.#timersOf(row.address).set(row.id, row);
    if (row.dueAt < this.earliestTimer) this.earliestTimer = row.dueAt;
  }

  deleteTimer(address: Address, id: string): void {
    this.#timersOf(address).set(id, undefined);
  }

  /** All timers of an actor that has ended. */
  clearTimers(address: Address): void {
    this.#cleared.add(address);
    this.#timers.delete(address);
  }

  /** Whether a stored timer has been replaced or removed by an earlier step of this draft. */
  isTimerGone(row: TimerRow): boolean {
    return this.#cleared.has(row.address) ||
      (this.#timers.get(row.address)?.has(row.id) ?? false);
  }

  /** Stores a blob for an actor, or writes down that one more actor refers to it. */
  keepBlob(sha: string, data: string | null, address: Address): void {
    const key = `${sha} ${address}`;
    const known = this.#blobs.get(key);
    this.#blobs.set(key, { sha, data: data ?? known?.data ?? null, address, at: this.at });
  }

  /** The values to filter lists by; those of an actor replace one another. */
  writeIndex(write: IndexWrite): void {
    this.#index.set(write.address, write);
  }

  startEffect(row: EffectRow): void {
    this.starts.push(row);
  }

  /** An effect made and stopped in one draft was never there. */
  stopEffect(key: string): void {
    const index = this.starts.findIndex((row) => row.key === key);
    if (index >= 0) {
      this.starts.splice(index, 1);
      return;
    }
    // A retry that was written down in this draft goes too.
    this.rows.effects = this.rows.effects.filter((row) => row.key !== key);
    this.rows.effectsDeleted.push(key);
    this.aborts.push(key);
  }

  /** Asks for a slot, or writes down that it is granted. */
  putSlot(row: SlotRow): void {
    this.#slots.set(row.key, row);
  }

  deleteSlot(key: string): void {
    this.#slots.set(key, undefined);
  }

  putWatch(row: WatchRow): void {
    this.#watches.set(`${row.key} ${row.target}`, { row, deleted: false });
  }

  deleteWatch(row: WatchRow): void {
    this.#watches.set(`${row.key} ${row.target}`, { row, deleted: true });
  }

  /** Whether there is anything to write. */
  isEmpty(): boolean {
    const { seq: _, at: __, ...tables } = this.rows;
    return this.#actors.size === 0 && this.#timers.size === 0 && this.#cleared.size === 0 &&
      this.#slots.size === 0 && this.#watches.size === 0 && this.starts.length === 0 &&
      Object.values(tables).every((rows) => rows.length === 0);
  }

  /** Closes the draft. An actor gets a base with every so many of its events. */
  finish(eventsPerBase: number): Commit {
    const { rows } = this;
    rows.effects.push(...this.starts);
    rows.timersCleared.push(...this.#cleared);
    rows.index.push(...this.#index.values());
    rows.blobs.push(...this.#blobs.values());
    for (const [address, timers] of this.#timers) {
      for (const [id, row] of timers) {
        if (row === undefined) rows.timersDeleted.push({ address, id });
        else rows.timers.push(row);
      }
    }
    for (const [key, row] of this.#slots) {
      if (row === undefined) rows.slotsDeleted.push(key);
      else rows.slots.push(row);
    }
    for (const { row, deleted } of this.#watches.values()) {
      (deleted ? rows.watchesDeleted : rows.watches).push(row);
    }
    this.#finishActors(rows, eventsPerBase);
    return rows;
  }

  #timersOf(address: Address): Map<string, TimerRow | undefined> {
    let timers = this.#timers.get(address);
    if (timers === undefined) {
      timers = new Map();
      this.#timers.set(address, timers);
    }
    return timers;
  }

  #finishActors(rows: Commit, eventsPerBase: number): void {
    const tallies = new Map<string, Commit["tallies"][number]>();
    const tally = (kind: string, state: string, status: ActorStatus, delta: number) => {
      const key = `${kind} ${state} ${status}`;
      const row = tallies.get(key);
      if (row === undefined) tallies.set(key, { kind, state, status, delta });
      else row.delta += delta;
    };
    const count = (revision: number) => Math.floor(revision / eventsPerBase);
    for (const { actor, snapshotText, base } of this.#actors.values()) {
      const { kind, snapshot: _, indexed: __, ...columns } = actor;
      rows.actors.push({
        ...columns,
        kind: kind.name,
        snapshot: snapshotText,
        blocked: null,
        baseRevision: base.revision,
      });
      if (actor.status === "active" && count(actor.revision) > count(base.revision)) {
        const { address, revision, version, updatedAt: at } = actor;
        rows.bases.push({ address, revision, version, snapshot: snapshotText, at, seq: rows.seq });
      }
      if (base.state === actor.state && base.status === actor.status) continue;
      if (base.state !== null && base.status !== null) {
        tally(kind.name, base.state, base.status, -1);
      }
      tally(kind.name, actor.state, actor.status, 1);
    }
    rows.tallies.push(...[...tallies.values()].filter((row) => row.delta !== 0));
  }
}
