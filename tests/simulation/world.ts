/**
 * The simulated world: one database, one server process at a time on it, the outside in which its
 * effects work, and a clock. Processes die and come back here; every commit that stands is held
 * against the model at that moment.
 */
import { StoreError } from "../../actors/runtime/errors.ts";
import { createSystem, type Receipt } from "../../actors/runtime/system.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import { MemoryData } from "../../actors/store/memory_data.ts";
import type { Commit, PruneReport, PruneRequest } from "../../actors/store/store.ts";
import { SimulatedClock } from "./clock.ts";
import type { Coverage, Situation } from "./coverage.ts";
import { CrashSites } from "./crash_sites.ts";
import { type CommitFate, CrashingStore, never } from "./crashing_store.ts";
import { Faults } from "./faults.ts";
import { createKinds, type kindFinder, type Release } from "./kinds.ts";
import { Histories } from "./histories.ts";
import { Ledger, type Question, type Request } from "./ledger.ts";
import { Model } from "./model.ts";
import { Outside, type Run } from "./outside.ts";
import type { Plan } from "./plan.ts";
import { checkWaiters, PoolWatch } from "./pool_watch.ts";
import { type Answer, Process } from "./process.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";

export type WorldOptions = {
  findKind: ReturnType<typeof kindFinder>;
  /** Told of everything that happens. */
  print?: (line: string) => void;
  /** Changes what the checks see of a commit, to prove that they see it. */
  tamper?: (commit: Commit) => Commit;
};

/** Limits that the configuration gives. */
const POOLS = { narrow: 1, wide: 2, system: 2 };
/** How long ago an actor ended that is archived, where any are. */
const ARCHIVE_AFTER_MS = 60_000;
/** Actors in memory: so few that they come and go all the time, or all of them. */
const CACHE_SIZES = [2, 2, 3, 1_000];

