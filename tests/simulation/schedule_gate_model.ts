/** Who should hold a session, written anew and plainly from what its gate was told. */
import { type GateContext, KEPT_FOR_MS } from "../../machines/gate.ts";
import type { Fact } from "./schedule_model.ts";
import { holdSchedule } from "./schedule_violation.ts";

export class GateModel {
  holder: string | null = null;
  /** When a person's hold is over. */
  heldUntil = Infinity;
  /** Who was told first that it is busy goes first, if it asks again in time. */
  #next: { by: unknown; at: number } | undefined;

  constructor(readonly key: string) {}

  take({ type, at, ...fact }: Fact): void {
    if (type.includes("untilLeft")) {
      holdSchedule(at >= this.heldUntil, () => `a person loses ${this.key} early`);
      return this.#hold(null);
    }
    switch (type) {
      case "gate.claim":
        return this.#asked(fact["by"], at);
      case "gate.release":
        if (this.holder === fact["by"]) this.#hold(null);
        return;
      case "gate.take":
        return this.#hold(String(fact["person"]), at + Number(fact["holdMs"]));
      case "gate.leave":
        return this.#hold(null);
      case "actor.ended":
        if (this.holder === fact["address"]) this.#hold(null);
    }
  }

  #asked(by: unknown, at: number): void {
    const next = this.#next;
    const isNow = next !== undefined && at > next.at - KEPT_FOR_MS && at < next.at + KEPT_FOR_MS;
    const isOthers = isNow && next.by !== by;
    if (this.holder === null && !isOthers) {
      this.#next = undefined;
      this.#hold(String(by));
    } else if (this.holder !== null && this.holder !== by && !isOthers) {
      this.#next = { by, at };
    }
  }

  agree({ holder, heldUntil }: GateContext): void {
    const isSo = holder === this.holder && (heldUntil ?? Infinity) === this.heldUntil;
    holdSchedule(isSo, () => `gate ${this.key} is ${holder}'s, should be ${this.holder}'s`);
  }

  #hold(holder: string | null, until = Infinity): void {
    this.holder = holder;
    this.heldUntil = until;
  }
}
