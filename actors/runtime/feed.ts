/**
 * The feed: all commits in order, for any number of readers. Readers at the tip share the entries
 * kept in memory; a reader that is behind reads pages from the store. A cursor older than what is
 * kept is answered with `reset`, never with a silent gap.
 */
import type { JournalRow, Store } from "../store/store.ts";
import { type Address, kindOf } from "./address.ts";
import type { JsonEvent } from "./envelope.ts";
import type { JsonObject } from "./json.ts";
import { FEED_PAGE, MAX_FEED_TAIL, MAX_FEED_TAIL_BYTES } from "./limits.ts";
import type { FeedEntry, FeedItem, FeedOptions } from "./api.ts";

type TailItem = { row: JournalRow; entry: FeedEntry | undefined };

export class Feed {
  #tail: TailItem[] = [];
  #tailBytes = 0;
  #lastSeq = 0;
  #wakers = new Set<() => void>();
  #byAddress = new Map<Address, Set<() => void>>();
  #closed = false;
  readers = 0;

  constructor(readonly store: Store, readonly redact: (entry: FeedEntry) => FeedEntry) {}

  get isClosed(): boolean {
    return this.#closed;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The last commit's position, before anything is published. */
  begin(seq: number): void {
    this.#lastSeq = seq;
  }

  /** Takes over a commit's journal and wakes who waits. */
  publish(rows: readonly JournalRow[]): void {
    for (const row of rows) this.#tail.push({ row, entry: undefined });
    this.#tailBytes += bytesOf(rows);
    this.#lastSeq = rows.at(-1)?.seq ?? this.#lastSeq;
    this.#cutTail();
    if (this.#byAddress.size > 0) this.#wakeAddresses(rows);
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }

  /** Calls `wake` at each commit that concerns an actor, until the result is called. */
  listen(address: Address, wake: () => void): () => void {
    const set = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, set.add(wake));
    return () => {
      set.delete(wake);
      if (set.size === 0) this.#byAddress.delete(address);
    };
  }

  /** Ends all readers. */
  close(): void {
    this.#closed = true;
    for (
      const wake of [...this.#wakers, ...[...this.#byAddress.values()].flatMap((set) => [...set])]
    ) {
      wake();
    }
  }

  async *read(options: FeedOptions): AsyncGenerator<FeedItem> {
    const { signal } = options;
    let cursor = options.after ?? this.#lastSeq;
    this.readers += 1;
    try {
      while (!this.#closed && !signal?.aborted) {
        if (cursor >= this.#lastSeq) {
          await this.#next(signal);
          continue;
        }
        if (this.#isInTail(cursor)) {
          const end = this.#lastSeq;
          for (const entry of this.#fromTail(cursor, options)) yield { type: "entry", entry };
          cursor = end;
          continue;
        }
        const oldest = await this.store.oldestSeq();
        if (cursor < oldest - 1) {
          cursor = oldest - 1;
          yield { type: "reset", oldest };
          continue;
        }
        const end = this.#lastSeq;
        const rows = await this.store.journal(queryOf(cursor, options));
        // Archiving in between may have cut rows out of the page: then the reader is told so.
        if (cursor < await this.store.oldestSeq() - 1) continue;
        for (const row of rows) {
          if (matches(row, options)) yield { type: "entry", entry: this.redact(entryOf(row)) };
        }
        // A page that is not full has seen everything up to the tip at the time of asking.
        const last = rows.at(-1)?.seq ?? cursor;
        cursor = rows.length < FEED_PAGE ? Math.max(end, last) : last;
      }
    } finally {
      this.readers -= 1;
    }
  }

  #isInTail(cursor: number): boolean {
    const first = this.#tail[0]?.row.seq;
    return first !== undefined && cursor + 1 >= first;
  }

  /** Cuts in halves, so that the copying costs little for each entry. */
  #cutTail(): void {
    const isLong = this.#tail.length > 2 * MAX_FEED_TAIL;
    if (!isLong && this.#tailBytes <= 2 * MAX_FEED_TAIL_BYTES) return;
    this.#tail = this.#tail.slice(-Math.min(MAX_FEED_TAIL, Math.ceil(this.#tail.length / 2)));
    this.#tailBytes = bytesOf(this.#tail.map(({ row }) => row));
  }

  /** A copy, so that a slow reader does not see the tail move under it. */
  #fromTail(cursor: number, options: FeedOptions): FeedEntry[] {
    const first = this.#tail[0]?.row.seq ?? 0;
    const entries: FeedEntry[] = [];
    for (let i = Math.max(0, cursor + 1 - first); i < this.#tail.length; i++) {
      const item = this.#tail[i];
      if (item === undefined || item.row.seq <= cursor || !matches(item.row, options)) continue;
      item.entry ??= this.redact(entryOf(item.row));
      entries.push(item.entry);
    }
    return entries;
  }

  #next(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", wake);
        this.#wakers.delete(wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  #wakeAddresses(rows: readonly JournalRow[]): void {
    for (const address of new Set(rows.map((row) => row.address))) {
      for (const wake of [...this.#byAddress.get(address) ?? []]) wake();
    }
  }
}

/** A journal line as readers see it. */
export function entryOf(row: JournalRow): FeedEntry {
  return {
    seq: row.seq,
    at: row.at,
    address: row.address,
    kind: kindOf(row.address),
    revision: row.revision,
    event: JSON.parse(row.event) as JsonEvent,
    key: row.key,
    cause: row.cause,
    edges: JSON.parse(row.edges) as string[],
    state: row.state,
    status: row.status,
    emitted: row.emitted === null ? [] : JSON.parse(row.emitted) as JsonObject[],
    outcome: row.outcome,
  };
}

function bytesOf(rows: readonly JournalRow[]): number {
  return rows.reduce((sum, { event, emitted }) => sum + event.length + (emitted?.length ?? 0), 0);
}

function matches(row: JournalRow, { kinds, addresses }: FeedOptions): boolean {
  if (kinds !== undefined && !kinds.includes(kindOf(row.address))) return false;
  return addresses === undefined || addresses.includes(row.address);
}

/** By kind is chosen here, page by page: the store would walk over the others without an end. */
function queryOf(after: number, { addresses }: FeedOptions) {
  return {
    after,
    limit: FEED_PAGE,
    ...(addresses === undefined ? {} : { addresses: [...addresses] }),
  };
}
