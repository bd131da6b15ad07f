/**
 * The root actor system: the one door to every actor. Callers send events and read records; they
 * never see the store. Here the parts are wired and their lives begun and ended; each part has a
 * file of its own.
 */
import { nanoid } from "nanoid";
import type { Lease, StreamRow } from "../store/store.ts";
import { errorOf, type Found } from "./actor.ts";
import { type Address, addressOf, isAddress } from "./address.ts";
import type {
  FeedOptions,
  Health,
  PoolStatus,
  Receipt,
  RecoveryReport,
  SendOptions,
  Stats,
  System,
  SystemOptions,
} from "./api.ts";
import { ActorCache } from "./cache.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Committer } from "./committer.ts";
import { createCounters } from "./counters.ts";
import type { Draft } from "./draft.ts";
import { createEffectPorts } from "./effect_ports.ts";
import { EffectRunner } from "./effects.ts";
import type { JsonEvent } from "./envelope.ts";
import { DrainingError, KeyReusedError, NotFoundError, type StoreError } from "./errors.ts";
import { Feed } from "./feed.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ActorRecord, EventInput, KindDefinition } from "./kind.ts";
import { LEASE_MS, MAX_CACHED_ACTORS, MAX_KEY_CHARS } from "./limits.ts";
import { find } from "./loader.ts";
import { mapStrings, toPayload } from "./payload.ts";
import { Pools } from "./pools.ts";
import { createReader, type Reader } from "./reader.ts";
import { type Pending, recover, takeLease, upgradeAll } from "./recovery.ts";
import { createRegistry, type Registry } from "./registry.ts";
import { Streams } from "./streams.ts";
import { Timers } from "./timers.ts";
import { Watches } from "./watches.ts";
import type { World } from "./world.ts";

export type * from "./api.ts";

/** How long aborted effects have to let go when the system stops. */
const ABORT_GRACE_MS = 8_000;

/** Wires a system over a store. Nothing runs before `start`. */
export function createSystem(options: SystemOptions): System {
  return new RootSystem(options);
}

class RootSystem implements System {
  readonly #options: SystemOptions;
  readonly #clock: Clock;
  readonly #ids: () => string;
  readonly #registry: Registry;
  readonly #world: World;
  readonly #feed: Feed;
  readonly #streams: Streams;
  readonly #timers: Timers;
  readonly #committer: Committer;
  readonly #effects: EffectRunner;
  readonly #reader: Reader;
  #health: Health = { status: "starting", reason: "not started" };
  #lease: Lease | null = null;
  #cancelRenewal = () => {};
  #stopping: Promise<void> | undefined;

