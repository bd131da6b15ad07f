/** One goal as the checks know it: what was asked of it, and what its tasks came to. */
import type { JournalRow } from "../../actors/store/store.ts";
import type { GoalPlan } from "../../machines/goal_input.ts";
import type { TaskOutput } from "../../machines/task_setup.ts";
import { hold } from "./goal_violation.ts";

export type StepKind = "iteration" | "last" | "audit";

export type Step = {
  task: string;
  kind: StepKind;
  session: string | null;
  at: number;
  seq: number;
};

const SHORT_MS = 3 * 60_000;
const MOST_SHORT = 5;
const MOST_UNCHANGED = 5;

export class GoalModel {
  state = "";
  step: Step | null = null;
  readonly spent = { tokens: 0, costUsd: 0 };
  deadlineAt: number;
  /** When a person last gave it time or let it go on. */
  touchedAt = 0;
  iterations = 0;
  #plan: GoalPlan;
  #isCalledOff = false;
  /** Where the claim that stands was made. */
  #claimSeq: number | null = null;
  /** The audit that confirmed it. */
  #confirmedBy: Step | null = null;
  #ended: StepKind | null = null;
  #short = 0;
  #unchanged = 0;
  #findings: string | null = null;

  constructor(readonly address: string, plan: GoalPlan) {
    this.#plan = plan;
    this.deadlineAt = plan.deadlineAt;
  }

  get isEnded(): boolean {
    return ["complete", "timeout", "cancelled"].includes(this.state);
  }

  get isPaused(): boolean {
    return this.state === "paused";
  }

  configure(plan: GoalPlan, at: number): void {
    this.#plan = plan;
    this.deadlineAt = plan.deadlineAt;
    this.touchedAt = at;
  }

  claim({ seq, at }: JournalRow): void {
    this.#claimSeq = seq;
    this.touchedAt = at;
  }

  resume(at: number): void {
    this.#short = 0;
    this.#unchanged = 0;
    this.touchedAt = at;
  }

  goesTo(state: string, { at }: JournalRow): void {
    const was = this.state;
    hold(!this.isEnded || state === was, () => `${this.address} is ${state} after it was ${was}`);
    this.state = state;
    if (state === was) return;
    if (this.isEnded) {
      hold(this.step === null, () => `${this.address} is ${state} while ${this.step?.task} works`);
    }
    if (state === "complete") this.#completes();
    if (state === "timeout") {
      hold(at >= this.deadlineAt, () => `${this.address} has timed out before its deadline`);
    }
  }

  begins(step: Step): void {
    const { kind, task, at } = step;
    const { address } = this;
    hold(this.step === null, () => `${task} begins while ${this.step?.task} works`);
    hold(!this.isEnded, () => `${task} begins after ${address} was ${this.state}`);
    hold(!this.isPaused, () => `${task} begins while ${address} is paused`);
    const isLate = at >= this.deadlineAt;
    hold(isLate === (kind === "last"), () => `${task} begins ${at - this.deadlineAt} ms too late`);
    hold(this.#ended !== "last" || !isLate, () => `${task} begins after the last iteration`);
    const { tokens, usd } = this.#plan.budget;
    const isSpent = this.spent.tokens >= (tokens ?? Infinity) ||
      this.spent.costUsd >= (usd ?? Infinity);
    hold(!isSpent, () => `${task} begins though the budget of ${address} is used up`);
    if (kind === "iteration") {
      hold(this.#short < MOST_SHORT, () => `${task} begins after ${this.#short} short ones`);
      hold(this.#unchanged < MOST_UNCHANGED, () => `${task} begins though nothing has changed`);
      this.iterations += 1;
    }
    if (kind === "audit") {
      hold(this.#plan.audit !== null, () => `${task} begins though there are no audits`);
      hold(this.#claimSeq !== null, () => `${task} begins without a claim`);
    }
    this.step = step;
    this.#isCalledOff = false;
    this.#confirmedBy = null;
  }

  /** It has told the task to end. */
  callsOff(task: string): void {
    hold(
      this.step?.task === task,
      () => `${this.address} calls off ${task}, which is not its step`,
    );
    this.#isCalledOff = true;
  }

  ends({ address, seq }: JournalRow, output: TaskOutput): void {
    const { step } = this;
    hold(step?.task === address, () => `${address} ends, which is no step of ${this.address}`);
    this.step = null;
    this.#ended = step.kind;
    this.spent.tokens += output.usage.tokens;
    this.spent.costUsd += output.usage.costUsd;
    if (step.kind !== "audit" && output.workedMs >= SHORT_MS) this.#short = 0;
    if (this.#isCalledOff) return;
    if (step.kind === "audit") this.#audited(step, output);
    else this.#iterated(seq, output);
  }

  #iterated(seq: number, { workedMs, result }: TaskOutput): void {
    if (workedMs < SHORT_MS) this.#short += 1;
    if (this.#findings !== null) this.#unchanged += 1;
    if (result?.report?.goal === "complete") this.#claimSeq = seq;
  }

  #audited(step: Step, { state, result, error }: TaskOutput): void {
    const { audit, findings = [] } = result?.report ?? {};
    if (state === "succeeded" && audit === "confirmed") {
      this.#confirmedBy = step;
      return;
    }
    const found = JSON.stringify([findings, findings.length === 0 ? error?.message : null]);
    if (found !== this.#findings) this.#unchanged = 0;
    this.#findings = found;
    this.#claimSeq = null;
  }

  #completes(): void {
    const claimSeq = this.#claimSeq;
    hold(claimSeq !== null, () => `${this.address} is complete, and nobody claims so`);
    if (this.#plan.audit === null) return;
    const audit = this.#confirmedBy;
    hold(audit !== null, () => `${this.address} is complete without an audit that confirms it`);
    hold(audit.seq > claimSeq, () => `${this.address} is complete by an audit before the claim`);
  }
}
