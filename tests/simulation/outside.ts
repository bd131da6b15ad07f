/**
 * The world outside, where effects do their work. It outlives every process and remembers what was
 * done: which attempts were begun for which key, and which of them succeeded. How each goes is left
 * to chance: it takes its time, fails, hangs, reports midway, or does not hear that it is called off.
 */
import { ExecutorError, type ExecutorErrorCode } from "../../actors/adapters/executor/executor.ts";
import type { EffectContext, EventInput } from "../../actors/runtime/kind.ts";
import type { SimulatedClock } from "./clock.ts";
import { never } from "./crashing_store.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

export type Run = {
  key: string;
  src: string;
  address: string;
  attempt: number;
  process: number;
  /** Order in which runs were begun, and in which they ended. */
  begun: number;
  ended: number | null;
  outcome: "running" | "succeeded" | "failed";
  input: unknown;
};

/** What the rest of the simulation wants to know, and may do, at each end of a piece of work. */
export type OutsideHost = {
  /** Work is about to begin. */
  begins(process: Process, run: Run, signal: AbortSignal): void;
  /** The work has failed, or heard that it is called off. */
  failed(run: Run): void;
  /** The work is done, its result not yet told. */
  succeeded(process: Process, run: Run): void;
  /** A numbered piece of output. */
  nextPiece(process: Process, address: string): string;
};

/** What effects and hooks have in common. */
export type Context = Pick<EffectContext, "key" | "attempt" | "signal"> & {
  address: string;
  send?: (event: EventInput) => Promise<void>;
  append?: EffectContext["append"];
};

export type Habits = {
  /** Events that it reports first, one of these lists. */
  openings?: readonly (readonly string[])[];
  /** Events that the work may report midway. */
  reports?: readonly string[];
  /** Codes with which it may fail. */
  codes?: readonly ExecutorErrorCode[];
  output?: (random: Random) => unknown;
  /** Output to the stream. */
  talks?: boolean;
  /** How often it fails; `FAILURE_CHANCE` unless given. */
  failureChance?: number;
};

/** A piece of work. */
export type Piece = { context: Context; habits?: Habits; input?: unknown };

const FAILURE_CHANCE = 0.2;

export class Outside {
  readonly runs: Run[] = [];
  readonly #succeeded = new Set<string>();
  /** Effects that succeed at once, by key. */
  readonly hurried = new Set<string>();
  #order = 0;
  #isCalm = false;
  /** Ends those that never come to an end by themselves. */
  #hanging = new Set<() => void>();

  constructor(
    readonly clock: SimulatedClock,
    readonly random: Random,
    readonly host: OutsideHost,
  ) {}

  hasSucceeded(key: string): boolean {
    return this.#succeeded.has(key);
  }

  /** From now on all work goes well and fast, so that things come to an end. */
  calmDown(): void {
    this.#isCalm = true;
    for (const end of this.#hanging) end();
  }

  /** Carries out one attempt, as chance has it. */
  async perform(
    process: Process,
    src: string,
    options: Piece,
  ): Promise<unknown> {
    const { context, habits = {} } = options;
    if (!process.alive) return await never();
    const run = this.#begin(process, src, options);
    this.host.begins(process, run, context.signal);
    if (!process.alive) return await never();
    const isAimedAt = this.hurried.has(context.key);
    const isHurried = this.#isCalm || isAimedAt;
    const isDeaf = !isHurried && this.random.chance(0.05);
    try {
      if (!isHurried && this.random.chance(0.03)) await this.#hang(process, context.signal);
      if (!isHurried) await this.#goOn(process, context, { habits, isDeaf });
      if (!isHurried && this.random.chance(0.03)) await this.#hang(process, context.signal);
      if (!isHurried && this.random.chance(habits.failureChance ?? FAILURE_CHANCE)) {
        throw this.#failure(habits);
      }
      await this.#wait(process, context.signal, {
        ms: isAimedAt ? 0 : this.random.int(0, 20),
        isDeaf,
      });
    } catch (error) {
      run.outcome = "failed";
      run.ended = this.#order++;
      this.host.failed(run);
      throw error;
    }
    return await this.#succeed(process, run, habits);
  }

  #begin(process: Process, src: string, { context, input }: Piece): Run {
    const { key, attempt, address } = context;
    const run: Run = {
      key,
      src,
      address,
      attempt,
      process: process.number,
      begun: this.#order++,
      ended: null,
      outcome: "running",
      input,
    };
    this.runs.push(run);
    return run;
  }

  async #succeed(process: Process, run: Run, { output }: Habits): Promise<unknown> {
    run.outcome = "succeeded";
    run.ended = this.#order++;
    this.#succeeded.add(run.key);
    this.host.succeeded(process, run);
    if (!process.alive) return await never();
    return output === undefined ? { key: run.key } : output(this.random);
  }

  /** Works for a while, and reports. */
  async #goOn(
    process: Process,
    context: Context,
    { habits, isDeaf }: { habits: Habits; isDeaf: boolean },
  ): Promise<void> {
    const { openings = [], reports = [], talks } = habits;
    for (const type of openings.length === 0 ? [] : this.random.pick(openings)) {
      await this.#wait(process, context.signal, { ms: this.random.int(0, 20), isDeaf });
      if (!context.signal.aborted) await context.send?.({ type });
    }
    const rounds = this.random.int(0, reports.length > 0 ? 3 : 1);
    for (let round = 0; round < rounds; round++) {
      const ms = this.random.chance(0.1) ? this.random.int(500, 9_000) : this.random.int(0, 60);
      await this.#wait(process, context.signal, { ms, isDeaf });
      if (talks) context.append?.("output", this.host.nextPiece(process, context.address));
      if (reports.length === 0 || context.signal.aborted) continue;
      await context.send?.({ type: this.random.pick(reports) });
    }
  }

  #failure({ codes }: Habits): Error {
    if (codes === undefined) return new Error("The outside said no");
    return new ExecutorError(this.random.pick(codes), "The outside said no");
  }

  #wait(
    process: Process,
    signal: AbortSignal,
    { ms, isDeaf }: { ms: number; isDeaf: boolean },
  ): Promise<void> {
    if (isDeaf) return this.clock.sleep(ms, process.outside);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const cancel = this.clock.after(ms, process.outside, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      const stop = () => {
        cancel();
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  /** Never comes to an end by itself. */
  #hang(process: Process, signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const end = () => {
        this.#hanging.delete(end);
        if (process.alive) reject(signal.aborted ? signal.reason : new Error("It hung for long"));
      };
      this.#hanging.add(end);
      if (signal.aborted || this.#isCalm) return end();
      signal.addEventListener("abort", end, { once: true });
    });
  }
}