export class World {
  readonly random: Random;
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly outside: Outside;
  readonly model: Model;
  readonly ledger: Ledger;
  readonly histories: Histories;
  readonly faults: Faults;
  readonly sites: CrashSites;
  /** Whose tasks outlive every process. */
  readonly nature = { name: "nature", alive: true };
  /** What was appended to streams, in order. */
  readonly pieces: { address: string; process: number; piece: string }[] = [];
  readonly #data = new MemoryData();
  store = new MemoryStore(this.#data);
  /** Answers that were kept for idempotency keys: the events that made them. */
  readonly answers = new Map<string, number>();
  process = new Process(0);
  violation: Violation | undefined;
  /** Set when no further process is wanted. */
  isEnding = false;
  /** Which definitions the next process has. */
  release: Release = "once";
  /** Told of each beginning and end of a piece of work: the worst moments to do something. */
  onMoment: (address: string) => void = () => {};
  pools: { readonly [name: string]: number } = POOLS;
  #poolWatch = new PoolWatch();
  #ids = 0;
  #whenReady: ((process: Process) => void)[] = [];

  constructor(
    readonly plan: Plan,
    readonly coverage: Coverage,
    readonly options: WorldOptions,
  ) {
    this.random = new Random(plan.seed);
    this.clock = new SimulatedClock(this.random);
    this.trace = new Trace(() => this.clock.elapsed, options.print);
    this.faults = new Faults(this.random, plan.settings, plan.aims);
    this.model = new Model({
      kindOf: options.findKind,
      hasSucceeded: (key) => this.outside.hasSucceeded(key),
    });
    this.ledger = new Ledger(this.model);
    this.histories = new Histories(this.model, 2 + plan.seed % 4);
    this.outside = new Outside(this.clock, this.random, {
      begins: (process, run, signal) => this.#effectBegins(process, run, signal),
      failed: (run) => this.#effectFailed(run),
      succeeded: (process, run) => this.#effectSucceeded(process, run),
      nextPiece: (process, address) => this.#nextPiece(process, address),
    });
    this.sites = new CrashSites(this.model, this.outside);
  }

  /** Starts a server process on the data. Comes back by itself when it dies on the way. */
  async boot(): Promise<void> {
    const process = new Process(this.process.number + 1);
    this.process = process;
    this.trace.note(`${process.name} starts`);
    process.system = this.#createSystem(process);
    const answer = await process.call((system) => system.start());
    if (answer.type === "lost") return;
    if (answer.type === "error") {
      if (!(answer.error instanceof StoreError)) {
        return this.fail(new Violation(11, `start failed: ${answer.error}`));
      }
      return this.kill(process, `cannot start: ${answer.error.message}`);
    }
    process.phase = "ready";
    this.trace.note(`${process.name} is ready`);
    for (const ready of this.#whenReady.splice(0)) ready(process);
  }

  /** The process that is ready to work, now or when there is one again. */
  up(): Promise<Process> {
    const { alive, phase } = this.process;
    if (alive && phase === "ready") return Promise.resolve(this.process);
    return new Promise((resolve) => this.#whenReady.push(resolve));
  }

  /** Ends a process at once; another is started after a while. */
  kill(process: Process, why: string): void {
    if (!process.alive) return;
    this.trace.note(`${process.name} dies: ${why}`);
    process.die();
    this.clock.drop(process);
    this.clock.drop(process.outside);
    if (process !== this.process || this.isEnding) return;
    // What a process holds of a file goes with it.
    this.store = this.store.reopen();
    const pause = this.random.chance(0.2) ? this.random.int(500, 100_000) : this.random.int(0, 50);
    this.clock.after(pause, this.nature, () => void this.boot());
  }

  /** The process cannot be reached any more, but goes on: another takes its place in time. */
  partition(process: Process): void {
    if (!process.alive || process.phase !== "ready") return;
    this.trace.note(`${process.name} is cut off`);
    process.isCutOff = true;
    process.mayFail = true;
    process.lose();
    this.store = new MemoryStore(this.#data);
    void this.boot();
  }

  /** The first violation ends the simulation. */
  fail(violation: Violation): void {
    if (this.violation !== undefined) return;
    this.violation = violation;
    this.trace.note(`VIOLATION ${violation.message}`);
  }

  /** Checks something; what it throws is a violation. */
  check(work: () => void): void {
    if (this.violation !== undefined) return;
    try {
      work();
    } catch (error) {
      if (error instanceof Violation) this.fail(error);
      else this.fail(new Violation(2, `the model failed: ${describe(error)}`));
    }
  }

  /** Asks the process that is up, on behalf of a user. */
  async ask(
    what: Question,
    work: (process: Process, request: Request) => Promise<Answer<Receipt>>,
  ): Promise<Answer<Receipt>> {
    const process = await this.up();
    const asked = this.ledger.ask(process.number, what);
    const answer = await work(process, asked);
    this.check(() => this.ledger.take(asked, answer));
    this.trace.note(
      `user: ${asked.address} ${asked.event}#${asked.n}${asked.key ? ` key ${asked.key}` : ""}: ` +
        describeAnswer(answer),
    );
    return answer;
  }

  /** Nothing happens for the moment: whoever can have a place must have it. */
  checkIdle(): void {
    const { process } = this;
    const isIdle = process.alive && process.phase === "ready" && process.store?.busy === 0 &&
      process.system.health().status === "ready";
    if (!isIdle) return;
    const slots = this.model.expectations.slots.stored;
    this.check(() => checkWaiters(slots, process.system.pools(), this.clock.now()));
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms, this.nature);
  }

  #createSystem(process: Process) {
    const { random } = this;
    process.store = new CrashingStore(this.store, {
      owner: process,
      latency: () => this.#latency(process),
      beforeRead: () => this.#beforeRead(process),
      fateOf: (commit) => this.#fateOf(process, commit),
      die: (why) => this.kill(process, why),
      committed: (commit) => this.#committed(process, commit),
      pruned: (report, request) => this.#pruned(process, report, request),
    });
    return createSystem({
      store: process.store,
      kinds: createKinds(
        this.plan.kinds,
        {
          work: (src, options) => this.outside.perform(process, src, options),
          own: (src, { id, signal }) => this.#performOwn(process, src, { id, signal }),
        },
        this.release,
      ),
      clock: this.clock.portOf(process),
      random: () => random.next(),
      ids: () => String(this.#ids++),
      log: (level, message, fields) => {
        if (level === "warn" || level === "error") {
          this.trace.note(`${process.name} ${level}: ${message} ${JSON.stringify(fields ?? {})}`);
        }
      },
      pools: this.pools,
      maxCachedActors: random.pick(CACHE_SIZES),
      leaseWaitMs: 60_000,
      archiveAfterMs: this.plan.settings.archives ? ARCHIVE_AFTER_MS : Infinity,
      eventsPerBase: this.histories.eventsPerBase,
      sweep: () => this.#sweep(process),
      onFatal: (error) => this.#onFatal(process, error),
    });
  }

  /** The work of a machine's own logic: which effect it is, is known from the tables alone. */
  async #performOwn(
    process: Process,
    src: string,
    { id, signal }: { id: string; signal: AbortSignal },
  ): Promise<unknown> {
    const address = `worker:${id}`;
    const rows = this.model.effectsOf(address).filter((row) => row.src === src);
    const row = rows.findLast(({ key }) => !this.outside.hasSucceeded(key));
    if (row === undefined) return await this.clock.sleep(1, process.outside);
    const context = { key: row.key, attempt: row.attempt, signal, address };
    return await this.outside.perform(process, src, { context });
  }

  #onFatal(process: Process, error: Error): void {
    if (!process.mayFail) this.fail(new Violation(11, `${process.name} gave up: ${error.message}`));
    this.clock.after(this.random.int(0, 3), this.nature, () => this.kill(process, error.message));
  }

  async #latency(process: Process): Promise<void> {
    if (this.random.chance(0.25)) {
      if (this.random.chance(0.01)) this.#nudgeClock();
      await this.clock.sleep(this.random.int(0, this.random.chance(0.1) ? 200 : 3), process);
    }
    if (!process.alive) await never();
  }

