/**
 * A second store, in memory and in TypeScript alone: for tests and the simulator. It does what
 * the port says and nothing by chance, so that a run can be repeated. Its content outlives it and
 * can be handed to the next one, as a file outlives a process.
 */
import type { Address } from "../runtime/address.ts";
import { StoreError } from "../runtime/errors.ts";
import { applyCommit, checkCommit, keyOf, MemoryData } from "./memory_data.ts";
import { checkContent } from "./memory_maintenance.ts";
import { pruneContent } from "./memory_prune.ts";
import {
  activeOf,
  byDueTime,
  byKey,
  bySeq,
  compare,
  copies,
  listActors,
  listJournal,
  ownedBy,
  unattended,
} from "./memory_query.ts";
import type {
  ActorQuery,
  ActorRow,
  BaseRow,
  Commit,
  DeadLetterRow,
  EffectRow,
  IdempotencyRow,
  IndexValue,
  JournalQuery,
  JournalRow,
  Lease,
  PoolRow,
  PruneReport,
  PruneRequest,
  SlotRow,
  Store,
  StoreInfo,
  StreamRow,
  Tally,
  TimerRow,
  WatchRow,
} from "./store.ts";

/** An empty store in memory. */
export function openMemoryStore(): MemoryStore {
  return new MemoryStore();
}

export class MemoryStore implements Store {
  readonly info: StoreInfo = {
    url: "memory",
    syncMode: "MEMORY",
    encrypted: false,
    schemaVersion: 1,
  };
  #content: MemoryData;
  #lease: Lease | undefined;
  #dead: StoreError | undefined;

  constructor(content: MemoryData = new MemoryData()) {
    this.#content = content;
  }

  /** A copy of what is committed, for `new MemoryStore(copy)`. Nobody holds its lease. */
  snapshot(): MemoryData {
    const copy = this.#content.copy();
    copy.head = { ...copy.head, bootId: "" };
    return copy;
  }

