/**
 * Output on its way to the store: appended by effects, taken along by the next commit, at the
 * latest after `STREAM_FLUSH_MS`. Readers at the tip are woken by the commit.
 */
import type { Store, StreamRow } from "../store/store.ts";
import type { Address } from "./address.ts";
import type { Clock } from "./clock.ts";
import type { Draft } from "./draft.ts";
import {
  MAX_RUNNING_EFFECTS,
  MAX_STREAM_CHUNK_BYTES,
  STREAM_FLUSH_BYTES,
  STREAM_FLUSH_MS,
} from "./limits.ts";

/** How long to wait before output is written again when a commit failed. */
const RETRY_MS = 1_000;

type Piece = { address: Address; channel: string; at: number; data: string };

export class Streams {
  #pieces: Piece[] = [];
  #bytes = 0;
  #lastSeq = new Map<string, number>();
  #listeners = new Map<string, Set<() => void>>();
  #isClosed = false;
  #cancelFlush: (() => void) | undefined;

  constructor(
    readonly store: Store,
    readonly clock: Clock,
    readonly flush: () => void,
  ) {}

  append(address: Address, channel: string, data: string): void {
    if (this.#isClosed) return;
    const at = this.clock.now();
    for (let from = 0; from < data.length; from += MAX_STREAM_CHUNK_BYTES) {
      const piece = data.slice(from, from + MAX_STREAM_CHUNK_BYTES);
      this.#pieces.push({ address, channel, at, data: piece });
    }
    this.#bytes += data.length;
    if (this.#bytes >= STREAM_FLUSH_BYTES) this.flush();
    else this.#cancelFlush ??= this.clock.wake(at + STREAM_FLUSH_MS, () => this.flush());
  }

  /** Takes nothing any more: who goes on writing has not minded that it was called off. */
  close(): void {
    this.#isClosed = true;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Moves what is buffered into a draft; if the commit fails it comes back. */
  async takeInto(draft: Draft): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    if (this.#pieces.length === 0) return;
    const pieces = mergeNeighbours(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    draft.rollbacks.push(() => this.#putBack(pieces));
    for (const piece of pieces) {
      const key = `${piece.channel} ${piece.address}`;
      const last = this.#lastSeq.get(key) ??
        await this.store.lastStreamSeq(piece.address, piece.channel);
      this.#remember(key, last + 1);
      draft.rows.streams.push({ ...piece, seq: last + 1 });
    }
    draft.afterwards.push(() => this.#wake(pieces));
  }

  /** The commit failed: nothing was written, and it is tried again without waiting for others. */
  #putBack(pieces: readonly Piece[]): void {
    this.#lastSeq.clear();
    this.#pieces = [...pieces, ...this.#pieces];
    this.#bytes = this.#pieces.reduce((sum, { data }) => sum + data.length, 0);
    const at = this.clock.now() + RETRY_MS;
    this.#cancelFlush ??= this.clock.wake(at, () => this.flush());
  }

  /** Calls `listener` after each commit that appended to the stream. */
  listen(address: Address, channel: string, listener: () => void): () => void {
    const key = `${channel} ${address}`;
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(key);
    };
  }

  /** The positions of the streams written last; others are read from the store again. */
  #remember(key: string, seq: number): void {
    this.#lastSeq.delete(key);
    this.#lastSeq.set(key, seq);
    if (this.#lastSeq.size <= MAX_RUNNING_EFFECTS) return;
    const oldest = this.#lastSeq.keys().next();
    if (!oldest.done) this.#lastSeq.delete(oldest.value);
  }

  #wake(rows: readonly Pick<StreamRow, "address" | "channel">[]): void {
    for (const { address, channel } of rows) {
      for (const listener of this.#listeners.get(`${channel} ${address}`) ?? []) listener();
    }
  }
}

/** Small pieces of one stream become one row. */
function mergeNeighbours(pieces: readonly Piece[]): Piece[] {
  const merged: Piece[] = [];
  for (const piece of pieces) {
    const last = merged.at(-1);
    if (
      last !== undefined && last.address === piece.address && last.channel === piece.channel &&
      last.data.length + piece.data.length <= MAX_STREAM_CHUNK_BYTES
    ) last.data += piece.data;
    else merged.push({ ...piece });
  }
  return merged;
}
