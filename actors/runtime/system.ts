/**
 * The root actor system: the one door to every actor. Callers send events and read records; they
 * never see the store. Here the parts are wired and their lives begun and ended; each part has a
 * file of its own.
 */
import { nanoid } from "nanoid";
import type { StreamRow } from "../store/store.ts";
import { errorOf } from "./actor.ts";
import type { Address } from "./address.ts";
import type {
  FeedOptions,
  Health,
  PoolStatus,
  RecoveryReport,
  Retained,
  Stats,
  System,
  SystemOptions,
} from "./api.ts";
import { ActorCache } from "./cache.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Committer } from "./committer.ts";
import { createCounters } from "./counters.ts";
import { createEffectPorts } from "./effect_ports.ts";
import { EffectRunner } from "./effects.ts";
import { DrainingError, type StoreError } from "./errors.ts";
import { Feed } from "./feed.ts";
import type { JsonObject } from "./json.ts";
import type { ActorRecord, KindDefinition } from "./kind.ts";
import { LeaseKeeper } from "./lease.ts";
import { EVENTS_PER_BASE, MAX_CACHED_ACTORS } from "./limits.ts";
import { find } from "./loader.ts";
import { shownValue } from "./payload.ts";
import { Pools } from "./pools.ts";
import { createOversight, type Oversight } from "./oversight.ts";
import { createReader, type Reader } from "./reader.ts";
import { lookReport, type Pending, recover, upgradeAll } from "./recovery.ts";
import { createRegistry, type Registry } from "./registry.ts";
import { Streams } from "./streams.ts";
import { Timers } from "./timers.ts";
import { Watches } from "./watches.ts";
import type { World } from "./world.ts";
import { Retention } from "./retention.ts";
import { createWriter, type Writer } from "./writer.ts";

export type * from "./api.ts";

