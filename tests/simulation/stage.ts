/**
 * A small stage for one case at a time: a system on a simulated clock and a store in memory whose
 * commits do what the case says. Nothing is left to chance but the order of what is ready at once.
 */
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { createSystem, type System, type SystemOptions } from "../../actors/runtime/system.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import type { Commit } from "../../actors/store/store.ts";
import { settled, SimulatedClock } from "./clock.ts";
import { type CommitFate, CrashingStore } from "./crashing_store.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";

export class Stage {
  readonly clock = new SimulatedClock(new Random(1));
  /** What befalls the next commits; when none is left they stand. */
  readonly fates: CommitFate[] = [];
  readonly commits: Commit[] = [];
  /** Waited for before each call of the store. */
  latency: (what: "commit" | "read") => Promise<void> = () => Promise.resolve();
  store = new MemoryStore();
  process = new Process(0);
  readonly nature = { name: "nature", alive: true };
  #ids = 0;

  constructor(public kinds: KindDefinition[]) {}

  get system(): System {
    return this.process.system;
  }

  /** Wires a process over the data, without starting it. */
  wire(options: Partial<SystemOptions> = {}): System {
    this.process = new Process(this.process.number + 1);
    const process = this.process;
    process.store = new CrashingStore(this.store, {
      owner: process,
      latency: (what) => this.latency(what),
      beforeRead: () => {},
      fateOf: () => this.fates.shift() ?? { type: "stands" },
      die: () => this.crash(),
      pruned: () => {},
      committed: (commit) => void this.commits.push(commit),
    });
    process.system = createSystem({
      store: process.store,
      kinds: this.kinds,
      clock: this.clock.portOf(process),
      random: () => 0.5,
      ids: () => String(this.#ids++),
      ...options,
    });
    return process.system;
  }

  /** Starts a process on the data. */
  async boot(options: Partial<SystemOptions> = {}): Promise<System> {
    const system = this.wire(options);
    await this.during(system.start());
    return system;
  }

  /** The process dies at once. */
  crash(): void {
    this.process.die();
    this.clock.drop(this.process);
    this.clock.drop(this.process.outside);
    this.store = this.store.reopen();
  }

  /** Lets so much time pass, and all happen that happens in it. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.elapsed + ms;
    let isOver = false;
    this.clock.after(ms, this.nature, () => isOver = true);
    while (!isOver && this.clock.elapsed <= until) await this.clock.step();
  }

  /** Lets things happen until a promise settles; throws when it never does. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => void (isSettled = true);
    work.then(settle, settle);
    // What needs no time is done before any passes.
    for (await settled(); !isSettled;) {
      const isMore = await this.clock.step();
      if (!isMore && !isSettled) throw new Error("Cannot wait: nothing is left to happen");
    }
    return await work;
  }
}
