/**
 * What users of the system asked for, and what they were told. It outlives every process. Each
 * answer is held against what is committed at the moment at which it comes.
 */
import type { Address } from "../../actors/runtime/address.ts";
import {
  AlreadyAnsweredError,
  AlreadyExistsError,
  DrainingError,
  EventFailedError,
  NotAcceptedError,
  NotFoundError,
  OverloadedError,
  RevisionConflictError,
  StoreError,
} from "../../actors/runtime/errors.ts";
import type { JournalRow } from "../../actors/store/store.ts";
import type { Receipt } from "../../actors/runtime/system.ts";
import type { Model } from "./model.ts";
import type { Answer } from "./process.ts";
import { hold, Violation } from "./violation.ts";

/** One request, told apart from all others by its number, which the event carries. */
export type Request = {
  n: number;
  address: Address;
  /** The event's type; `xstate.init` for a spawn. */
  event: string;
  key: string | null;
  /** The revision that the actor was to be at. */
  expected: number | null;
  /** The last revision acknowledged to anyone when it was asked for; 0 where there is none. */
  since: number;
  /** Which process was asked. */
  process: number;
  outcome: "asked" | "receipt" | "refused" | "failed" | "lost";
};

/** What a request says before it has its number. */
export type Question = Pick<Request, "address" | "event" | "key"> & { expected?: number | null };

export class Ledger {
  readonly requests: Request[] = [];
  #lastRevision = new Map<Address, number>();
  /** The last acknowledged of each actor. */
  #last = new Map<Address, { seq: number; n: number; process: number }>();
  #firstByKey = new Map<string, Receipt>();
  /** Rows that are gone, and their keys with them. */
  #forgotten = new Set<number>();

  constructor(readonly model: Model) {}

  ask(process: number, { address, event, key, expected = null }: Question): Request {
    const since = this.#lastRevision.get(address) ?? 0;
    const n = this.requests.length + 1;
    const request: Request = {
      n,
      address,
      event,
      key,
      expected,
      since,
      process,
      outcome: "asked",
    };
    this.requests.push(request);
    return request;
  }

  /** Takes an answer down. Throws a `Violation` where it is not true. */
  take(request: Request, answer: Answer<Receipt>): void {
    switch (answer.type) {
      case "value":
        request.outcome = "receipt";
        return this.#takeReceipt(request, answer.value);
      case "error":
        return this.#takeError(request, answer.error);
      case "lost":
        request.outcome = "lost";
    }
  }

  /** Rows were cut: their keys are as good as new. */
  forget(rows: readonly JournalRow[]): void {
    for (const { seq, address, key } of rows) {
      this.#forgotten.add(seq);
      if (key !== null) this.#firstByKey.delete(`${address} ${key}`);
    }
  }

  /** At the end: what was acknowledged is there, once; what was refused is not. */
  finish(): void {
    const rows = new Map<number, JournalRow[]>();
    const byKey = new Map<string, number>();
    for (const row of this.model.journal) {
      if (row.key !== null && !this.#forgotten.has(row.seq)) {
        const key = `${row.address} ${row.key}`;
        byKey.set(key, (byKey.get(key) ?? 0) + 1);
      }
      const n = numberOf(row);
      if (n !== undefined) rows.set(n, [...rows.get(n) ?? [], row]);
    }
    for (const [key, count] of byKey) {
      hold(count === 1, 1, () => `key ${key} was applied ${count} times`);
    }
    for (const request of this.requests) this.#finishOne(request, rows.get(request.n) ?? []);
  }

