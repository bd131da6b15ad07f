/** Who should hold a session, written anew and plainly from what its gate was told. */
import type { GateContext } from "../../machines/gate.ts";
import type { Fact } from "./schedule_model.ts";
import { holdSchedule } from "./schedule_violation.ts";

export class GateModel {
  holder: string | null = null;
  /** When a person's hold is over. */
  heldUntil = Infinity;

  constructor(readonly key: string) {}

  take({ type, at, ...fact }: Fact): void {
    if (type.includes("untilLeft")) {
      holdSchedule(at >= this.heldUntil, () => `a person loses ${this.key} early`);
      return this.#hold(null);
    }
    switch (type) {
      case "gate.claim":
        if (this.holder === null) this.#hold(String(fact["by"]));
        return;
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

  agree({ holder, heldUntil }: GateContext): void {
    const isSo = holder === this.holder && (heldUntil ?? Infinity) === this.heldUntil;
    holdSchedule(isSo, () => `gate ${this.key} is ${holder}'s, should be ${this.holder}'s`);
  }

  #hold(holder: string | null, until = Infinity): void {
    this.holder = holder;
    this.heldUntil = until;
  }
}
