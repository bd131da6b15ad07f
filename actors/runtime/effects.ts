/**
 * Running effects: each attempt has a signal and a deadline, failures are tried again after a
 * backoff, and what comes of it goes back through the mailbox. Rows are durable before anything
 * here runs; this file never writes by itself.
 */
import type { EffectRow } from "../store/store.ts";
import { errorOf } from "./actor.ts";
import type { Clock } from "./clock.ts";
import type { JsonEvent } from "./envelope.ts";
import { StoreError } from "./errors.ts";
import type { Effect, EffectContext, EventInput } from "./kind.ts";
import {
  ACTION_MAX_ATTEMPTS,
  EFFECT_TIMEOUT_MS,
  MAX_BACKOFF_MS,
  MAX_RUNNING_EFFECTS,
} from "./limits.ts";
import type { Logger } from "./api.ts";

/** What the runner needs of the rest. */
export type EffectPorts = {
  clock: Clock;
  random: () => number;
  log: Logger;
  /** What carries out a row, or none where its kind is not registered. */
  effectOf(row: EffectRow): Effect | undefined;
  /** Input with blobs put back. */
  inputOf(row: EffectRow): Promise<unknown>;
  /** Delivers an event of an effect; resolves when it is durable or obsolete. */
  deliver(row: EffectRow, event: JsonEvent, ends: boolean): Promise<void>;
  /** Removes the row of an action or hook that is done. */
  finish(row: EffectRow): Promise<void>;
  /** Tells the owner that an action has failed for good, and removes the row. */
  giveUp(row: EffectRow, error: ReturnType<typeof errorOf>): Promise<void>;
  /** Writes the next attempt down before it is made. */
  reschedule(row: EffectRow): Promise<void>;
  append(row: EffectRow, channel: string, data: string): void;
};

type Running = {
  row: EffectRow;
  controller: AbortController;
  listeners: Set<(event: EventInput) => void>;
  /** Events told before anyone listened. */
  early: EventInput[];
  /** An earlier process began this attempt. */
  reattach: boolean;
  /** The owner has left the state. A stop of the system leaves a result wanted. */
  isUnwanted: boolean;
};

/** How long to wait before a write is tried again when the disk is full. */
const STORE_RETRY_MS = 1_000;

export class EffectRunner {
  /** Live effects by key: running, or waiting for their next attempt. */
  #live = new Map<string, Running>();
  #waiting: Running[] = [];
  #work = new Map<string, Promise<void>>();
  #active = 0;
  #stopped = false;
  /** Disarms the time limits of attempts that outlive the system. */
  #deadlines = new Set<() => void>();
  /** Ends the waits for a store that refuses. */
  #pauses = new Set<() => void>();
  retries = 0;

  constructor(readonly ports: EffectPorts) {}

  get running(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#live.size - this.#active;
  }

  isLive(key: string): boolean {
    return this.#live.has(key);
  }

  /** Whether an attempt is being made, wanted or not. */
  isRunning(key: string): boolean {
    return this.#work.has(key);
  }

  /** Resolves when no attempt of it is being made any more. */
  async settled(key: string): Promise<void> {
    await this.#work.get(key);
  }