/** Random characters of an id, 6 bits each, beside the time of its making. */
const RANDOM_ID_CHARS = 13;
/** How long after a failed commit the store is tried again. */
const PROBE_MS = 1_000;
/** An address that no actor has: clearing its timers is a write that changes nothing. */
const PROBE = "holdfast:probe";
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
  readonly #writer: Writer;
  readonly #oversight: Oversight;
  readonly #lease: LeaseKeeper;
  readonly #retention: Retention;
  #health: Health = { status: "starting", reason: "not started" };
  /** Whether everything that was in flight has been read: only then may anything new come. */
  #isOpen = false;
  #poolsSeen: PoolStatus[] = [];
  #cancelProbe = () => {};
  #stopping: Promise<void> | undefined;

  constructor(options: SystemOptions) {
    const { store } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ids = options.ids ?? (() => nanoid(RANDOM_ID_CHARS));
    this.#world = createWorld(options, this.#ids);
    const { registry, log } = this.#world;
    this.#registry = registry;
    const wake = () => this.#committer.wake();
    this.#streams = new Streams(store, this.#clock, wake);
    this.#timers = new Timers(store, this.#clock, wake);
    this.#feed = new Feed(store, (entry) => this.#redact(entry.kind, entry));
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
      registry,
      bootId: this.#world.bootId,
      streams: this.#streams,
      committer: () => this.#committer,
      readBlob: (sha) => store.getBlob(sha),
      find: this.#world.find,
      get: (address) => this.get(address),
      send: (address, event, sendOptions) => this.send(address, event, sendOptions),
    }));
    this.#lease = new LeaseKeeper({
      store,
      clock: this.#clock,
      log,
      onLost: (error) => this.#fail(error),
    });
    this.#retention = new Retention({
      store,
      clock: this.#clock,
      log,
      archiveAfterMs: options.archiveAfterMs ?? Infinity,
      between: (work) => this.#committer.write(() => work()),
      tidy: options.tidy,
      forget: () => this.#world.cache.clear(),
    });
    this.#writer = createWriter({
      world: this.#world,
      committer: this.#committer,
      checkOpen: () => this.#checkOpen(),
    });
    this.#reader = createReader({
      world: this.#world,
      feed: this.#feed,
      streams: this.#streams,
      effects: this.#effects,
      clock: this.#clock,
      redact: (kind, value) => this.#redact(kind, value),
    });
    this.#oversight = createOversight({
      store,
      clock: this.#clock,
      isLive: (key) => this.#effects.isLive(key),
    });
  }

  get info() {
    return { store: this.#options.store.info, lease: this.#lease.held };
  }

  async start(): Promise<RecoveryReport> {
    const startedAt = performance.now();
    const { leaseWaitMs, paused } = this.#options;
    const world = this.#world;
    if (paused) return await this.#look(startedAt);
    const waitMs = leaseWaitMs ?? 0;
    const lease = await this.#lease.take(world.bootId, waitMs);
    const parts = { committer: this.#committer, clock: this.#clock };
    const { report, pending } = await recover(world, { ...parts, lease, startedAt });
    this.#feed.begin(this.#committer.seq);
    await this.#options.sweep?.(new Set(pending.map((effect) => effect.row.key)));
    await this.#resume(pending);
    report.versions = await upgradeAll(world, this.#committer, () => this.#stopping !== undefined);
    if (this.#options.retention !== "called") this.#retention.start();
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
    // Ids sort by the time of their making: what is active together lies together in the indexes.
    return `${prefix}_${this.#clock.now().toString(36)}${this.#ids()}`;
  }

  spawn: System["spawn"] = (kind, id, input, options) =>
    this.#writer.spawn(kind, id, input, options);
  send: System["send"] = (address, event, options) => this.#writer.send(address, event, options);
  setPool: System["setPool"] = (name, limit) => this.#writer.setPool(name, limit);
  retryDeadLetter: System["retryDeadLetter"] = (id) => this.#writer.retryDeadLetter(id);
  dropDeadLetter: System["dropDeadLetter"] = (id) => this.#writer.dropDeadLetter(id);
  answerTo: System["answerTo"] = (key, fingerprint) => this.#writer.answerTo(key, fingerprint);
  keepAnswer: System["keepAnswer"] = (key, fingerprint, answer) =>
    this.#writer.keepAnswer(key, fingerprint, answer);

  get: System["get"] = (address, options) => this.#reader.get(address, options);
  list: System["list"] = (kind, query) => this.#reader.list(kind, query);
  inspect: System["inspect"] = (address) => this.#reader.inspect(address);
  accepts: System["accepts"] = (address) => this.#reader.accepts(address);
  history: System["history"] = (address, query) => this.#reader.history(address, query);
  at: System["at"] = (address, revision) => this.#reader.at(address, revision);
  replay: System["replay"] = (address) => this.#reader.replay(address);
  waitFor: System["waitFor"] = (address, done, options) =>
    this.#reader.waitFor(address, done, options);
  unattended: System["unattended"] = (addresses) => this.#oversight.unattended(addresses);
  overdue: System["overdue"] = (query) => this.#oversight.overdue(query);
  orphanedEffects: System["orphanedEffects"] = (query) => this.#oversight.orphanedEffects(query);
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

  async retain({ signal }: { signal?: AbortSignal } = {}): Promise<Retained> {
    this.#checkOpen();
    return await this.#retention.look(signal);
  }

  pools(): PoolStatus[] {
    // While a commit is being made, memory holds grants that are not certain yet.
    if (!this.#committer.isCommitting) this.#poolsSeen = this.#world.pools.all();
    return this.#poolsSeen;
  }

  #checkOpen(): void {
    if (this.#stopping !== undefined) {
      throw new DrainingError("Cannot take event: the system is stopping");
    }
    if (this.#options.paused) {
      throw new DrainingError("Cannot take event: the system is opened to look only");
    }
    if (!this.#isOpen) {
      throw new DrainingError("Cannot take event: the system is not started");
    }
  }

  /** Opens the world to look at it: nothing is written and nothing runs. */
  async #look(startedAt: number): Promise<RecoveryReport> {
    const { store } = this.#options;
    this.#committer.seq = await store.lastSeq();
    this.#feed.begin(this.#committer.seq);
    this.#health = { status: "ready", reason: "opened to look only" };
    return await lookReport(this.#world, this.#committer.seq, startedAt);
  }

  /** Takes up what was in flight when the last process ended, and opens the door. */
  async #resume(pending: readonly Pending[]): Promise<void> {
    // In one go: whatever a commit may start or abort must find all that was in flight at work.
    this.#world.effects = this.#effects;
    for (const { row, how } of pending) {
      if (how !== "fail") this.#effects.start(row, { reattach: how === "reattach" });
    }
    this.#committer.holdGrants = false;
    this.#isOpen = true;
    this.#health = { status: "ready", reason: null };
    await this.#timers.arm();
    for (const { row, how } of pending) {
      if (how !== "fail") continue;
      await this.#effects.cutOff(row, {
        name: "InterruptedError",
        message: `The system stopped while attempt ${row.attempt - 1} ran`,
        code: "interrupted",
      });
    }
  }

  #onStoreFailure(error: StoreError, fatal: boolean): void {
    if (fatal) return this.#fail(error);
    this.#health = { status: "degraded", reason: error.message };
    // Whoever routes by health sends nothing more, so the way back must be found from inside.
    this.#cancelProbe();
    const at = this.#clock.now() + PROBE_MS;
    this.#cancelProbe = this.#clock.wake(at, () => void this.#probe());
  }

  /** Writes next to nothing, to see whether the store takes it again. */
  async #probe(): Promise<void> {
    if (this.#health.status !== "degraded") return;
    try {
      await this.#committer.write((draft) => void draft.rows.timersCleared.push(PROBE));
    } catch (error) {
      // The failed commit has been logged and has planned the next look.
      this.#world.log("debug", "The store still fails", { error: errorOf(error) });
    }
  }

  #onStoreRecovered(): void {
    if (this.#health.status === "degraded") this.#health = { status: "ready", reason: null };
  }

  #fail(error: StoreError): void {
    if (this.#health.status === "failed") return;
    this.#health = { status: "failed", reason: error.message };
    this.#committer.close(error);
    this.#timers.stop();
    this.#retention.stop();
    this.#feed.close();
    this.#options.onFatal?.(error);
  }

  async #stop(drainMs: number): Promise<void> {
    const hasFailed = this.#health.status === "failed";
    if (!hasFailed) this.#health = { status: "draining", reason: "the system is stopping" };
    this.#committer.holdGrants = true;
    this.#retention.stop();
    this.#cancelProbe();
    await this.#effects.idle(drainMs);
    this.#timers.stop();
    await this.#effects.stop(ABORT_GRACE_MS);
    await this.#committer.settled();
    if (!this.#streams.isEmpty && !hasFailed) {
      this.#committer.wake();
      await this.#committer.settled();
    }
    this.#committer.close();
    // The last commits may have armed a wake-up.
    this.#timers.stop();
    this.#streams.close();
    this.#feed.close();
    if (hasFailed) this.#lease.stop();
    else await this.#lease.release();
    await this.#options.store.close();
    if (!hasFailed) this.#health = { status: "stopped", reason: "the system has stopped" };
  }

  #redact<T>(kind: string, value: T): T {
    const { redact, conceal } = this.#registry.find(kind)?.definition ?? {};
    if (redact === undefined && conceal === undefined) return value;
    return shownValue(value, { rewrite: redact ?? ((text) => text), conceal: conceal ?? [] });
  }
}

/** What delivering an event needs, with nothing in memory yet. */
function createWorld(options: SystemOptions, ids: () => string): World {
  const world: World = {
    store: options.store,
    registry: createRegistry(options.kinds),
    cache: new ActorCache(options.maxCachedActors ?? MAX_CACHED_ACTORS),
    pools: new Pools(options.pools ?? {}),
    watches: new Watches(),
    counters: createCounters(),
    log: options.log ?? (() => {}),
    bootId: `boot_${ids()}`,
    ids,
    eventsPerBase: options.eventsPerBase ?? EVENTS_PER_BASE,
    find: (draft, address) => find(world, draft, address),
    effects: undefined,
  };
  return world;
}
