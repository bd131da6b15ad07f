/**
 * What must always hold of goals, held against every commit. Knows what was asked of them, what
 * their tasks came to and who has which session, and nothing of how the machine comes to it.
 */
import type { Commit, JournalRow } from "../../actors/store/store.ts";
import type { GoalContext } from "../../machines/goal_context.ts";
import type { GoalInput } from "../../machines/goal_input.ts";
import type { TaskInput } from "../../machines/task_input.ts";
import type { TaskOutput } from "../../machines/task_setup.ts";
import { GoalModel, type StepKind } from "./goal_model.ts";
import { GoalViolation, hold } from "./goal_violation.ts";

const MINUTE = 60_000;
/** What a last iteration may take after the deadline, and a little. */
const AFTER_DEADLINE_MS = 11 * MINUTE;

type Gate = { state: string; holder: string | null };

type Event = {
  type: string;
  input?: unknown;
  plan?: GoalInput["plan"];
};

export class GoalChecks {
  readonly goals = new Map<string, GoalModel>();
  /** By the goal's address, as it was stored last. */
  readonly stored = new Map<string, { state: string; status: string; context: GoalContext }>();
  readonly #gates = new Map<string, Gate>();
  /** The goal of each task. */
  readonly #owners = new Map<string, GoalModel>();
  /** Since when the present server has been up, or the clock was set last. */
  upSince = 0;

  constructor(readonly now: () => number) {}

  committed(commit: Commit): void {
    const outputs = new Map<string, TaskOutput>();
    for (const { address, kind, state, status, snapshot } of commit.actors) {
      const { context, output } = JSON.parse(snapshot);
      if (kind === "task" && output !== undefined) outputs.set(address, output);
      if (kind === "goal") this.stored.set(address, { state, status, context });
      if (kind === "gate") this.#gates.set(address, { state, holder: context.holder });
    }
    for (const row of commit.journal) this.#took(row, outputs);
    this.#together();
  }

  /** No goal outlives its deadline by more than its last iteration. */
  inTime(): void {
    for (const goal of this.goals.values()) {
      if (goal.isEnded || goal.isPaused) continue;
      const since = Math.max(goal.deadlineAt, goal.touchedAt, this.upSince);
      const late = this.now() - since - AFTER_DEADLINE_MS;
      hold(late <= 0, () => `${goal.address} is ${goal.state} ${late} ms after its time`);
    }
  }

  /** After a long quiet time nobody works and nobody waits. */
  atRest({ mayPause }: { mayPause: boolean }): void {
    for (const goal of this.goals.values()) {
      const isAtRest = goal.isEnded || mayPause && goal.isPaused;
      hold(isAtRest, () => `${goal.address} is ${goal.state} at rest`);
      const spent = this.stored.get(goal.address)?.context.spent;
      const { tokens, costUsd } = goal.spent;
      hold(
        spent?.tokens === tokens && spent.costUsd === costUsd,
        () => `${goal.address} says it has used ${JSON.stringify(spent)}, not ${tokens} tokens`,
      );
    }
    for (const [address, { state, holder }] of this.#gates) {
      hold(state !== "heldByRun", () => `${address} is held by ${holder} at rest`);
    }
  }

  #took(row: JournalRow, outputs: ReadonlyMap<string, TaskOutput>): void {
    if (row.outcome !== "taken") return;
    const event = JSON.parse(row.event) as Event;
    if (row.address.startsWith("goal:")) this.#tookGoal(row, event);
    if (row.address.startsWith("task:")) this.#tookTask(row, event, outputs.get(row.address));
  }

  #tookGoal(row: JournalRow, event: Event): void {
    const { address, state } = row;
    if (event.type === "xstate.init") {
      this.goals.set(address, new GoalModel(address, (event.input as GoalInput).plan));
    }
    const goal = this.goals.get(address);
    if (goal === undefined) throw new GoalViolation(`${address} was never made`);
    if (event.type === "goal.configure" && event.plan !== undefined) {
      goal.configure(event.plan, row.at);
    }
    if (event.type === "goal.complete") goal.claim(row);
    if (event.type === "goal.resume") goal.resume(row.at);
    goal.goesTo(state, row);
  }

  #tookTask(row: JournalRow, event: Event, output: TaskOutput | undefined): void {
    if (event.type === "xstate.init") {
      const input = event.input as TaskInput;
      const goal = this.goals.get(input.parent ?? "");
      if (goal === undefined) return;
      this.#owners.set(row.address, goal);
      goal.begins({
        task: row.address,
        kind: kindOf(input),
        session: input.session ?? null,
        at: row.at,
        seq: row.seq,
      });
    }
    const goal = this.#owners.get(row.address);
    if (goal === undefined) return;
    if (event.type === "task.cancel" && row.cause.startsWith("message/goal:")) {
      goal.callsOff(row.address);
    }
    if (row.status === "active") return;
    if (output === undefined) throw new GoalViolation(`${row.address} ended without an output`);
    goal.ends(row, output);
  }

  /** What holds between goals, their tasks and gates once a commit stands. */
  #together(): void {
    for (const goal of this.goals.values()) {
      const { step, address } = goal;
      const said = this.stored.get(address)?.context.step?.task ?? null;
      hold(
        said === (step?.task ?? null),
        () => `${address} says that ${said} works for it, and it is ${step?.task ?? "none"}`,
      );
      if (step === null || step.session === null) continue;
      const gate = this.#gates.get(`gate:${step.session}`);
      hold(
        gate?.state === "heldByRun" && gate.holder === address,
        () => `${step.task} works in session ${step.session}, whose gate ${gate?.holder} has`,
      );
    }
    for (const [address, { state, holder }] of this.#gates) {
      if (state !== "heldByRun") continue;
      const step = this.goals.get(holder ?? "")?.step;
      const isUsed = `gate:${step?.session}` === address;
      hold(isUsed, () => `${address} is held by ${holder}, which has no use for it`);
    }
  }
}

function kindOf({ prompt }: TaskInput): StepKind {
  if (prompt === "audit") return "audit";
  return prompt === "stop" ? "last" : "iteration";
}