  /**
   * Kills the process, as far as this store is concerned: every further call on it fails, the
   * lease is free. Returns a store on the same content.
   */
  reopen(): MemoryStore {
    this.#dead ??= new StoreError("fenced", "Cannot use the store: its process was killed");
    this.#content.head = { ...this.#content.head, bootId: "" };
    return new MemoryStore(this.#content);
  }

  acquireLease(bootId: string, now: number, ttlMs: number): Promise<Lease> {
    return this.#run((data) => {
      const { head } = data;
      if (head.bootId !== "" && head.bootId !== bootId && head.expiresAt > now) {
        throw new StoreError("fenced", `Cannot take the store: ${head.bootId} has its lease`);
      }
      this.#lease = { bootId, epoch: head.epoch + 1, expiresAt: now + ttlMs };
      data.head = { ...head, ...this.#lease };
      return { ...this.#lease };
    });
  }

  renewLease(now: number, ttlMs: number): Promise<void> {
    return this.#run((data) => {
      this.#checkLease();
      data.head = { ...data.head, expiresAt: now + ttlMs };
    });
  }

  releaseLease(): Promise<void> {
    return this.#run((data) => {
      if (this.#hasLease()) data.head = { ...data.head, bootId: "" };
      this.#lease = undefined;
    });
  }

  commit(commit: Commit): Promise<void> {
    return this.#run((data) => {
      this.#checkLease();
      checkCommit(data, commit);
      applyCommit(data, commit);
    });
  }

  lastSeq(): Promise<number> {
    return this.#run(({ head }) => head.seq);
  }

  oldestSeq(): Promise<number> {
    return this.#run(({ head }) => head.prunedSeq + 1);
  }

  loadActors(addresses: readonly Address[]): Promise<ActorRow[]> {
    return this.#run(({ actors }) =>
      [...new Set(addresses)].flatMap((address) => copies([actors.get(address)]))
    );
  }

  listActors(query: ActorQuery): Promise<ActorRow[]> {
    return this.#run((data) => copies(listActors(data, query)));
  }

  listOutdated(kind: string, version: string, after: number, limit: number): Promise<ActorRow[]> {
    return this.#run((data) => {
      const rows = activeOf(data, kind).filter((row) =>
        row.version !== version && row.createdSeq > after
      );
      return copies(rows.sort((left, right) => left.createdSeq - right.createdSeq).slice(0, limit));
    });
  }

  versions(kind: string): Promise<{ version: string; count: number }[]> {
    return this.#run((data) => {
      const rows = Map.groupBy(activeOf(data, kind), (row) => row.version);
      return [...rows].map(([version, { length }]) => ({ version, count: length }));
    });
  }

  tallies(): Promise<Tally[]> {
    return this.#run(({ tallies }) => copies(tallies.values().filter(({ count }) => count !== 0)));
  }

  unattended(addresses: readonly Address[]): Promise<Address[]> {
    return this.#run((data) => unattended(data, addresses));
  }

  indexOf(address: Address): Promise<IndexValue[]> {
    return this.#run(({ labels }) => {
      const values = copies(labels.get(address) ?? []);
      return values.sort((left, right) =>
        compare(left.name, right.name) || compare(left.value, right.value)
      );
    });
  }

  findKeys(wanted: readonly { address: Address; key: string }[]): Promise<JournalRow[]> {
    return this.#run(({ keys }) =>
      copies(wanted.map(({ address, key }) => keys.get(keyOf(address, key))))
    );
  }

  journal(query: JournalQuery): Promise<JournalRow[]> {
    return this.#run((data) => copies(listJournal(data, query)));
  }

  baseOf(address: Address, revision: number): Promise<BaseRow | undefined> {
    return this.#run(({ bases }) => {
      const rows = (bases.get(address) ?? []).filter((row) => row.revision <= revision);
      return copies(rows.toSorted((left, right) => right.revision - left.revision))[0];
    });
  }

  nextTimerAt(after = -1): Promise<number | undefined> {
    return this.#run(({ timers }) => {
      const next = timers.values().map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > after)
        .reduce((earliest, dueAt) => Math.min(earliest, dueAt), Infinity);
      return next === Infinity ? undefined : next;
    });
  }

  timersDue(now: number, limit: number): Promise<TimerRow[]> {
    return this.#run(({ timers }) =>
      copies(byDueTime(timers.values().filter(({ dueAt }) => dueAt <= now)).slice(0, limit))
    );
  }

  timersOf(address: Address): Promise<TimerRow[]> {
    return this.#run(({ timers }) => copies(byDueTime(ownedBy(address, timers))));
  }

  countTimers(): Promise<number> {
    return this.#run(({ timers }) => timers.size);
  }

  listEffects(after: string, limit: number): Promise<EffectRow[]> {
    return this.#run(({ effects }) =>
      copies(byKey(effects.values().filter(({ key }) => key > after)).slice(0, limit))
    );
  }

  effectsOf(address: Address): Promise<EffectRow[]> {
    return this.#run(({ effects }) => copies(byKey(ownedBy(address, effects))));
  }

  listSlots(after: number, limit: number): Promise<SlotRow[]> {
    return this.#run(({ slots }) =>
      copies(bySeq(slots.values().filter(({ seq }) => seq > after)).slice(0, limit))
    );
  }

  slotsOf(address: Address): Promise<SlotRow[]> {
    return this.#run(({ slots }) => copies(bySeq(ownedBy(address, slots))));
  }

  listWatches(afterKey: string, limit: number): Promise<WatchRow[]> {
    return this.#run(({ watches }) => {
      const rows = byKey(watches.values().filter(({ key }) => key > afterKey));
      const keys = [...new Set(rows.map(({ key }) => key))].slice(0, limit);
      return copies(rows.filter(({ key }) => keys.includes(key)));
    });
  }

  watchesOf(watcher: Address): Promise<WatchRow[]> {
    return this.#run(({ watches }) =>
      copies(byKey(watches.values().filter((row) => row.watcher === watcher)))
    );
  }

  listPools(): Promise<PoolRow[]> {
    return this.#run(({ pools }) =>
      copies([...pools.values()].sort((left, right) => compare(left.name, right.name)))
    );
  }

  listDeadLetters(after: number | undefined, limit: number): Promise<DeadLetterRow[]> {
    return this.#run(({ deadLetters }) => {
      const rows = [...deadLetters.values().filter(({ seq }) => seq < (after ?? Infinity))];
      rows.sort((left, right) => right.seq - left.seq || compare(left.id, right.id));
      const last = rows.slice(0, limit).at(-1);
      return copies(rows.filter((row) => last !== undefined && row.seq >= last.seq));
    });
  }

  getDeadLetter(id: string): Promise<DeadLetterRow | undefined> {
    return this.#run(({ deadLetters }) => copies([deadLetters.get(id)])[0]);
  }

  countDeadLetters(): Promise<number> {
    return this.#run(({ deadLetters }) => deadLetters.size);
  }

  getIdempotency(key: string): Promise<IdempotencyRow | undefined> {
    return this.#run(({ idempotency }) => copies([idempotency.get(key)])[0]);
  }

  getBlob(sha: string): Promise<string | undefined> {
    return this.#run(({ blobs }) => blobs.get(sha)?.data);
  }

  readStream(
    address: Address,
    channel: string,
    after: number,
    limit: number,
  ): Promise<StreamRow[]> {
    return this.#run(({ streams }) => {
      const rows = streams.get(`${address} ${channel}`) ?? [];
      return copies(rows.filter(({ seq }) => seq > after).slice(0, limit));
    });
  }

  lastStreamSeq(address: Address, channel: string): Promise<number> {
    return this.#run(({ streams }) => streams.get(`${address} ${channel}`)?.at(-1)?.seq ?? 0);
  }

  prune(request: PruneRequest): Promise<PruneReport> {
    return this.#run((data) => {
      this.#checkLease();
      return pruneContent(data, request);
    });
  }

  backup(path: string): Promise<void> {
    return this.#run(() => {
      throw new StoreError("other", `Cannot back up to "${path}": the store is in memory`);
    });
  }

  check(): Promise<void> {
    return this.#run(checkContent);
  }

  async close(): Promise<void> {
    if (this.#dead !== undefined) return;
    await this.releaseLease();
    this.#dead ??= new StoreError("other", "Cannot use the store: it is closed");
  }

  /** Answers later, like every store, and with an error in the answer. */
  #run<Result>(act: (content: MemoryData) => Result): Promise<Result> {
    return Promise.try(() => {
      if (this.#dead !== undefined) throw this.#dead;
      return act(this.#content);
    }) as Promise<Result>;
  }

  #hasLease(): boolean {
    const { bootId, epoch } = this.#content.head;
    return this.#lease !== undefined && bootId === this.#lease.bootId &&
      epoch === this.#lease.epoch;
  }

  #checkLease(): void {
    if (this.#hasLease()) return;
    const reason = this.#lease === undefined ? "the lease is not held" : "another took the lease";
    throw new StoreError("fenced", `Cannot write to the store: ${reason}`);
  }
}
