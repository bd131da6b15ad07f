/**
 * The store on libSQL: a file, a server, or memory. It owns the lease, the order of calls and what
 * happens after a failure. The SQL is in the files beside this one.
 *
 * Calls run one after another. After a failed call nothing is written before the connection has
 * been replaced and the head was found where it was: a failed statement may keep the old
 * connection half inside a transaction, and a server may have committed what it could not answer.
 */
import type { Address } from "../runtime/address.ts";
import { StoreError } from "../runtime/errors.ts";
import { commitStatements, explain, type Fence } from "./libsql_commit.ts";
import type { Connection } from "./libsql_connection.ts";
import { isOurs, readHead, releaseLease, renewLease, takeLease } from "./libsql_lease.ts";
import * as list from "./libsql_list.ts";
import { backup, check } from "./libsql_maintenance.ts";
import type { Query } from "./libsql_pack.ts";
import { prune } from "./libsql_prune.ts";
import * as read from "./libsql_read.ts";
import { type FileLock, takeLock } from "./lock.ts";
import type {
  ActorQuery,
  Commit,
  JournalQuery,
  Lease,
  PruneRequest,
  Store,
  StoreInfo,
} from "./store.ts";

export class LibsqlStore implements Store {
  readonly info: StoreInfo;
  #connection: Connection;
  /** Path of a local file, which is locked; null for others. */
  #path: string | null;
  #lock: FileLock | undefined;
  /** The lease as held, and the commits counted under it. */
  #fence: Fence | undefined;
  /** The end of the line of calls. */
  #tail: Promise<unknown> = Promise.resolve();
  /** Why nothing works any more. */
  #dead: StoreError | undefined;

  constructor(connection: Connection, options: { info: StoreInfo; path: string | null }) {
    this.#connection = connection;
    this.info = options.info;
    this.#path = options.path;
  }

  acquireLease(bootId: string, now: number, ttlMs: number): Promise<Lease> {
    return this.#inTurn(async () => {
      const isLocked = this.#lock !== undefined;
      if (this.#path !== null) this.#lock ??= await takeLock(this.#path, { pid: Deno.pid, bootId });
      try {
        const expiresAt = now + ttlMs;
        const head = await takeLease(this.#connection, { bootId, now, expiresAt });
        this.#fence = { bootId, epoch: head.epoch, commits: head.commits };
        return { bootId, epoch: head.epoch, expiresAt };
      } catch (error) {
        if (!isLocked) this.#unlock();
        throw error;
      }
    });
  }

  renewLease(now: number, ttlMs: number): Promise<void> {
    return this.#inTurn(() => renewLease(this.#connection, this.#held(), now + ttlMs));
  }

