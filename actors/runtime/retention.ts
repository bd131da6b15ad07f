/**
 * Retention: now and then, actors that ended long ago are archived, actors that go on lose the old
 * part of their history, and answers to idempotency keys that are past their time go. Histories are
 * cut behind a base snapshot, so folding still works from there. Each round is short, so that
 * events need not wait behind it.
 */
import type { Store } from "../store/store.ts";
import { errorOf } from "./actor.ts";
import type { Address } from "./address.ts";
import type { ArchivedOf, Logger, Retained } from "./api.ts";
import type { Clock } from "./clock.ts";
import { DrainingError } from "./errors.ts";
import { IDEMPOTENCY_TTL_MS } from "./limits.ts";

/** From one look to the next. */
const EVERY_MS = 60 * 60_000;
/** Between two rounds of one look. */
const PAUSE_MS = 250;
/** Actors archived, bases cut behind, and answers, that one round takes. */
const ROUND = 200;
/** Events of actors that go on, that one round cuts: some tens of milliseconds. */
const ROUND_ROWS = 5_000;

export type RetentionParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  /** How long after its end an actor is archived, ms; `Infinity` for never. */
  archiveAfterMs: number;
  /** Runs a round when no commit is being made. */
  between(work: () => Promise<void>): Promise<void>;
  /** Removes what adapters keep of archived actors. */
  tidy: ((archived: ArchivedOf) => Promise<void>) | undefined;
  /** Forgets what is in memory of archived actors. */
  forget(): void;
};

/** Looks now and then by itself, once started; and whenever it is asked to. */
export class Retention {
  #cancel = () => {};
  #isStopped = false;
  /** The look that is under way, and how many wait for it. */
  #look: Promise<Retained> | undefined;
  #waiting = 0;
  /** Ends the pause between two rounds. */
  #goOn = () => {};

  constructor(readonly parts: RetentionParts) {}

  start(): void {
    if (this.#isStopped) return;
    const { clock, log } = this.parts;
    this.#cancel = clock.wake(clock.now() + EVERY_MS, () => {
      const failed = (error: unknown) => {
        if (!this.#isStopped) log("error", "Cannot archive", { error: errorOf(error) });
      };
      void this.look().catch(failed).then(() => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#goOn();
  }

  /**
   * Takes all that is past its time. Calls that overlap share one look, which ends early when
   * nobody waits for it any more.
   */
  async look(signal?: AbortSignal): Promise<Retained> {
    signal?.throwIfAborted();
    this.#waiting += 1;
    this.#look ??= this.#takeAll();
    try {
      return await unlessAborted(this.#look, signal);
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#goOn();
    }
  }

  async #takeAll(): Promise<Retained> {
    const { log, tidy } = this.parts;
    const taken: Retained = { archived: 0, cut: 0, idempotency: 0 };
    try {
      while (await this.#round(taken)) await this.#pause();
      await tidy?.((addresses) => this.#archivedOf(addresses));
    } finally {
      this.#look = undefined;
      if (taken.archived + taken.cut > 0) log("info", "Cut old histories", taken);
    }
    return taken;
  }

  /** Takes what one commit may hold up others for, and says whether more may be left. */
  async #round(taken: Retained): Promise<boolean> {
    const { store, clock, archiveAfterMs, between, forget } = this.parts;
    let isFull = false;
    await between(async () => {
      const now = clock.now();
      const before = Number.isFinite(archiveAfterMs) ? now - archiveAfterMs : 0;
      const report = await store.prune({
        now,
        endedBefore: before,
        basesBefore: before,
        idempotencyBefore: now - IDEMPOTENCY_TTL_MS,
        limit: ROUND,
        rows: ROUND_ROWS,
      });
      if (report.actors > 0) forget();
      taken.archived += report.actors;
      taken.cut += report.cut;
      taken.idempotency += report.idempotency;
      isFull = report.isFull;
    });
    return isFull;
  }

  /** Lets events go first. Throws when nobody wants the next round any more. */
  async #pause(): Promise<void> {
    const { clock } = this.parts;
    await new Promise<void>((resolve) => {
      const cancel = clock.wake(clock.now() + PAUSE_MS, resolve);
      this.#goOn = () => {
        cancel();
        resolve();
      };
      if (this.#isStopped || this.#waiting === 0) this.#goOn();
    });
    if (this.#isStopped) throw new DrainingError("Cannot archive: the system is stopping");
    if (this.#waiting === 0) throw new DOMException("Nobody waits any more", "AbortError");
  }

  async #archivedOf(addresses: readonly Address[]): Promise<ReadonlySet<Address>> {
    const rows = await this.parts.store.loadActors(addresses);
    return new Set(rows.filter((row) => row.archivedAt !== null).map((row) => row.address));
  }
}

/** What the work gives, or the signal's reason once it aborts. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
