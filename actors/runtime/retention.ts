/**
 * Retention: now and then, actors that ended long ago are archived (their history is cut behind a
 * base snapshot, so folding still works from there), and answers to idempotency keys that are past
 * their time go. Each round is short, so that events need not wait behind it.
 */
import type { Store } from "../store/store.ts";
import { errorOf } from "./actor.ts";
import type { Address } from "./address.ts";
import type { ArchivedOf, Logger } from "./api.ts";
import type { Clock } from "./clock.ts";
import { IDEMPOTENCY_TTL_MS } from "./limits.ts";

/** From one look to the next. */
const EVERY_MS = 60 * 60_000;
/** Between two rounds of one look. */
const PAUSE_MS = 250;
/** Actors, and answers, that one round takes. */
const ROUND = 200;

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

export class Retention {
  #cancel = () => {};
  #isStopped = false;

  constructor(readonly parts: RetentionParts) {}

  start(): void {
    this.#later(EVERY_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #later(ms: number): void {
    if (this.#isStopped) return;
    const { clock } = this.parts;
    this.#cancel = clock.wake(clock.now() + ms, () => void this.#round());
  }

  async #round(): Promise<void> {
    const { log, forget } = this.parts;
    try {
      let isFull = false;
      await this.parts.between(async () => {
        const { actors, idempotency } = await this.#prune();
        isFull = actors >= ROUND || idempotency >= ROUND;
        if (actors > 0) forget();
        if (actors > 0) log("info", "Archived actors that ended long ago", { actors });
      });
      if (!isFull) await this.parts.tidy?.((addresses) => this.#archivedOf(addresses));
      this.#later(isFull ? PAUSE_MS : EVERY_MS);
    } catch (error) {
      log("error", "Cannot archive", { error: errorOf(error) });
      this.#later(EVERY_MS);
    }
  }

  async #archivedOf(addresses: readonly Address[]): Promise<ReadonlySet<Address>> {
    const rows = await this.parts.store.loadActors(addresses);
    return new Set(rows.filter((row) => row.archivedAt !== null).map((row) => row.address));
  }

  #prune() {
    const { store, clock, archiveAfterMs } = this.parts;
    const now = clock.now();
    return store.prune({
      now,
      endedBefore: Number.isFinite(archiveAfterMs) ? now - archiveAfterMs : 0,
      idempotencyBefore: now - IDEMPOTENCY_TTL_MS,
      limit: ROUND,
    });
  }
}
