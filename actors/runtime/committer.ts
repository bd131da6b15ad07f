/**
 * The committer: takes what waits in the mailbox, lets it happen in a draft, writes the draft in
 * one transaction, and only then answers, publishes and starts effects. There is one, so events of
 * an actor apply in the order in which they were taken in.
 */
import type { JournalRow, Store, TimerRow } from "../store/store.ts";
import type { Address } from "./address.ts";
import type { Clock } from "./clock.ts";
import { deliver, keyOf, receiptOf } from "./deliver.ts";
import { Draft } from "./draft.ts";
import { causeOf, type EventEnvelope, type JsonEvent, type SpawnEnvelope } from "./envelope.ts";
import { DrainingError, OverloadedError, StoreError } from "./errors.ts";
import { MAX_EVENTS_PER_COMMIT, MAX_FOLLOW_UPS_PER_COMMIT, MAX_QUEUED_EVENTS } from "./limits.ts";
import { prefetch } from "./loader.ts";
import type { Streams } from "./streams.ts";
import type { Timers } from "./timers.ts";
import type { World } from "./world.ts";

/** A write beside any step: a pool's limit, an answer, an attempt, output. */
type WriteEnvelope = {
  type: "write";
  write(draft: Draft): void | Promise<void>;
  settle: { resolve(): void; reject(error: unknown): void };
};

/** What waits in the mailbox. */
export type Envelope = EventEnvelope | SpawnEnvelope | WriteEnvelope;

export type CommitterPorts = {
  store: Store;
  clock: Clock;
  streams: Streams;
  timers: Timers;
  /** Called with each commit's journal, after it stands. */
  publish(rows: readonly JournalRow[]): void;
  /** Called when the store has failed; `fatal` means that it cannot be trusted any more. */
  onStoreFailure(error: StoreError, fatal: boolean): void;
  onStoreRecovered(): void;
};

export class Committer {
  #queue: Envelope[] = [];
  #running: Promise<void> | undefined;
  #scheduled = false;
  /** Asked for again while a commit was being made. */
  #isWanted = false;
  #isCommitting = false;
  #dead: Error | undefined;
  #lastEnd = -Infinity;
  seq = 0;
  /** Set until the system is ready and while it drains: nothing new is begun. */
  holdGrants = true;

  constructor(readonly world: World, readonly ports: CommitterPorts) {}

  /** Whether memory holds changes that are not committed. */
  get isCommitting(): boolean {
    return this.#isCommitting;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Puts an envelope in the mailbox. Throws `OverloadedError` when it is full. */
  submit(envelope: Envelope): void {
    if (this.#dead !== undefined) throw this.#dead;
    const isOutside = envelope.type === "event" ? envelope.origin.type === "api" : true;
    if (isOutside && envelope.type !== "write" && this.#queue.length >= MAX_QUEUED_EVENTS) {
      throw new OverloadedError(
        `Cannot take event: ${this.#queue.length} events wait, the limit is ${MAX_QUEUED_EVENTS}`,
        1_000,
      );
    }
    this.#queue.push(envelope);
    this.wake();
  }

  /** A write that needs no step, in the next commit. */
  write(write: (draft: Draft) => void | Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit({ type: "write", write, settle: { resolve, reject } });
    });
  }

