/**
 * A simulated server with goals, those who work for them, and a clock. The server dies and comes
 * back, and what its workers were at is lost with it. Every commit that stands is checked at that
 * moment.
 */
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
} from "../../actors/adapters/executor/executor.ts";
import { untilAborted } from "../../actors/adapters/vm/until_aborted.ts";
import { createGateKind } from "../../actors/gate.ts";
import { createGoalKind } from "../../actors/goal.ts";
import type { EffectContext } from "../../actors/runtime/kind.ts";
import { createSystem } from "../../actors/runtime/system.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import { createTaskKind } from "../../actors/task.ts";
import { SimulatedClock } from "./clock.ts";
import { type CommitFate, CrashingStore } from "./crashing_store.ts";
import { GoalChecks } from "./goal_checks.ts";
import { GoalViolation, hold } from "./goal_violation.ts";
import { audit, type Character, CHARACTERS, iterate } from "./goal_workers.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";

const MINUTE = 60_000;
/** What a worker that is called off may take to be gone. */
const KILL_MS = 5_000;
/** How often a commit is the last that its server makes. */
const FATAL_COMMIT_CHANCE = 0.01;

export class GoalWorld {
  readonly random: Random;
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly checks: GoalChecks;
  readonly nature = { name: "nature", alive: true };
  violation: Error | undefined;
  process: Process | undefined;
  /** Processes that there have been, and events in the journal. */
  processes = 0;
  events = 0;
  isCalm = false;
  /** Who is at work for each goal, and in each session. */
  readonly #working = new Map<string, string>();
  readonly #characters = new Map<string, Character>();
  readonly #places: number;
  #store = new MemoryStore();
  #whenUp: ((process: Process) => void)[] = [];
  #ids = 0;

  constructor(readonly seed: number, print?: (line: string) => void) {
    this.random = new Random(seed);
    this.clock = new SimulatedClock(this.random);
    this.trace = new Trace(() => this.clock.elapsed, print);
    this.checks = new GoalChecks(() => this.clock.now());
    this.#places = this.random.pick([1, 2, 10]);
  }

  /** Starts a server on the data. */
  async boot(): Promise<void> {
    const process = new Process(++this.processes);
    process.store = this.#storeOf(process);
    process.system = createSystem({
      store: process.store,
      kinds: [
        createTaskKind({ executors: { command: this.#executor(process) } }),
        createGateKind(),
        createGoalKind(),
      ],
      clock: this.clock.portOf(process),
      random: () => this.random.next(),
      ids: () => String(this.#ids++),
      onFatal: (error) => this.fail(error),
      pools: { system: this.#places },
    });
    this.#nowIsNew();
    const started = await process.call((system) => system.start());
    if (started.type === "error") return this.fail(started.error);
    if (started.type === "lost") return;
    this.trace.note(`${process.name} is up`);
    this.process = process;
    for (const tell of this.#whenUp.splice(0)) tell(process);
  }

  /** The server, now or when there is one again. */
  up(): Promise<Process> {
    if (this.process !== undefined) return Promise.resolve(this.process);
    return new Promise((resolve) => this.#whenUp.push(resolve));
  }

  kill(process: Process, why: string): void {
    if (!process.alive) return;
    this.trace.note(`${process.name} dies: ${why}`);
    process.die();
    this.clock.drop(process);
    this.clock.drop(process.outside);
    this.process = undefined;
    // What was at work is ended before another server begins anything.
    this.#working.clear();
    this.#store = this.#store.reopen();
    const { random } = this;
    const pauseMs = random.int(0, random.chance(0.2) ? 120 * MINUTE : 5_000);
    this.clock.after(pauseMs, this.nature, () => void this.boot());
  }

  /** Somebody sets the clock. */
  jump(ms: number): void {
    this.trace.note(`the clock is set by ${ms} ms`);
    this.clock.jump(ms);
    this.#nowIsNew();
  }

  /** From here on the clock shows nothing that it has shown before, and nothing goes wrong. */
  calm(): void {
    this.trace.note("calm");
    this.isCalm = true;
    this.clock.catchUp();
    this.#nowIsNew();
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
      if (!(error instanceof GoalViolation)) throw error;
      this.fail(error);
    }
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms, this.nature);
  }

  /** What could not be delivered to anybody. */
  deadLetters() {
    return this.#store.listDeadLetters(undefined, 10);
  }

  /** Timers are due by the clock: when it is set back they only come later. */
  #nowIsNew(): void {
    this.checks.upSince = Math.max(this.checks.upSince, this.clock.now());
  }

  #storeOf(process: Process): CrashingStore {
    return new CrashingStore(this.#store, {
      owner: process,
      latency: () => Promise.resolve(),
      beforeRead: () => {},
      fateOf: () => this.#fate(),
      die: (why) => this.kill(process, why),
      pruned: () => {},
      committed: (commit) => {
        this.events += commit.journal.length;
        for (const { address, event, state, cause } of commit.journal) {
          const { type } = JSON.parse(event) as { type: string };
          this.trace.note(`${address} ${type} → ${state} (${cause})`);
        }
        this.check(() => this.checks.committed(commit));
      },
    });
  }

  #fate(): CommitFate {
    if (this.isCalm || !this.random.chance(FATAL_COMMIT_CHANCE)) return { type: "stands" };
    return { type: "dies", when: this.random.pick(["before", "torn", "after"] as const) };
  }

  #executor(process: Process): Executor {
    return {
      name: "command",
      available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
      run: (input, context) => this.#work(process, input, context),
      reattach: () => Promise.reject(new ExecutorError("orphaned", "A restart cut it off")),
    };
  }