  releaseLease(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#fence === undefined) return;
      await releaseLease(this.#connection, this.#fence);
      this.#fence = undefined;
      this.#unlock();
    });
  }

  commit(commit: Commit): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#write((fence) => this.#connection.batch(commitStatements(commit, fence)));
      } catch (error) {
        throw await explain(this.#connection, commit, error);
      }
    });
  }

  async lastSeq(): Promise<number> {
    return (await this.#head()).seq;
  }

  async oldestSeq(): Promise<number> {
    return (await this.#head()).prunedSeq + 1;
  }

  loadActors(addresses: readonly Address[]) {
    return this.#all(list.loadActors(addresses));
  }

  listActors(query: ActorQuery) {
    return this.#all(list.listActors(query));
  }

  listOutdated(kind: string, version: string, after: number, limit: number) {
    return this.#all(list.listOutdated({ kind, version, after, limit }));
  }

  versions(kind: string) {
    return this.#all(list.versions(kind));
  }

  tallies() {
    return this.#all(read.tallies());
  }

  async unattended(addresses: readonly Address[]): Promise<Address[]> {
    return (await this.#all(read.unattended(addresses))).map(({ address }) => address);
  }

  indexOf(address: Address) {
    return this.#all(read.indexOf(address));
  }

  findKeys(keys: readonly { address: Address; key: string }[]) {
    return this.#all(read.findKeys(keys));
  }

  journal(query: JournalQuery) {
    return this.#all(read.journal(query));
  }

  baseOf(address: Address, revision: number) {
    return this.#first(read.baseOf(address, revision));
  }

  async nextTimerAt(after = -1): Promise<number | undefined> {
    return (await this.#first(read.nextTimerAt(after)))?.dueAt;
  }

  timersDue(now: number, limit: number) {
    return this.#all(read.timersDue(now, limit));
  }

  timersOf(address: Address) {
    return this.#all(read.timersOf(address));
  }

  async countTimers(): Promise<number> {
    return (await this.#first(read.countTimers()))?.count ?? 0;
  }

  listEffects(after: string, limit: number) {
    return this.#all(read.listEffects(after, limit));
  }

  effectsOf(address: Address) {
    return this.#all(read.effectsOf(address));
  }

  listSlots(after: number, limit: number) {
    return this.#all(read.listSlots(after, limit));
  }

  slotsOf(address: Address) {
    return this.#all(read.slotsOf(address));
  }

  listWatches(afterKey: string, limit: number) {
    return this.#all(read.listWatches(afterKey, limit));
  }

  watchesOf(watcher: Address) {
    return this.#all(read.watchesOf(watcher));
  }

  listPools() {
    return this.#all(read.listPools());
  }

  listDeadLetters(after: number | undefined, limit: number) {
    return this.#all(read.listDeadLetters(after ?? Number.MAX_SAFE_INTEGER, limit));
  }

  getDeadLetter(id: string) {
    return this.#first(read.getDeadLetter(id));
  }

  async countDeadLetters(): Promise<number> {
    return (await this.#first(read.countDeadLetters()))?.count ?? 0;
  }

  getIdempotency(key: string) {
    return this.#first(read.getIdempotency(key));
  }

  async getBlob(sha: string): Promise<string | undefined> {
    return (await this.#first(read.getBlob(sha)))?.data;
  }

  readStream(address: Address, channel: string, after: number, limit: number) {
    return this.#all(read.readStream({ address, channel, after, limit }));
  }

  async lastStreamSeq(address: Address, channel: string): Promise<number> {
    return (await this.#first(read.lastStreamSeq(address, channel)))?.seq ?? 0;
  }

  prune(request: PruneRequest) {
    return this.#inTurn(async () => {
      const report = await this.#write((fence) => prune(this.#connection, fence, request));
      if (report !== undefined) return report;
      throw new StoreError("other", "Cannot say what was pruned: the answer was lost; call again");
    });
  }

  backup(path: string): Promise<void> {
    return this.#inTurn(() => backup(this.#connection, path));
  }

  check(): Promise<void> {
    return this.#inTurn(() => check(this.#connection));
  }

  async close(): Promise<void> {
    try {
      if (this.#dead === undefined) await this.releaseLease();
    } finally {
      this.#dead ??= new StoreError("other", `Cannot use ${this.info.url}: it is closed`);
      this.#connection.close();
      this.#unlock();
    }
  }

  #all<Row>(query: Query<Row>): Promise<Row[]> {
    return this.#inTurn(() => this.#connection.select(query));
  }

  async #first<Row>(query: Query<Row>): Promise<Row | undefined> {
    const [row] = await this.#all(query);
    return row;
  }

  #head(): Promise<read.Head> {
    return this.#inTurn(() => readHead(this.#connection));
  }

  /** Runs a call when those before it are done, on a connection that can be trusted. */
  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(async () => {
      if (this.#dead !== undefined) throw this.#dead;
      if (this.#connection.isSuspect) await this.#recover();
      try {
        return await run();
      } catch (error) {
        // The statement that found the database locked stays open in the connection, and what is
        // written beside it is reported as written and lost.
        if (error instanceof StoreError && error.failure === "busy") this.#dead = error;
        throw error;
      }
    });
    this.#tail = Promise.allSettled([result]);
    return result;
  }

  /** Writes a transaction that counts as a commit. No result: it stands, its answer was lost. */
  async #write<Result>(run: (fence: Fence) => Promise<Result>): Promise<Result | undefined> {
    const fence = this.#held();
    let result: Result | undefined;
    try {
      result = await run(fence);
    } catch (error) {
      if (!await this.#stands(fence, error)) throw error;
    }
    fence.commits += 1;
    return result;
  }

  /** Whether a transaction that failed for this process is in the database nevertheless. */
  async #stands(fence: Fence, error: unknown): Promise<boolean> {
    if (error instanceof StoreError && error.failure === "busy") return false;
    try {
      await this.#connection.reopen();
      const head = await readHead(this.#connection);
      return isOurs(head, fence) && head.commits === fence.commits + 1;
    } catch {
      // The first error says more. The connection is still suspect: the next call looks again.
      return false;
    }
  }

  /** Replaces the connection, and goes on only when the database is as this process knows it. */
  async #recover(): Promise<void> {
    await this.#connection.reopen();
    if (this.#fence === undefined) return;
    const head = await readHead(this.#connection);
    if (isOurs(head, this.#fence) && head.commits === this.#fence.commits) return;
    const { url } = this.info;
    this.#dead = isOurs(head, this.#fence)
      ? new StoreError("conflict", `Cannot use ${url}: a write that was given up stands`)
      : new StoreError("fenced", `Cannot use ${url}: another process has taken the lease`);
    throw this.#dead;
  }

  #held(): Fence {
    if (this.#fence !== undefined) return this.#fence;
    throw new StoreError("fenced", `Cannot write to ${this.info.url}: the lease is not held`);
  }

  #unlock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }
}
