/**
 * One life of the server process: a system, and everybody who waits for its answers. When it dies
 * its promises never settle and its timers never fire; those who waited learn that it is gone.
 */
import type { System } from "../../actors/runtime/system.ts";
import type { Owner } from "./clock.ts";
import type { CrashingStore } from "./crashing_store.ts";

/** What a caller gets: an answer, or nothing but the knowledge that the process died. */
export type Answer<T> =
  | { type: "value"; value: T }
  | { type: "error"; error: unknown }
  | { type: "lost" };

export class Process implements Owner {
  readonly name: string;
  alive = true;
  phase: "starting" | "ready" | "stopping" = "starting";
  /** Set when its store failed in a way after which it must end. */
  mayFail = false;
  /** Set when its users cannot reach it any more, though it goes on. */
  isCutOff = false;
  /** What its effects wait for; apart, so that the runtime's own wake-ups can be counted. */
  readonly outside: Owner;
  /** Its way to the database. */
  store: CrashingStore | undefined;
  #system: System | undefined;
  #waiting = new Map<() => void, string>();

  constructor(readonly number: number) {
    this.name = `process ${number}`;
    // deno-lint-ignore no-this-alias -- the getter needs the process that it belongs to
    const owner = this;
    this.outside = {
      name: `effects of ${this.name}`,
      get alive() {
        return owner.alive;
      },
    };
  }

  get system(): System {
    if (this.#system === undefined) throw new Error(`Cannot use ${this.name}: it has no system`);
    return this.#system;
  }

  set system(system: System) {
    this.#system = system;
  }

  /** What callers wait for. */
  get waiting(): string[] {
    return [...this.#waiting.values()];
  }

  /** Asks the system for something. */
  call<T>(work: (system: System) => Promise<T>): Promise<Answer<T>> {
    return new Promise((resolve) => {
      const lost = () => resolve({ type: "lost" });
      if (!this.alive || this.isCutOff) return lost();
      this.#waiting.set(lost, String(work));
      const answer = (found: Answer<T>) => {
        if (this.#waiting.delete(lost)) resolve(found);
      };
      const asked = (async () => await work(this.system))();
      asked.then(
        (value) => answer({ type: "value", value }),
        (error) => answer({ type: "error", error }),
      );
    });
  }

  /** The end, at once. */
  die(): void {
    this.alive = false;
    this.lose();
  }

  /** Nobody gets an answer any more. */
  lose(): void {
    const waiting = [...this.#waiting.keys()];
    this.#waiting.clear();
    for (const lost of waiting) lost();
  }
}
