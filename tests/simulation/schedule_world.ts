/**
 * A simulated server with schedules, their sessions and their workers. It dies and comes back; what
 * is stored stays. Every commit that stands is checked at that moment.
 */
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
} from "../../actors/adapters/executor/executor.ts";
import { untilAborted } from "../../actors/adapters/vm/until_aborted.ts";
import { createGateKind } from "../../actors/gate.ts";
import type { EffectContext, KindDefinition } from "../../actors/runtime/kind.ts";
import { createSystem, type System } from "../../actors/runtime/system.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import { createTaskKind } from "../../actors/task.ts";
import type { Commit } from "../../actors/store/store.ts";
import { SimulatedClock } from "./clock.ts";
import { type CommitFate, CrashingStore } from "./crashing_store.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import type { Calendar } from "./schedule_calendar.ts";
import { ScheduleChecks } from "./schedule_checks.ts";
import { ScheduleViolation } from "./schedule_violation.ts";
import { Trace } from "./trace.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** One commit in so many is a crash, while there are any left. */
const CRASH_CHANCE = 0.03;
/** One commit in so many fails, and its server goes on. */
const FAILURE_CHANCE = 0.005;
/** Longest time that a person, or slow work, holds a session. */
export const MAX_HOLD_MS = 5 * MINUTE;
/** Sessions that there are. */
export const SESSIONS = ["s1", "s2"] as const;

export type ScheduleWorldOptions = {
  calendar: Calendar;
  print?: (line: string) => void;
  /** Looks at what the world sees alone: work, the feed, and what is late. */
  outside?: boolean;
  /** Changes the kinds, to see whether the checks see it. */
  tamper?: (kind: KindDefinition) => KindDefinition;
};

export class ScheduleWorld {
  readonly random: Random;
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly checks: ScheduleChecks;
  readonly nature = { name: "nature", alive: true };
  process: Process | undefined;
  violation: Error | undefined;
  processes = 0;
  events = 0;
  crashes = 0;
  isCalm = false;
  /** How long a server is down after a crash, ms at most. */
  downMs = MINUTE;
  /** How long slow work takes, ms at most: longer than from slot to slot. */
  longMs = 25 * MINUTE;
  #crashesLeft: number;
  #store = new MemoryStore();
  #whenUp: ((process: Process) => void)[] = [];
  #ids = 0;
  #works = 0;

  constructor(readonly seed: number, readonly options: ScheduleWorldOptions) {
    this.random = new Random(seed);
    this.clock = new SimulatedClock(this.random);
    this.trace = new Trace(() => this.clock.elapsed, options.print);
    this.checks = new ScheduleChecks(() => this.clock.now(), options);
    this.#crashesLeft = this.random.int(0, 4);
  }