  constructor(options: SystemOptions) {
    const { store } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ids = options.ids ?? (() => nanoid());
    this.#registry = createRegistry(options.kinds);
    const log = options.log ?? (() => {});
    const wake = () => this.#committer.wake();
    this.#streams = new Streams(store, this.#clock, wake);
    this.#timers = new Timers(store, this.#clock, wake);
    this.#feed = new Feed(store, (entry) => this.#redact(entry.kind, entry));
    this.#world = {
      store,
      registry: this.#registry,
      cache: new ActorCache(options.maxCachedActors ?? MAX_CACHED_ACTORS),
      pools: new Pools(options.pools ?? {}),
      watches: new Watches(),
      counters: createCounters(),
      log,
      bootId: `boot_${this.#ids()}`,
      ids: this.#ids,
      find: (draft: Draft, address: Address): Promise<Found> => find(this.#world, draft, address),
      effects: undefined,
    };
    this.#committer = new Committer(this.#world, {
      store,
      clock: this.#clock,
      streams: this.#streams,
      timers: this.#timers,
      publish: (rows) => this.#feed.publish(rows),
      onStoreFailure: (error, fatal) => this.#onStoreFailure(error, fatal),
      onStoreRecovered: () => this.#onStoreRecovered(),
    });
    this.#effects = new EffectRunner(createEffectPorts({
      clock: this.#clock,
      random: options.random ?? Math.random,
      log,
      registry: this.#registry,
      bootId: this.#world.bootId,
      streams: this.#streams,
      committer: () => this.#committer,
      readBlob: (sha) => store.getBlob(sha),
      get: (address) => this.get(address),
      send: (address, event, sendOptions) => this.send(address, event, sendOptions),
    }));
    this.#reader = createReader({
      world: this.#world,
      feed: this.#feed,
      streams: this.#streams,
      effects: this.#effects,
      clock: this.#clock,
      redact: (kind, value) => this.#redact(kind, value),
    });
  }

  get info() {
    return { store: this.#options.store.info, lease: this.#lease };
  }

  async start(): Promise<RecoveryReport> {
    const startedAt = performance.now();
    const { store, leaseWaitMs, paused } = this.#options;
    const world = this.#world;
    if (paused) return await this.#look(startedAt);
    const waitMs = leaseWaitMs ?? 0;
    const lease = await takeLease(store, this.#clock, { bootId: world.bootId, waitMs });
    this.#lease = lease;
    this.#renewLease();
    const parts = { committer: this.#committer, timers: this.#timers, clock: this.#clock };
    const { report, pending } = await recover(world, { ...parts, lease, startedAt });
    this.#feed.begin(this.#committer.seq);
    await this.#options.sweep?.(new Set(pending.map((effect) => effect.row.key)));
    world.effects = this.#effects;
    this.#committer.holdGrants = false;
    this.#health = { status: "ready", reason: null };
    await this.#resume(pending);
    report.versions = await upgradeAll(world, this.#committer, () => this.#stopping !== undefined);
    this.#committer.wake();
    return report;
  }

  /** Idempotent: every call waits for the same stop. */
  stop(options: { drainMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.drainMs ?? 0);
    return this.#stopping;
  }

  health(): Health {
    return this.#health;
  }

  async stats(): Promise<Stats> {
    const { store, counters, cache } = this.#world;
    const { commits, commitMs, ...counts } = counters;
    return {
      ...counts,
      commits,
      tallies: await store.tallies(),
      lastSeq: this.#committer.seq,
      deadLetters: await store.countDeadLetters(),
      queued: this.#committer.queued,
      cached: cache.size,
      effectsRunning: this.#effects.running,
      effectsWaiting: this.#effects.waiting,
      effectRetries: this.#effects.retries,
      feedReaders: this.#feed.readers,
      nextTimerAt: this.#timers.nextAt ?? null,
      commitSeconds: { count: commits, sum: commitMs / 1_000 },
    };
  }

  kinds(): KindDefinition[] {
    return this.#registry.all().map((kind) => kind.definition);
  }

  newId(prefix: string): string {
    return `${prefix}_${this.#ids()}`;
  }

  async spawn(
    kind: string,
    id: string,
    input: unknown,
    options: SendOptions = {},
  ): Promise<Receipt> {
    this.#registry.get(kind);
    const target = addressOf(kind, id);
    this.#checkOpen(options);
    const { value, blobs } = toPayload(input, `input of ${target}`);
    return await this.#submit((settle) => ({
      type: "spawn",
      target,
      kind,
      input: value,
      parent: null,
      cause: "api",
      depth: 0,
      options,
      blobs,
      settle,
    }));
  }

  async send(address: Address, event: EventInput, options: SendOptions = {}): Promise<Receipt> {
    if (!isAddress(address)) throw new NotFoundError(`Cannot find "${address}": want "kind:id"`);
    if (typeof event.type !== "string" || event.type === "" || event.type.startsWith("xstate.")) {
      throw new TypeError(`Cannot send event "${event.type}": want a type of the machine's own`);
    }
    this.#checkOpen(options);
    const { value, blobs } = toPayload(event, `event "${event.type}" for ${address}`);
    return await this.#submit((settle) => ({
      type: "event",
      target: address,
      event: value as JsonEvent,
      origin: { type: "api" },
      options,
      blobs,
      settle,
    }));
  }

  get: System["get"] = (address) => this.#reader.get(address);
  list: System["list"] = (kind, query) => this.#reader.list(kind, query);
  inspect: System["inspect"] = (address) => this.#reader.inspect(address);
  accepts: System["accepts"] = (address) => this.#reader.accepts(address);
  history: System["history"] = (address, query) => this.#reader.history(address, query);
  at: System["at"] = (address, revision) => this.#reader.at(address, revision);
  replay: System["replay"] = (address) => this.#reader.replay(address);
  waitFor: System["waitFor"] = (address, done, options) =>
    this.#reader.waitFor(address, done, options);
  deadLetters: System["deadLetters"] = (query) => this.#reader.deadLetters(query);

  feed(options: FeedOptions = {}) {
    return this.#feed.read(options);
  }

  stream(
    address: Address,
    channel: string,
    options: { after?: number; follow?: boolean; signal?: AbortSignal } = {},
  ): AsyncIterable<StreamRow> {
    return this.#reader.stream(address, channel, options);
  }

  view(record: ActorRecord): JsonObject {
    const view = this.#registry.find(record.kind)?.definition.view;
    return view === undefined || record.blocked !== null ? {} : view(record);
  }

  pools(): PoolStatus[] {
    return this.#world.pools.all();
  }

  async setPool(name: string, limit: number | null): Promise<PoolStatus> {
    if (limit !== null && (!Number.isInteger(limit) || limit < 0)) {
      throw new RangeError(`Cannot set pool "${name}" to ${limit}: want a whole number or null`);
    }
    await this.#committer.write((draft) => {
      // The store knows numbers only: below zero stands for no limit.
      draft.rows.pools.push({ name, limit: limit ?? -1 });
      this.#world.pools.setLimit(name, limit);
    });
    return this.#world.pools.status(name);
  }

  async retryDeadLetter(id: string): Promise<Receipt> {
    const letter = await this.#options.store.getDeadLetter(id);
    if (letter === undefined) throw new NotFoundError(`Cannot find dead letter "${id}"`);
    const event = JSON.parse(letter.event) as JsonEvent;
    const incarnation = incarnationOf(letter.cause, event);
    return await this.#submit((settle) => ({
      type: "event",
      target: letter.address,
      event,
      origin: { type: "deadLetter", id, ...(incarnation === undefined ? {} : { incarnation }) },
      options: {},
      settle,
    }));
  }

  async dropDeadLetter(id: string): Promise<void> {
    if (await this.#options.store.getDeadLetter(id) === undefined) {
      throw new NotFoundError(`Cannot find dead letter "${id}"`);
    }
    await this.#committer.write((draft) => void draft.rows.deadLettersDeleted.push(id));
  }

  async answerTo(key: string, fingerprint: string): Promise<Json | undefined> {
    const row = await this.#options.store.getIdempotency(key);
    if (row === undefined) return undefined;
    if (row.fingerprint !== fingerprint) {
      throw new KeyReusedError(`Cannot use key "${key}": it was used for another request`);
    }
    return JSON.parse(row.answer) as Json;
  }

  async keepAnswer(key: string, fingerprint: string, answer: Json): Promise<void> {
    await this.#committer.write((draft) => {
      const row = { key, fingerprint, answer: JSON.stringify(answer), at: draft.at };
      draft.rows.idempotency.push(row);
    });
  }

  #checkOpen({ key }: SendOptions): void {
    if (this.#stopping !== undefined) {
      throw new DrainingError("Cannot take event: the system is stopping");
    }
    if (this.#options.paused) {
      throw new DrainingError("Cannot take event: the system is opened to look only");
    }
    if (this.#lease === null) {
      throw new DrainingError("Cannot take event: the system is not started");
    }
    if (key !== undefined && (key === "" || key.length > MAX_KEY_CHARS)) {
      throw new RangeError(`Cannot use key: want 1 to ${MAX_KEY_CHARS} characters`);
    }
  }

  #submit(
    make: (settle: {
      resolve: (receipt: Receipt | undefined) => void;
      reject: (error: unknown) => void;
    }) => Parameters<Committer["submit"]>[0],
  ): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const resolveReceipt = (receipt: Receipt | undefined) => {
        if (receipt === undefined) reject(new Error("Cannot answer: the event left no receipt"));
        else resolve(receipt);
      };
      this.#committer.submit(make({ resolve: resolveReceipt, reject }));
    });
  }

  /** Opens the world to look at it: nothing is written and nothing runs. */
  async #look(startedAt: number): Promise<RecoveryReport> {
    const { store } = this.#options;
    this.#committer.seq = await store.lastSeq();
    this.#feed.begin(this.#committer.seq);
    this.#health = { status: "ready", reason: "opened to look only" };
    return {
      bootId: this.#world.bootId,
      epoch: 0,
      lastSeq: this.#committer.seq,
      effects: { rerun: 0, reattached: 0, failed: 0 },
      timers: { armed: await store.countTimers(), overdue: 0 },
      slots: { held: 0, waiting: 0 },
      watches: 0,
      versions: { upgraded: 0, blocked: 0 },
      unknownKinds: [],
      tookMs: Math.round(performance.now() - startedAt),
    };
  }

  /** Starts what was in flight when the last process ended. */
  async #resume(pending: readonly Pending[]): Promise<void> {
    for (const { row, how } of pending) {
      if (how !== "fail") {
        this.#effects.start(row, { reattach: how === "reattach" });
        continue;
      }
      await this.#effects.cutOff(row, {
        name: "InterruptedError",
        message: `The system stopped while attempt ${row.attempt - 1} ran`,
        code: "interrupted",
      });
    }
  }

  #renewLease(): void {
    const { store } = this.#options;
    // A local file is locked by the operating system; a shared database needs a sign of life.
    if (store.info.syncMode !== "REMOTE") return;
    const renew = async () => {
      try {
        await store.renewLease(this.#clock.now(), LEASE_MS);
        this.#renewLease();
      } catch (error) {
        this.#world.log("error", "Cannot renew the lease", { error: errorOf(error) });
        if ((error as StoreError).failure === "fenced") this.#fail(error as StoreError);
        else this.#renewLease();
      }
    };
    this.#cancelRenewal = this.#clock.wake(this.#clock.now() + LEASE_MS / 3, () => void renew());
  }

  #onStoreFailure(error: StoreError, fatal: boolean): void {
    if (fatal) this.#fail(error);
    else this.#health = { status: "degraded", reason: error.message };
  }

  #onStoreRecovered(): void {
    if (this.#health.status === "degraded") this.#health = { status: "ready", reason: null };
  }

  #fail(error: StoreError): void {
    if (this.#health.status === "failed") return;
    this.#health = { status: "failed", reason: error.message };
    this.#committer.close(error);
    this.#timers.stop();
    this.#feed.close();
    this.#options.onFatal?.(error);
  }

  async #stop(drainMs: number): Promise<void> {
    const hasFailed = this.#health.status === "failed";
    if (!hasFailed) this.#health = { status: "draining", reason: "the system is stopping" };
    this.#committer.holdGrants = true;
    await this.#effects.idle(drainMs);
    this.#timers.stop();
    await this.#effects.stop(ABORT_GRACE_MS);
    await this.#committer.settled();
    if (!this.#streams.isEmpty && !hasFailed) {
      this.#committer.wake();
      await this.#committer.settled();
    }
    this.#committer.close();
    this.#cancelRenewal();
    this.#feed.close();
    const { store } = this.#options;
    if (this.#lease !== null && !hasFailed) await store.releaseLease();
    await store.close();
    if (!hasFailed) this.#health = { status: "stopped", reason: "the system has stopped" };
  }

  #redact<T>(kind: string, value: T): T {
    const redact = this.#registry.find(kind)?.definition.redact;
    return redact === undefined ? value : mapStrings(value, redact);
  }
}

/** Which life of a child a dead letter belonged to. */
function incarnationOf(cause: string, event: JsonEvent) {
  const { actorId } = event;
  if (!cause.startsWith("effect/") || typeof actorId !== "string") return undefined;
  return { childId: actorId, key: cause.slice("effect/".length) };
}