  /**
   * Nobody works for a goal, or in a session, while another does, or has been called off and is not
   * gone yet. Who waits for a person does not work.
   */
  async #work(process: Process, input: ExecutorInput, context: EffectContext) {
    this.#begins(input);
    context.receive(({ type }) => {
      if (type === "executor.pause") this.#rests(input);
      if (type === "executor.resume") this.#begins(input);
    });
    try {
      return await this.#deed(process, input, context);
    } catch (error) {
      const dyingMs = context.signal.aborted ? this.random.int(0, KILL_MS) : 0;
      await this.clock.sleep(dyingMs, process.outside);
      throw error;
    } finally {
      this.#rests(input);
    }
  }

  #begins(input: ExecutorInput): void {
    for (const place of placesOf(input)) {
      const other = this.#working.get(place);
      this.check(() => hold(other === undefined, () => `${input.taskId} works beside ${other}`));
      this.#working.set(place, input.taskId);
    }
  }

  #rests(input: ExecutorInput): void {
    for (const place of placesOf(input)) {
      if (this.#working.get(place) === input.taskId) this.#working.delete(place);
    }
  }

  async #deed(process: Process, input: ExecutorInput, { send, signal }: EffectContext) {
    const { random, clock } = this;
    const [, goal = ""] = input.taskId.split("_");
    const character = this.#characters.get(goal) ?? random.pick(CHARACTERS);
    this.#characters.set(goal, character);
    const deed = input.command[0] === "audit" ? audit(random) : iterate(random, character);
    await send({ type: "executor.started" });
    if (deed.tokens !== undefined) {
      await send({ type: "executor.progress", progress: { inputTokens: deed.tokens } });
    }
    if (deed.asks === true) {
      await send({ type: "executor.inputRequested", question: "Which?" });
      this.#rests(input);
    }
    const ms = deed.fails === undefined ? deed.ms : random.int(0, deed.ms);
    await untilAborted(clock.sleep(ms, process.outside), signal);
    if (deed.fails !== undefined) throw new ExecutorError(deed.fails, "Cannot go on: simulated");
    const { exitCode, output } = deed;
    const rest = { signal: null, truncated: false, outputBytes: output.length, workDir: null };
    return { ...rest, exitCode, output, durationMs: ms };
  }
}

/** Where no two may work at once. */
function placesOf({ taskId, session }: ExecutorInput): string[] {
  const [, goal = ""] = taskId.split("_");
  return session === null ? [goal] : [goal, `session ${session}`];
}
