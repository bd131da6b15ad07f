/**
 * A store that belongs to one simulated process: it takes time, fails when it is told to, and once
 * its process is dead it never answers again. What is in it outlives the process.
 */
import type {
  ActorQuery,
  Commit,
  JournalQuery,
  PruneReport,
  PruneRequest,
  Store,
} from "../../actors/store/store.ts";
import { StoreError, type StoreFailure } from "../../actors/runtime/errors.ts";
import type { Owner } from "./clock.ts";

/**
 * What befalls a commit. `torn`: the process dies while it is being written; `after`: it stands,
 * and the process dies before it hears so; `unanswered`: it stands, and the process is told that
 * it failed.
 */
export type CommitFate =
  | { type: "stands" }
  | { type: "dies"; when: "before" | "torn" | "after" }
  | { type: "fails"; failure: StoreFailure }
  | { type: "unanswered" };

/** What the rest of the simulation has to say about a store, and wants to know of it. */
export type StoreHost = {
  owner: Owner;
  /** Takes a while, or no time at all; never returns once the process is dead. */
  latency(what: "commit" | "read"): Promise<void>;
  /** Throws where a read fails. */
  beforeRead(what: string): void;
  fateOf(commit: Commit): CommitFate;
  die(why: string): void;
  /** The commit stands. Called before anyone is told. */
  committed(commit: Commit): void;
  /** Old history was cut. */
  pruned(report: PruneReport, request: PruneRequest): void;
};

export class CrashingStore implements Store {
  /** Calls that are under way. */
  busy = 0;

  constructor(readonly inner: Store, readonly host: StoreHost) {}

  get info() {
    return this.inner.info;
  }

  async commit(commit: Commit): Promise<void> {
    this.busy += 1;
    try {
      await this.#commit(commit);
    } finally {
      this.busy -= 1;
    }
  }

  acquireLease(bootId: string, now: number, ttlMs: number) {
    return this.#do("acquireLease", () => this.inner.acquireLease(bootId, now, ttlMs));
  }
  renewLease(now: number, ttlMs: number) {
    return this.#do("renewLease", () => this.inner.renewLease(now, ttlMs));
  }
  releaseLease() {
    return this.#do("releaseLease", () => this.inner.releaseLease());
  }
  close() {
    return this.#do("close", () => this.inner.close());
  }

  lastSeq() {
    return this.#do("lastSeq", () => this.inner.lastSeq());
  }
  oldestSeq() {
    return this.#do("oldestSeq", () => this.inner.oldestSeq());
  }
  loadActors(addresses: readonly string[]) {
    return this.#do("loadActors", () => this.inner.loadActors(addresses));
  }
  listActors(query: ActorQuery) {
    return this.#do("listActors", () => this.inner.listActors(query));
  }
  listOutdated(kind: string, version: string, after: number, limit: number) {
    return this.#do(
      "listOutdated",
      () => this.inner.listOutdated(kind, version, after, limit),
    );
  }
  versions(kind: string) {
    return this.#do("versions", () => this.inner.versions(kind));
  }
  tallies() {
    return this.#do("tallies", () => this.inner.tallies());
  }
  unattended(addresses: readonly string[]) {
    return this.#do("unattended", () => this.inner.unattended(addresses));
  }
  indexOf(address: string) {
    return this.#do("indexOf", () => this.inner.indexOf(address));
  }
  findKeys(keys: readonly { address: string; key: string }[]) {
    return this.#do("findKeys", () => this.inner.findKeys(keys));
  }
  journal(query: JournalQuery) {
    return this.#do("journal", () => this.inner.journal(query));
  }
  baseOf(address: string, revision: number) {
    return this.#do("baseOf", () => this.inner.baseOf(address, revision));
  }
  nextTimerAt(after?: number) {
    return this.#do("nextTimerAt", () => this.inner.nextTimerAt(after));
  }
  timersDue(now: number, limit: number) {
    return this.#do("timersDue", () => this.inner.timersDue(now, limit));
  }
  timersOf(address: string) {
    return this.#do("timersOf", () => this.inner.timersOf(address));
  }
  countTimers() {
    return this.#do("countTimers", () => this.inner.countTimers());
  }
  listEffects(after: string, limit: number) {
    return this.#do("listEffects", () => this.inner.listEffects(after, limit));
  }
  effectsOf(address: string) {
    return this.#do("effectsOf", () => this.inner.effectsOf(address));
  }
  listSlots(after: number, limit: number) {
    return this.#do("listSlots", () => this.inner.listSlots(after, limit));
  }
  slotsOf(address: string) {
    return this.#do("slotsOf", () => this.inner.slotsOf(address));
  }
  listWatches(afterKey: string, limit: number) {
    return this.#do("listWatches", () => this.inner.listWatches(afterKey, limit));
  }
  watchesOf(watcher: string) {
    return this.#do("watchesOf", () => this.inner.watchesOf(watcher));
  }
  listPools() {
    return this.#do("listPools", () => this.inner.listPools());
  }
  listDeadLetters(after: number | undefined, limit: number) {
    return this.#do("listDeadLetters", () => this.inner.listDeadLetters(after, limit));
  }
  getDeadLetter(id: string) {
    return this.#do("getDeadLetter", () => this.inner.getDeadLetter(id));
  }
  countDeadLetters() {
    return this.#do("countDeadLetters", () => this.inner.countDeadLetters());
  }
  getIdempotency(key: string) {
    return this.#do("getIdempotency", () => this.inner.getIdempotency(key));
  }
  getBlob(sha: string) {
    return this.#do("getBlob", () => this.inner.getBlob(sha));
  }
  readStream(address: string, channel: string, after: number, limit: number) {
    return this.#do(
      "readStream",
      () => this.inner.readStream(address, channel, after, limit),
    );
  }
  lastStreamSeq(address: string, channel: string) {
    return this.#do("lastStreamSeq", () => this.inner.lastStreamSeq(address, channel));
  }
  prune(request: PruneRequest) {
    return this.#do("prune", async () => {
      const report = await this.inner.prune(request);
      this.host.pruned(report, request);
      return report;
    });
  }
  backup(path: string) {
    return this.#do("backup", () => this.inner.backup(path));
  }
  check() {
    return this.#do("check", () => this.inner.check());
  }

  async #commit(commit: Commit): Promise<void> {
    // What is written is what was handed over, whatever becomes of the caller's object.
    const fate = this.#alive(this.host.fateOf(commit)) ?? await never();
    if (fate.type === "dies" && fate.when === "before") return await this.#die("before a commit");
    await this.host.latency("commit");
    if (fate.type === "dies" && fate.when === "torn") return await this.#die("within a commit");
    if (fate.type === "fails") {
      throw new StoreError(fate.failure, `Cannot commit: ${fate.failure}, as simulated`);
    }
    await this.inner.commit(commit);
    this.host.committed(commit);
    if (fate.type === "dies") return await this.#die("after a commit");
    await this.host.latency("commit");
    if (fate.type === "unanswered") {
      throw new StoreError("other", "Cannot commit: the answer was lost, as simulated");
    }
  }

  async #do<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.host.owner.alive) return await never();
    this.busy += 1;
    try {
      await this.host.latency("read");
      this.host.beforeRead(what);
      if (!this.host.owner.alive) return await never();
      const result = await work();
      return this.host.owner.alive ? result : await never();
    } finally {
      this.busy -= 1;
    }
  }

  #alive<T>(value: T): T | undefined {
    return this.host.owner.alive ? value : undefined;
  }

  async #die(why: string): Promise<never> {
    this.host.die(why);
    return await never();
  }
}

/** What a dead process hears. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
