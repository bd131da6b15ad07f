/** A clock that stands still until a test moves it. */
import type { Clock } from "../../actors/runtime/clock.ts";

type Alarm = { at: number; order: number; run: () => void };

export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  #alarms: Alarm[] = [];

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  wake(at: number, run: () => void): () => void {
    const alarm = { at, order: this.#order++, run };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  soon(run: () => void): void {
    setTimeout(run, 0);
  }

  /** Lets everything that can happen now happen. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Moves on, alarm by alarm, letting the consequences of each happen first. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#now = Math.max(this.#now, next.at);
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      next.run();
      await this.settle();
    }
    this.#now = until;
    await this.settle();
  }

  /** Sets the time without anything noticing, as an administrator might. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #next(until: number): Alarm | undefined {
    return this.#alarms.filter((alarm) => alarm.at <= until)
      .sort((left, right) => left.at - right.at || left.order - right.order)[0];
  }
}