  /** Starts a server on the data. */
  async boot(): Promise<void> {
    const process = new Process(++this.processes);
    process.store = this.#storeOf(process);
    const command = this.#executor(process);
    const { tamper = (kind) => kind } = this.options;
    process.system = createSystem({
      store: process.store,
      kinds: [
        createTaskKind({ executors: { command } }),
        createGateKind(),
        createScheduleKind({ runJob: (_, { signal }) => this.#doJob(process, signal) }),
      ].map(tamper),
      clock: this.clock.portOf(process),
      random: () => this.random.next(),
      ids: () => String(this.#ids++),
      onFatal: (error) => this.fail(error),
    });
    this.process = process;
    const { system } = process;
    this.checks.upSince = this.clock.now();
    const started = await process.call(() => system.start());
    if (started.type === "error") return this.fail(started.error);
    if (started.type === "lost") return;
    this.trace.note(`${process.name} is up`);
    process.phase = "ready";
    this.checks.upSince = this.clock.now();
    for (const tell of this.#whenUp.splice(0)) tell(process);
  }

  /** The server, now or when there is one again. */
  up(): Promise<Process> {
    if (this.process?.phase === "ready") return Promise.resolve(this.process);
    return new Promise((resolve) => this.#whenUp.push(resolve));
  }

  /** Asks the server for something; an answer that is lost is all the same. */
  async ask(work: (system: System) => Promise<unknown>): Promise<void> {
    const process = await this.up();
    await process.call(work);
  }

  kill(process: Process | undefined, why: string): void {
    if (process === undefined || !process.alive) return;
    this.trace.note(`${process.name} dies: ${why}`);
    this.crashes += 1;
    process.die();
    this.clock.drop(process);
    this.clock.drop(process.outside);
    this.checks.died();
    this.process = undefined;
    this.#store = this.#store.reopen();
    const { random } = this;
    const downMs = random.chance(0.5) ? 10 * SECOND : this.downMs;
    this.clock.after(random.int(0, downMs), this.nature, () => void this.boot());
  }

  /** Somebody sets the clock. */
  jump(ms: number): void {
    this.trace.note(`the clock is set by ${ms} ms`);
    this.clock.jump(ms);
    if (ms > 0) this.checks.upSince = this.clock.now();
  }

  /** Looks at what the store has to wake schedules with. */
  async checkWakes(): Promise<void> {
    for (const address of this.checks.schedules.keys()) {
      const timers = (await this.#store.timersOf(address)).map(({ dueAt }) => dueAt);
      const watched = (await this.#store.watchesOf(address)).map(({ target }) => target);
      this.check(() => this.checks.wakes(address, timers, watched));
    }
  }

  fail(error: unknown): void {
    if (this.violation !== undefined) return;
    this.violation = error instanceof Error ? error : new Error(String(error));
    this.trace.note(`VIOLATION ${this.violation.message}`);
  }

  check(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ScheduleViolation)) throw error;
      this.fail(error);
    }
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms, this.nature);
  }

  #storeOf(process: Process): CrashingStore {
    return new CrashingStore(this.#store, {
      owner: process,
      latency: () => Promise.resolve(),
      beforeRead: () => {},
      fateOf: () => this.#fate(process),
      die: (why) => this.kill(process, why),
      pruned: () => {},
      committed: (commit) => this.#committed(commit),
    });
  }

  #committed(commit: Commit): void {
    this.events += commit.journal.length;
    for (const { address, event, at, state, cause } of commit.journal) {
      const { type } = JSON.parse(event) as { type: string };
      const time = new Date(at).toISOString();
      this.trace.note(`${time} ${address} ${type} → ${state} (${cause})`);
    }
    this.check(() => this.checks.committed(commit));
  }

  #fate({ phase }: Process): CommitFate {
    // A server that cannot start would end.
    const mayFail = !this.isCalm && phase === "ready";
    if (mayFail && this.random.chance(FAILURE_CHANCE)) return { type: "fails", failure: "other" };
    if (this.isCalm || this.#crashesLeft === 0) return { type: "stands" };
    if (!this.random.chance(CRASH_CHANCE)) return { type: "stands" };
    this.#crashesLeft -= 1;
    return { type: "dies", when: this.random.pick(["before", "torn", "after"] as const) };
  }

  async #doJob(process: Process, signal: AbortSignal) {
    const { random, clock } = this;
    await untilAborted(clock.sleep(random.int(0, 3 * MINUTE), process.outside), signal);
    if (random.chance(0.3)) throw new Error("No broom");
    return { summary: "Swept", memory: { cursor: random.int(1, 9) } };
  }

  #executor(process: Process): Executor {
    return {
      name: "command",
      available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
      run: async (input, context) => {
        const work = `work ${++this.#works}`;
        const { address } = context;
        this.check(() => this.checks.begins(address, work));
        try {
          return await this.#work(process, input, context);
        } finally {
          // A program that is stopped takes a while to end.
          const dyingMs = context.signal.aborted ? this.random.int(0, 3 * SECOND) : 0;
          await this.clock.sleep(dyingMs, process.outside);
          this.checks.ends(address, work);
        }
      },
      reattach: () => Promise.reject(new ExecutorError("orphaned", "Cannot go on: simulated")),
    };
  }

  /** A worker is quick or slow, fails, hangs, or says which session it was. */
  async #work(process: Process, input: ExecutorInput, { signal, send }: EffectContext) {
    const { random, clock } = this;
    // Whoever waits for a session asks each 10 s, which takes long to simulate.
    const longMs = input.session === null ? this.longMs : Math.min(this.longMs, MAX_HOLD_MS);
    await send({ type: "executor.started" });
    const hangs = input.session === null && random.chance(0.05);
    const workMs = random.chance(0.7) ? random.int(0, 2 * MINUTE) : random.int(0, longMs);
    await untilAborted(clock.sleep(hangs ? Infinity : workMs, process.outside), signal);
    const session = { session: random.pick(SESSIONS) };
    return {
      exitCode: random.chance(0.75) ? 0 : 1,
      signal: null,
      output: random.chance(0.2) ? `@holdfast ${JSON.stringify(session)}` : "",
      ...{ truncated: false, outputBytes: 0, workDir: null, durationMs: workMs },
    };
  }
}