  /** Sees to it that a commit follows. Alone it follows at once, under load with all that waits. */
  wake(): void {
    if (this.#dead !== undefined) return;
    this.#isWanted = true;
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    const isBusy = this.ports.clock.now() - this.#lastEnd <= 1;
    if (isBusy) this.ports.clock.soon(() => this.#start());
    else queueMicrotask(() => this.#start());
  }

  /** Resolves when the mailbox is empty and the last commit stands. */
  async settled(): Promise<void> {
    while (this.#scheduled || this.#running !== undefined) {
      await (this.#running ?? new Promise<void>((resolve) => this.ports.clock.soon(resolve)));
    }
  }

  /** Refuses everything from now on, and whatever waits. */
  close(reason: Error = new DrainingError("Cannot take event: the system has stopped")): void {
    this.#dead ??= reason;
    for (const envelope of this.#queue.splice(0)) envelope.settle?.reject(reason);
  }

  #start(): void {
    this.#scheduled = false;
    if (this.#dead !== undefined) return;
    this.#isWanted = false;
    this.#running = this.#cycle().finally(() => {
      this.#running = undefined;
      this.#lastEnd = this.ports.clock.now();
      if (this.#isWanted || this.#queue.length > 0 || this.ports.timers.isDue()) this.wake();
    });
  }

  async #cycle(): Promise<void> {
    const envelopes = this.#queue.splice(0, MAX_EVENTS_PER_COMMIT);
    const now = this.ports.clock.now();
    try {
      const due = await this.ports.timers.takeDue(now);
      envelopes.push(...due.map(timerEnvelope));
    } catch (error) {
      await this.#fail(undefined, envelopes, error);
      return;
    }
    await this.#commit(envelopes, now);
  }

  /** One commit: all of it stands, or nothing of it has happened. */
  async #commit(envelopes: readonly Envelope[], now: number): Promise<void> {
    const { store, streams } = this.ports;
    const startedAt = performance.now();
    const draft = new Draft(this.seq, now);
    this.#isCommitting = true;
    try {
      await streams.takeInto(draft);
      await this.#fill(draft, envelopes);
      if (draft.isEmpty()) return this.#follow(draft);
      const commit = draft.finish(this.world.eventsPerBase);
      await store.commit(commit);
      this.seq = commit.seq;
    } catch (error) {
      await this.#fail(draft, envelopes, error);
      return;
    }
    this.world.counters.commits += 1;
    this.world.counters.commitMs += performance.now() - startedAt;
    this.ports.onStoreRecovered();
    this.#follow(draft);
  }

  /** Lets everything happen in the draft: what was sent, what that caused, and the grants. */
  async #fill(draft: Draft, envelopes: readonly Envelope[]): Promise<void> {
    await this.#readAhead(draft, envelopes);
    for (const envelope of envelopes) {
      if (envelope.type === "write") {
        await envelope.write(draft);
        draft.afterwards.push(() => envelope.settle.resolve());
        draft.onFailure.push(envelope.settle.reject);
      } else {
        await deliver(this.world, draft, envelope);
      }
      if (draft.followUps.length > 0) await this.#followUp(draft);
    }
    await this.#grant(draft);
  }

  /** Everything that the envelopes need from the store, in a query a table. */
  async #readAhead(draft: Draft, envelopes: readonly Envelope[]): Promise<void> {
    const { store } = this.ports;
    const targets: Address[] = [];
    const keys: { address: Address; key: string }[] = [];
    for (const envelope of envelopes) {
      if (envelope.type === "write") continue;
      targets.push(envelope.target);
      const { key, idempotency } = envelope.options;
      if (key !== undefined) keys.push({ address: envelope.target, key });
      if (idempotency === undefined) continue;
      const answered = await store.getIdempotency(idempotency.key);
      if (answered !== undefined) draft.answers.set(answered.key, answered);
    }
    await prefetch(this.world, draft, targets);
    if (keys.length === 0) return;
    for (const row of await store.findKeys(keys)) {
      if (row.key !== null) draft.keys.set(keyOf(row.address, row.key), receiptOf(row));
    }
  }