  #finishOne(request: Request, rows: JournalRow[]): void {
    const { n, address, key, outcome } = request;
    hold(rows.length <= 1, 1, () => `request ${n} for ${address} is in the journal twice`);
    if (outcome === "refused") {
      hold(rows.length === 0, 1, () => `request ${n} for ${address} was refused and applied`);
    }
    if (outcome === "receipt" && key === null) {
      hold(rows.length === 1, 1, () => `request ${n} for ${address} is not in the journal`);
    }
  }

  #takeReceipt(request: Request, receipt: Receipt): void {
    const { address, key } = request;
    const { seq, revision, state, status, duplicate } = receipt;
    const row = this.model.journal[seq - 1];
    hold(row !== undefined, 8, () => `receipt ${seq} for ${address} is not committed`);
    const isOfRow = row.address === address && row.revision === revision && row.state === state &&
      row.status === status && row.key === key && row.outcome === "taken";
    hold(isOfRow, 1, () => {
      return `receipt ${JSON.stringify(receipt)} is not of ${JSON.stringify(row)}`;
    });
    const isKnown = key !== null && !this.#forgotten.has(seq);
    const named = isKnown ? `${address} ${key}` : undefined;
    const first = named === undefined ? undefined : this.#firstByKey.get(named);
    if (named !== undefined && first === undefined) this.#firstByKey.set(named, receipt);
    hold(first === undefined || first.seq === seq, 1, () => {
      return `key ${named} got receipts ${first?.seq} and ${seq}`;
    });
    if (duplicate) return;
    hold(numberOf(row) === request.n, 1, () => `receipt ${seq} is not of request ${request.n}`);
    const isAsExpected = request.expected === null || revision === request.expected + 1;
    hold(
      isAsExpected,
      6,
      () => `${address} applied at ${revision} what was for ${request.expected}`,
    );
    const last = this.#last.get(address) ?? { seq: 0, n: 0, process: 0 };
    hold(seq > last.seq, 6, () => `${address} acknowledged ${seq} after ${last.seq}`);
    const isInTurn = last.process !== request.process || last.n < request.n;
    hold(isInTurn, 6, () => `${address} applied request ${last.n} before ${request.n}`);
    this.#last.set(address, { seq, n: request.n, process: request.process });
    this.#lastRevision.set(address, revision);
  }

  #takeError(request: Request, error: unknown): void {
    const { address, since } = request;
    const actor = this.model.actors.get(address);
    request.outcome = "refused";
    if (error instanceof NotAcceptedError) {
      const states = this.model.states.get(address)?.slice(Math.max(0, since - 1)) ?? [];
      return hold(states.includes(error.state), 8, () => {
        return `${error.message} – it was never in that state, only in ${states.join(", ")}`;
      });
    }
    if (error instanceof RevisionConflictError) {
      const isCommitted = error.actual >= since && error.actual <= (actor?.revision ?? 0);
      return hold(isCommitted, 8, () => `${error.message}: it is at ${actor?.revision}`);
    }
    if (error instanceof AlreadyExistsError) {
      return hold(actor !== undefined, 8, () => `${error.message}, and it does not`);
    }
    if (error instanceof NotFoundError) {
      return hold(since === 0, 8, () => `${error.message}, and it is there`);
    }
    if (error instanceof AlreadyAnsweredError) return this.#takeAnswered(error);
    if (error instanceof EventFailedError) return this.#takeFailed(request, error);
    const isOutage = error instanceof StoreError || error instanceof DrainingError ||
      error instanceof OverloadedError;
    if (!isOutage) throw new Violation(11, `${address} answered "${request.event}" with ${error}`);
    // The store may have kept what it could not confirm.
    request.outcome = error instanceof StoreError ? "failed" : "refused";
  }

  /** The answer that it was given names the event that made it. */
  #takeAnswered(error: AlreadyAnsweredError): void {
    const { seq } = error.answer as { seq: number };
    const isCommitted = seq <= this.model.seq;
    hold(isCommitted, 8, () => `${error.message} with ${seq}, and only ${this.model.seq} stands`);
  }

  #takeFailed({ n, address, event }: Request, error: EventFailedError): void {
    if (event === "xstate.init") return;
    const letters = [...this.model.deadLetters.values()];
    const isKept = letters.some((letter) =>
      letter.address === address && letter.event.includes(`"n":${n}`)
    );
    hold(isKept, 1, () => `${error.message}, and it is not among the dead letters`);
  }
}

/** The number of the request that an event came with. */
function numberOf(row: JournalRow): number | undefined {
  if (row.cause !== "api") return undefined;
  const event = JSON.parse(row.event) as { n?: number; input?: { n?: number } };
  return event.n ?? event.input?.n;
}
