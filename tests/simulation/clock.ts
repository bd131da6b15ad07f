/**
 * Simulated time and the seeded scheduler. Nothing waits for real time: when nothing is ready, time
 * moves on to the next thing that is. What is ready at the same moment runs in an order that the
 * seed decides, each after all promises of the one before have settled.
 *
 * Two times are kept apart. Elapsed time only moves forward, and things take so and so much of it.
 * The clock is what a process reads off, and jumps.
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../actors/runtime/clock.ts";
import type { Random } from "./random.ts";

/** The moment at which every simulation begins, ms since the epoch. */
const BEGINNING = Date.UTC(2030, 0, 1);

/** Whose tasks die together. */
export type Owner = { readonly name: string; readonly alive: boolean };

type Task = {
  owner: Owner;
  run: () => void;
  /** When it is ready: by the clock, or by elapsed time. */
  due: number;
  by: "clock" | "elapsed";
};

export class SimulatedClock {
  #elapsed = 0;
  #offset = BEGINNING;
  /** The latest time that it showed before it was set back. */
  #latest = 0;
  #tasks: Task[] = [];

  constructor(readonly random: Random) {}

  /** What a clock on the wall shows, ms since the epoch. */
  now(): number {
    return this.#elapsed + this.#offset;
  }

  /** Time since the simulation began, ms. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** How long until something happens, ms; `Infinity` when nothing will. */
  get untilNext(): number {
    return Math.min(Infinity, ...this.#tasks.map((task) => this.#remaining(task)));
  }

  /** Tasks of an owner that are still to come. */
  pendingOf(owner: Owner): number {
    return this.#tasks.filter((task) => task.owner === owner).length;
  }

  /** Somebody sets the clock, forward or back. */
  jump(ms: number): void {
    this.#latest = Math.max(this.#latest, this.now());
    this.#offset += ms;
  }

  /** Sets the clock so that no time comes that it has shown before. */
  catchUp(): void {
    this.jump(Math.max(0, this.#latest - this.now()));
  }

  /** Runs after so much time; returns what cancels it. */
  after(ms: number, owner: Owner, run: () => void): () => void {
    return this.#add({ owner, run, due: this.#elapsed + ms, by: "elapsed" });
  }

  /** Resolves after so much time; never, if the owner dies before. */
  sleep(ms: number, owner: Owner): Promise<void> {
    return new Promise((resolve) => void this.after(ms, owner, resolve));
  }

  /** The clock port of one process. */
  portOf(owner: Owner): Clock {
    return {
      now: () => this.now(),
      wake: (at, run) => this.#add({ owner, run, due: at, by: "clock" }),
      soon: (run) => void this.after(0, owner, run),
    };
  }

  /** A process has died: nothing of it happens any more. */
  drop(owner: Owner): void {
    this.#tasks = this.#tasks.filter((task) => task.owner !== owner);
  }

  /** Lets the next thing happen, and all that follows from it at once; false when nothing is left. */
  async step(): Promise<boolean> {
    // What was begun outside of any task may still set the next one.
    if (this.#tasks.length === 0) await settled();
    const task = this.#next();
    if (task === undefined) return false;
    task.run();
    await settled();
    return true;
  }

  #add(task: Task): () => void {
    if (!task.owner.alive) return () => {};
    this.#tasks.push(task);
    return () => this.#remove(task);
  }

  #remove(task: Task): void {
    const index = this.#tasks.indexOf(task);
    if (index < 0) return;
    const last = this.#tasks.pop();
    if (last !== undefined && last !== task) this.#tasks[index] = last;
  }

  #next(): Task | undefined {
    if (this.#tasks.length === 0) return undefined;
    let ready = this.#tasks.filter((task) => this.#remaining(task) <= 0);
    if (ready.length === 0) {
      this.#elapsed += Math.min(...this.#tasks.map((task) => this.#remaining(task)));
      ready = this.#tasks.filter((task) => this.#remaining(task) <= 0);
    }
    const task = ready.length === 1 ? ready[0] : this.random.pick(ready);
    if (task !== undefined) this.#remove(task);
    return task;
  }

  #remaining({ due, by }: Task): number {
    return due - (by === "clock" ? this.now() : this.#elapsed);
  }
}

/** Resolves when every promise that can settle by itself has. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
