/**
 * Durable timers: rows in the store, and one wake-up for the earliest. The wake-up is derived
 * from the store at boot and after each round of firing; between those a commit can only bring it
 * forward. Timers that were cancelled cost one wake-up for nothing, never a missed one.
 */
import type { Store, TimerRow } from "../store/store.ts";
import type { Clock } from "./clock.ts";
import { MAX_EVENTS_PER_COMMIT } from "./limits.ts";

/** How long to wait before timers are tried again when their commit failed. */
const RETRY_MS = 1_000;

export class Timers {
  #nextAt = Infinity;
  #cancel: (() => void) | undefined;
  #heldUntil = -Infinity;
  #single = 0;

  constructor(
    readonly store: Store,
    readonly clock: Clock,
    /** Asks for a commit. */
    readonly wake: () => void,
  ) {}

  /** When the next timer is due, as far as known. */
  get nextAt(): number | undefined {
    return Number.isFinite(this.#nextAt) ? this.#nextAt : undefined;
  }

  /** Reads the earliest timer from the store and arms the wake-up. */
  async arm(): Promise<void> {
    this.#set(await this.store.nextTimerAt() ?? Infinity);
  }

  isDue(): boolean {
    const now = this.clock.now();
    return this.#nextAt <= now && this.#heldUntil <= now;
  }

  /** A commit has set timers, the earliest of them at `dueAt`. */
  note(dueAt: number): void {
    if (dueAt < this.#nextAt) this.#set(dueAt);
    else if (this.#cancel === undefined) this.#set(this.#nextAt);
  }

  /** The timers to fire now, by due time. Their rows are still there until the commit stands. */
  async takeDue(now: number): Promise<TimerRow[]> {
    if (this.#nextAt > now || this.#heldUntil > now) return [];
    const limit = this.#single > 0 ? 1 : MAX_EVENTS_PER_COMMIT;
    this.#single = Math.max(0, this.#single - 1);
    const rows = await this.store.timersDue(now, limit);
    // What was not read is due too, or later than all of these: a bound is all that is needed.
    const isAll = rows.length < limit;
    this.#set(isAll ? await this.store.nextTimerAt(now) ?? Infinity : now);
    return rows;
  }

  /** The next `count` timers are fired one a commit. */
  readSingly(count: number): void {
    if (count === 0) return;
    this.#single = count;
    this.#set(this.clock.now());
  }

  /** The commit that fired timers failed: they are still in the store, and wait a little. */
  retryAfterFailure(): void {
    this.#heldUntil = this.clock.now() + RETRY_MS;
    this.#set(Math.min(this.#nextAt, this.#heldUntil));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#nextAt = Infinity;
  }

  #set(at: number): void {
    this.#nextAt = at;
    this.#cancel?.();
    this.#cancel = undefined;
    if (!Number.isFinite(at)) return;
    this.#cancel = this.clock.wake(Math.max(at, this.#heldUntil), () => {
      this.#cancel = undefined;
      this.wake();
    });
  }
}