  /** Somebody else keeps the clock in time while the store is at work. */
  #nudgeClock(): void {
    if (!this.faults.calm && this.plan.settings.clockJumps) {
      this.clock.jump(this.random.int(-2_000, 2_000));
    }
  }

  /** Clearing away what an earlier process left takes its time. */
  async #sweep(process: Process): Promise<void> {
    if (this.random.chance(0.5)) await this.clock.sleep(this.random.int(0, 200), process);
  }

  #beforeRead(process: Process): void {
    if (process.phase === "starting" && this.faults.dies("in recovery", this.sites.owed())) {
      return this.#dieInRecovery(process);
    }
    if (!this.faults.failsRead()) return;
    process.mayFail = true;
    throw new StoreError("other", "Cannot read, as simulated");
  }

  #dieInRecovery(process: Process): void {
    for (const situation of this.sites.owed()) this.coverage.crash(situation, "in recovery");
    this.kill(process, "in recovery");
  }

  #fateOf(process: Process, commit: Commit): CommitFate {
    if (process.phase === "starting" && this.faults.dies("in recovery", this.sites.owed())) {
      for (const situation of this.sites.owed()) this.coverage.crash(situation, "in recovery");
      return { type: "dies", when: this.random.pick(["before", "torn", "after"] as const) };
    }
    const [situations, results] = [this.sites.after(commit), this.sites.resultsIn(commit)];
    const fate = this.faults.fateOf(situations, results, commit.journal.length > 0);
    if (fate.type === "dies") this.#cover(fate.when, { situations, results });
    if (fate.type === "unanswered") process.mayFail = true;
    if (fate.type === "fails") process.mayFail ||= fate.failure === "busy";
    if (fate.type !== "stands") this.trace.note(`commit ${commit.seq} ${JSON.stringify(fate)}`);
    return fate;
  }

  #cover(
    when: "before" | "torn" | "after",
    { situations, results }: { situations: Situation[]; results: Situation[] },
  ): void {
    const point = { before: "before the commit", torn: "within the commit" } as const;
    for (const situation of situations) {
      this.coverage.crash(situation, when === "after" ? "after the commit" : point[when]);
    }
    if (when === "after") return;
    for (const result of results) this.coverage.crash(result, "before its result");
  }

  #committed(process: Process, written: Commit): void {
    const commit = this.options.tamper?.(structuredClone(written)) ?? written;
    for (const situation of this.sites.after(commit)) {
      this.coverage.reach(situation, this.plan.seed);
    }
    this.#traceCommit(process, commit);
    this.check(() => this.model.apply(commit));
    this.check(() => this.histories.take(commit));
    const slots = this.model.expectations.slots.stored;
    this.check(() => this.#poolWatch.check(commit, slots, this.pools));
  }

  #pruned(process: Process, report: PruneReport, request: PruneRequest): void {
    this.trace.note(`${process.name} archives ${JSON.stringify(report)}`);
    const { journal, actors } = this.#data;
    this.check(() => {
      const isArchived = (address: string, at: number) => actors.get(address)?.archivedAt === at;
      this.ledger.forget(this.histories.cut(journal, request, isArchived));
    });
  }

  #traceCommit(process: Process, commit: Commit): void {
    const lines = commit.journal.map(({ address, revision, event, state, cause, outcome }) => {
      const { type } = JSON.parse(event) as { type: string };
      return `${address} r${revision} ${type} → ${state} (${cause}${
        outcome === "taken" ? "" : `, ${outcome}`
      })`;
    });
    this.trace.note(`${process.name} commits ${commit.seq}: ${lines.join("; ")}`);
  }

  #effectBegins(process: Process, run: Run, signal: AbortSignal): void {
    const { key, src, attempt, input } = run;
    const isWhole = !JSON.stringify(input ?? null).includes('"$blob"');
    if (!isWhole) this.fail(new Violation(3, `${key} began with a part of its input missing`));
    const { effects, endedEffects } = this.model.expectations;
    this.trace.note(`outside: ${src} begins, ${key} attempt ${attempt}`);
    const wasCommitted = effects.stored.has(key) || endedEffects.has(key);
    if (!wasCommitted) this.fail(new Violation(8, `${key} began and is not committed`));
    if (signal.aborted) this.fail(new Violation(5, `${key} began though it was called off`));
    const situation = this.sites.ofRun(run);
    const { aim } = this.faults;
    if (aim?.situation === situation && aim.point !== "before the effect") {
      this.outside.hurried.add(key);
    }
    if (!this.faults.dies("before the effect", [situation])) return;
    this.coverage.crash(situation, "before the effect");
    this.kill(process, `before effect ${key}`);
  }

  #effectSucceeded(process: Process, run: Run): void {
    this.trace.note(`outside: ${run.src} has done ${run.key}`);
    this.onMoment(run.address);
    const situation = this.sites.ofRun(run);
    if (!this.faults.dies("after the effect", [situation])) return;
    this.coverage.crash(situation, "after the effect");
    this.kill(process, `after effect ${run.key}`);
  }

  #effectFailed(run: Run): void {
    this.trace.note(`outside: ${run.src} fails, ${run.key}`);
    this.onMoment(run.address);
  }

  #nextPiece(process: Process, address: string): string {
    const piece = `<${this.pieces.length}>`;
    this.pieces.push({ address, process: process.number, piece });
    return piece;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function describeAnswer(answer: Answer<Receipt>): string {
  switch (answer.type) {
    case "value":
      return `receipt ${answer.value.seq}${answer.value.duplicate ? ", a duplicate" : ""}`;
    case "error":
      return String(answer.error);
    case "lost":
      return "no answer";
  }
}