  /** Starts an effect whose row is durable. `reattach`: an earlier process began this attempt. */
  start(row: EffectRow, options: { reattach?: boolean } = {}): void {
    if (this.#stopped || this.#live.has(row.key)) return;
    const running: Running = {
      row,
      controller: new AbortController(),
      listeners: new Set(),
      early: [],
      reattach: options.reattach ?? false,
      isUnwanted: false,
    };
    this.#live.set(row.key, running);
    this.#schedule(running);
  }

  /** Tells the owner of an effect that is not to be run again. */
  async cutOff(row: EffectRow, error: ReturnType<typeof errorOf>): Promise<void> {
    await this.#fail(row, error);
  }

  /** The owner does not want it any more. */
  abort(key: string): void {
    const running = this.#live.get(key);
    if (running === undefined) return;
    this.#live.delete(key);
    running.isUnwanted = true;
    running.controller.abort(new DOMException("The actor has left the state", "AbortError"));
  }

  tell(key: string, event: EventInput): void {
    const running = this.#live.get(key);
    if (running === undefined) return;
    if (running.listeners.size === 0) running.early.push(event);
    for (const listener of running.listeners) listener(event);
  }

  /** Aborts everything and waits until it has let go, up to `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    for (const { controller } of this.#live.values()) {
      controller.abort(new DOMException("The system is stopping", "AbortError"));
    }
    this.#live.clear();
    for (const wake of this.#pauses) wake();
    await this.#settled(graceMs);
    for (const disarm of this.#deadlines) disarm();
  }

  /** Resolves when nothing runs any more, or after `ms`. */
  async idle(ms: number): Promise<void> {
    await this.#settled(ms);
  }

  async #settled(ms: number): Promise<void> {
    if (this.#work.size === 0 || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.ports.clock.wake(this.ports.clock.now() + ms, resolve);
      void Promise.allSettled([...this.#work.values()]).then(() => {
        cancel();
        resolve();
      });
    });
  }

  #schedule(running: Running): void {
    const { clock } = this.ports;
    const { row, controller } = running;
    if (controller.signal.aborted) return;
    if (row.notBefore > clock.now()) {
      const cancel = clock.wake(row.notBefore, () => this.#schedule(running));
      controller.signal.addEventListener("abort", cancel, { once: true });
      return;
    }
    if (this.#active >= MAX_RUNNING_EFFECTS) {
      this.#waiting.push(running);
      return;
    }
    this.#active += 1;
    const work = this.#attempt(running).finally(() => {
      this.#active -= 1;
      if (this.#work.get(row.key) === work) this.#work.delete(row.key);
      this.#startWaiting();
    });
    this.#work.set(row.key, work);
  }

  #startWaiting(): void {
    while (this.#active < MAX_RUNNING_EFFECTS) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#schedule(next);
    }
  }

  async #attempt(running: Running): Promise<void> {
    const { row } = running;
    const effect = this.ports.effectOf(row);
    if (effect === undefined) {
      // Nothing carries it out: its row stays, for a definition that knows it.
      this.#live.delete(row.key);
      return;
    }
    let report: () => Promise<void>;
    try {
      const output = await this.#run(effect, running);
      report = () => this.#succeed(row, output);
    } catch (error) {
      // Aborted by its owner or by a stop: nobody wants to hear of it.
      if (running.controller.signal.aborted) return;
      if (this.#mayRetry(effect, row)) return await this.#retry(effect, running, error);
      report = () => this.#fail(row, errorOf(error));
    }
    await this.#report(running, report);
    this.#live.delete(row.key);
  }

  /** One attempt against its deadline. */
  async #run(effect: Effect, running: Running): Promise<unknown> {
    const { clock } = this.ports;
    const { row } = running;
    const input = await this.ports.inputOf(row);
    running.controller.signal.throwIfAborted();
    const timeoutMs = effect.timeoutMs ?? EFFECT_TIMEOUT_MS;
    const deadline = new AbortController();
    const signal = AbortSignal.any([running.controller.signal, deadline.signal]);
    const context = this.#context(running, signal);
    const cancel = Number.isFinite(timeoutMs)
      ? clock.wake(clock.now() + timeoutMs, () => {
        deadline.abort(new DOMException(`No result within ${timeoutMs} ms`, "TimeoutError"));
      })
      : () => {};
    this.#deadlines.add(cancel);
    try {
      const resume = running.reattach ? effect.reattach : undefined;
      const call = resume ?? effect.run;
      const work = (async () => await call.call(effect, input as never, context))();
      return await untilExpired(work, deadline.signal);
    } finally {
      cancel();
      this.#deadlines.delete(cancel);
      running.listeners.clear();
    }
  }

  #context(running: Running, signal: AbortSignal): EffectContext {
    const { row } = running;
    return {
      key: row.key,
      attempt: row.attempt,
      address: row.address,
      signal,
      send: async (event) => {
        if (signal.aborted) throw signal.reason;
        await this.ports.deliver(row, event as JsonEvent, false);
      },
      receive: (listener) => {
        running.listeners.add(listener);
        for (const event of running.early.splice(0)) listener(event);
      },
      append: (channel, data) => this.ports.append(row, channel, data),
    };
  }

  async #succeed(row: EffectRow, output: unknown): Promise<void> {
    if (row.type !== "invoke") return await this.ports.finish(row);
    const type = `xstate.done.actor.${row.childId}`;
    await this.ports.deliver(row, { type, output, actorId: row.childId } as JsonEvent, true);
  }

  /** Waits, but not beyond the system's end. */
  #pause(ms: number): Promise<void> {
    const { clock } = this.ports;
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#pauses.delete(wake);
        resolve();
      };
      const cancel = clock.wake(clock.now() + ms, wake);
      this.#pauses.add(wake);
    });
  }

  #mayRetry(effect: Effect, row: EffectRow): boolean {
    const fallback = row.type === "invoke" ? 1 : ACTION_MAX_ATTEMPTS;
    return row.attempt < (effect.maxAttempts ?? fallback);
  }

  async #retry(effect: Effect, running: Running, cause: unknown): Promise<void> {
    const { row } = running;
    const { clock, log } = this.ports;
    const backoff = effect.backoff ?? ((attempt) => exponential(attempt, this.ports.random()));
    const waitMs = wholeWait(backoff(row.attempt));
    const { address, key, attempt } = row;
    log("warn", `Effect "${row.src}" failed, trying again`, {
      address,
      effect: key,
      attempt,
      waitMs,
      error: errorOf(cause),
    });
    this.retries += 1;
    running.row = { ...row, attempt: attempt + 1, notBefore: clock.now() + waitMs };
    running.reattach = false;
    await this.#report(running, () => this.ports.reschedule(running.row));
    this.#schedule(running);
  }

  async #fail(row: EffectRow, error: ReturnType<typeof errorOf>): Promise<void> {
    if (row.type !== "invoke") return await this.ports.giveUp(row, error);
    const type = `xstate.error.actor.${row.childId}`;
    await this.ports.deliver(row, { type, error, actorId: row.childId }, true);
  }

  /** Sees a result through to the database, also when the disk is full for a while. */
  async #report(running: Running, write: () => Promise<void>): Promise<void> {
    const { log } = this.ports;
    while (!running.isUnwanted) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof StoreError) || error.isFatal) {
          log("error", "An effect's result could not be applied", {
            effect: running.row.key,
            error: errorOf(error),
          });
          return;
        }
        if (!this.#stopped) await this.#pause(STORE_RETRY_MS);
        if (this.#stopped) return;
      }
    }
  }
}

/** 1 s × 2^n with ±20 % jitter. */
function exponential(attempt: number, random: number): number {
  return 1_000 * 2 ** (attempt - 1) * (0.8 + 0.4 * random);
}

/** A wait that the store can keep: whole, and within its bound whatever was computed. */
function wholeWait(ms: number): number {
  return Number.isFinite(ms)
    ? Math.ceil(Math.min(MAX_BACKOFF_MS, Math.max(0, ms)))
    : MAX_BACKOFF_MS;
}

/** The work, or the deadline's error where the work does not mind its signal. */
function untilExpired<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(deadline.reason);
    deadline.addEventListener("abort", expire, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener("abort", expire));
  });
}
