/**
 * Stands in for `jsr:@std/testing/time` where JSR cannot be reached: `FakeTime` over
 * `@sinonjs/fake-timers`, as much of it as tests need. Without `links` in deno.json the real
 * package is used.
 */
import { install } from "npm:@sinonjs/fake-timers@15.5.0";

/** What `install` of the fake timers returns, as far as it is used here. */
type FakeClock = {
  readonly now: number;
  tick(ms: number): number;
  tickAsync(ms: number): Promise<number>;
  next(): number;
  nextAsync(): Promise<number>;
  runAll(): number;
  runAllAsync(): Promise<number>;
  countTimers(): number;
  uninstall(): void;
};

const FAKED = ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] as const;

/** Replaces `Date` and the timers of the process until it is restored or disposed. */
export class FakeTime {
  readonly start: number;
  readonly #clock: FakeClock;

  constructor(start: number | string | Date = Date.now()) {
    this.start = new Date(start).valueOf();
    this.#clock = install({ now: this.start, toFake: [...FAKED] }) as FakeClock;
  }

  /** The time at present, ms since the epoch. */
  get now(): number {
    return this.#clock.now;
  }

  /** Moves time on, firing what falls due on the way. */
  tick(ms = 0): void {
    this.#clock.tick(ms);
  }

  async tickAsync(ms = 0): Promise<void> {
    await this.#clock.tickAsync(ms);
  }

  /** Moves on to the next timer and fires it; false where there is none. */
  next(): boolean {
    const waiting = this.#clock.countTimers() > 0;
    this.#clock.next();
    return waiting;
  }

  async nextAsync(): Promise<boolean> {
    const waiting = this.#clock.countTimers() > 0;
    await this.#clock.nextAsync();
    return waiting;
  }

  /** Fires timers until none is left. */
  runAll(): void {
    this.#clock.runAll();
  }

  async runAllAsync(): Promise<void> {
    await this.#clock.runAllAsync();
  }

  /** Lets everything run that waits for a promise alone. */
  async runMicrotasks(): Promise<void> {
    await this.#clock.tickAsync(0);
  }

  /** Puts the real time back. */
  restore(): void {
    this.#clock.uninstall();
  }

  [Symbol.dispose](): void {
    this.restore();
  }
}