  async #followUp(draft: Draft): Promise<void> {
    for (let next = draft.followUps.shift(); next !== undefined; next = draft.followUps.shift()) {
      draft.followUpCount += 1;
      if (draft.followUpCount > 2 * MAX_FOLLOW_UPS_PER_COMMIT) {
        throw new Error(
          `More than ${2 * MAX_FOLLOW_UPS_PER_COMMIT} messages follow from one commit`,
        );
      }
      await deliver(this.world, draft, next);
    }
  }

  /** Gives free places to those who wait, in the same commit. */
  async #grant(draft: Draft): Promise<void> {
    const { pools } = this.world;
    this.#freePlaces(draft);
    if (this.holdGrants) return;
    for (let row = pools.grantNext(draft.at); row !== undefined; row = pools.grantNext(draft.at)) {
      draft.putSlot(row);
      draft.followUpCount += 1;
      const { key, childId, address } = row;
      await deliver(this.world, draft, {
        type: "event",
        target: address,
        event: { type: "slot.granted" },
        origin: { type: "slot", key, childId },
        options: {},
        settle: undefined,
      });
      if (draft.followUps.length > 0) await this.#followUp(draft);
      this.#freePlaces(draft);
      // A machine may give its place back as soon as it has it: the rest waits its turn.
      if (draft.followUpCount > MAX_FOLLOW_UPS_PER_COMMIT) return this.wake();
    }
  }

  /**
   * A place is free once the work that it was for has ended. Work that is being aborted keeps it:
   * the next holder must not overlap with a process that is still dying. After a crash the sweep
   * at boot ends such work before anything is granted.
   */
  #freePlaces(draft: Draft): void {
    const { pools, effects } = this.world;
    if (draft.vacated.length === 0) return;
    const dying = Map.groupBy(draft.aborts.filter((key) => effects?.isRunning(key)), ownerOf);
    for (const { key, address } of draft.vacated.splice(0)) {
      const ending = dying.get(address) ?? [];
      if (ending.length === 0) {
        pools.free(key);
        continue;
      }
      draft.afterwards.push(() => {
        void Promise.all(ending.map((effect) => effects?.settled(effect))).then(() => {
          pools.free(key);
          this.wake();
        });
      });
    }
  }

  /** The commit stands: memory, timers, effects, answers and readers follow. */
  #follow(draft: Draft): void {
    const { world, ports } = this;
    const { journal } = draft.rows;
    this.#isCommitting = false;
    for (const actor of draft.stagedActors()) world.cache.put(actor);
    ports.timers.note(draft.earliestTimer);
    for (const row of draft.starts) world.effects?.start(row);
    for (const { key, event } of draft.tells) world.effects?.tell(key, event);
    // Last: what a state's exit sends to its effect still reaches it.
    for (const key of draft.aborts) world.effects?.abort(key);
    if (journal.length > 0) ports.publish(journal);
    for (const run of draft.afterwards) run();
  }

  /** The commit did not happen: nothing of the draft has, and whoever waits is told. */
  async #fail(
    draft: Draft | undefined,
    envelopes: readonly Envelope[],
    error: unknown,
  ): Promise<void> {
    const { world, ports } = this;
    const message = error instanceof Error ? error.message : String(error);
    world.log("error", "Commit failed", { error: message, events: envelopes.length });
    for (const undo of draft?.rollbacks ?? []) undo();
    const refuse = () => {
      for (const reject of draft?.onFailure ?? []) reject(error);
      for (const envelope of envelopes) envelope.settle?.reject(error);
    };
    if (error instanceof StoreError) {
      if (error.isFatal) this.close(error);
      ports.onStoreFailure(error, error.isFatal);
      refuse();
      ports.timers.retryAfterFailure();
      if (!error.isFatal) await this.#reload();
      return;
    }
    if (!await this.#reload()) return refuse();
    if (envelopes.length > 1) return await this.#isolate(envelopes);
    for (const reject of draft?.onFailure ?? []) reject(error);
    for (const envelope of envelopes) await this.#quarantine(envelope, error);
  }

  /**
   * Puts slots and watches in memory back to what is stored. Fails where the commit stands after
   * all and only its answer was lost: then everything in memory is old.
   */
  async #reload(): Promise<boolean> {
    try {
      await reloadClaims(this.world);
      const stored = await this.ports.store.lastSeq();
      if (stored !== this.seq) throw new Error(`The store is at seq ${stored}, not ${this.seq}`);
      this.#isCommitting = false;
      return true;
    } catch (cause) {
      // What is in memory is not what is stored, and cannot be made so.
      const error = new StoreError("corrupt", "Cannot go on after a failed commit", { cause });
      this.close(error);
      this.ports.onStoreFailure(error, true);
      return false;
    }
  }

  /**
   * One of several envelopes cannot be applied, the others can: each gets a commit of its own.
   * Timers are read again one by one, since an earlier envelope may call off a later timer.
   */
  async #isolate(envelopes: readonly Envelope[]): Promise<void> {
    const isTimer = (envelope: Envelope) =>
      envelope.type === "event" && envelope.origin.type === "timer";
    this.ports.timers.readSingly(envelopes.filter(isTimer).length);
    for (const envelope of envelopes) {
      if (!isTimer(envelope)) await this.#commit([envelope], this.ports.clock.now());
    }
  }

  /** What cannot be applied at all is answered, and a timer is put where someone sees it. */
  async #quarantine(envelope: Envelope, error: unknown): Promise<void> {
    if (envelope.type === "write") return envelope.settle.reject(error);
    if (envelope.settle !== undefined) return envelope.settle.reject(error);
    const write = (draft: Draft) => {
      if (envelope.type === "event" && envelope.origin.type === "timer") {
        const { address, id } = envelope.origin.row;
        draft.deleteTimer(address, id);
      }
      draft.rows.deadLetters.push({
        id: `dead_${this.world.ids()}`,
        seq: draft.seq,
        at: draft.at,
        address: envelope.target,
        event: JSON.stringify(envelope.type === "event" ? envelope.event : { type: "xstate.init" }),
        cause: envelope.type === "event" ? causeOf(envelope.origin) : envelope.cause,
        reason: error instanceof Error ? error.message : String(error),
      });
    };
    const settle = { resolve: () => {}, reject: () => {} };
    await this.#commit([{ type: "write", write, settle }], this.ports.clock.now());
  }
}

/** Reads slots, limits and watches again, as at boot. */
export async function reloadClaims(world: World): Promise<void> {
  const { store } = world;
  const slots = await readAll((after: number, limit) => store.listSlots(after, limit), {
    start: 0,
    next: (row) => row.seq,
  });
  const watches = await readAll((after: string, limit) => store.listWatches(after, limit), {
    start: "",
    next: (row) => row.key,
  });
  world.pools.load(slots, await store.listPools());
  world.watches.load(watches);
}

/** All pages of a listing. */
export async function readAll<Row, Cursor>(
  read: (after: Cursor, limit: number) => Promise<Row[]>,
  { start, next }: { start: Cursor; next: (row: Row) => Cursor },
): Promise<Row[]> {
  const pageSize = 1_000;
  const rows: Row[] = [];
  let after = start;
  while (true) {
    const page = await read(after, pageSize);
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return rows;
    after = next(last);
  }
}

/** The actor that an effect belongs to, from its key: `address/revision/index`. */
function ownerOf(key: string): Address {
  return key.slice(0, key.lastIndexOf("/", key.lastIndexOf("/") - 1));
}

function timerEnvelope(row: TimerRow): EventEnvelope {
  return {
    type: "event",
    target: row.target,
    event: JSON.parse(row.event) as JsonEvent,
    origin: { type: "timer", row },
    options: {},
    settle: undefined,
  };
}
