/**
 * One goal on the stage of schedules and goals, with a worker and an auditor that do what a test
 * says. Unless it says otherwise they work long enough not to be taken for a runaway, and say
 * nothing.
 */
import type { ExecutorInput } from "../../actors/adapters/executor/executor.ts";
import type { EventInput } from "../../actors/runtime/kind.ts";
import type { Receipt } from "../../actors/runtime/system.ts";
import type { GoalContext } from "../../machines/goal_context.ts";
import type { GoalInput, GoalPlan } from "../../machines/goal_input.ts";
import { AutomationStage, MINUTE, type Work } from "./automation_stage.ts";

export const GOAL = "goal:goal_1";
export const CLAIM = { goal: "complete", summary: "All is green" } as const;
export const CONFIRMED = { audit: "confirmed" } as const;
/** Enough for an iteration not to be short. */
export const LONG = 5 * MINUTE;
/** A worker or auditor that never comes back. */
export const HANGS: Work = { ms: 1_000 * 24 * 60 * MINUTE };

type Worker = (number: number, input: ExecutorInput) => Work;
type Options = Partial<GoalInput> & {
  /** Called before the goal is made. */
  setUp?: (goal: GoalStage) => void;
  /** Until its deadline. */
  timeMs?: number;
};

type StepKind = "iteration" | "last" | "audit";

export class GoalStage {
  /** What becomes of the first, second, … attempt of each kind. */
  iteration: Worker = () => ({});
  audit: Worker = () => ({});
  last: Worker = () => ({});
  /** Attempts that were begun, in order. */
  readonly begun: { kind: StepKind; at: number; input: ExecutorInput }[] = [];

  constructor(readonly world: AutomationStage) {
    world.work = (input) => {
      const kind = kindOf(input);
      this.begun.push({ kind, at: world.now, input });
      return { ms: LONG, ...this[kind](this.count(kind), input) };
    };
  }

  /** Makes the goal, and a server that works on it. */
  static async start(
    plan: Partial<GoalPlan> = {},
    { setUp = () => {}, timeMs, ...more }: Options = {},
  ): Promise<GoalStage> {
    const goal = new GoalStage(await AutomationStage.start());
    setUp(goal);
    const deadline = timeMs === undefined ? {} : { deadlineAt: goal.now + timeMs };
    await goal.world.goal({ ...plan, ...deadline }, "goal_1", more);
    await goal.pass(0);
    return goal;
  }

  get now(): number {
    return this.world.now;
  }

  /** The kinds of all attempts so far. */
  get kinds(): StepKind[] {
    return this.begun.map(({ kind }) => kind);
  }

  count(kind: StepKind): number {
    return this.begun.filter((one) => one.kind === kind).length;
  }

  async state(): Promise<string> {
    return (await this.world.record(GOAL)).state;
  }

  context(): Promise<GoalContext> {
    return this.world.goalContext(GOAL);
  }

  pass(ms: number): Promise<void> {
    return this.world.pass(ms);
  }

  /** Sends the goal an event; throws where it is not accepted. */
  async send(event: EventInput): Promise<Receipt> {
    const receipt = await this.world.send(GOAL, event);
    await this.pass(0);
    return receipt;
  }

  /** Changes some of the plan. */
  async configure(change: Partial<GoalPlan>): Promise<void> {
    const { plan } = await this.context();
    await this.send({ type: "goal.configure", plan: { ...plan, ...change } });
  }

  /** Lets time pass until the goal is in a state; throws when that takes too long. */
  async until(state: string, ms: number): Promise<void> {
    const late = this.now + ms;
    while (await this.state() !== state) {
      if (this.now >= late) {
        const { last, paused, step } = await this.context();
        const seen = JSON.stringify({ last, paused, step });
        throw new Error(`Cannot wait for "${state}": state is "${await this.state()}", ${seen}`);
      }
      await this.pass(Math.min(MINUTE, late - this.now));
    }
  }

  /** A person takes the session, or leaves it. */
  person(type: "gate.take" | "gate.leave", session: string, more: object = {}): Promise<Receipt> {
    return this.world.send(`gate:${session}`, { type, person: "ada", ...more });
  }

  /** Who has the gate of a session. */
  async holder(session: string): Promise<unknown> {
    return (await this.world.record(`gate:${session}`)).context["holder"];
  }

  /** The state of the task of the step underway, or of the one that ended last. */
  async taskState(): Promise<string> {
    const { step, last } = await this.context();
    return (await this.world.record(step?.task ?? last?.task ?? "")).state;
  }
}

function kindOf({ command, prompt }: ExecutorInput): StepKind {
  if (command[0] === "audit") return "audit";
  return prompt?.startsWith("stop") === true ? "last" : "iteration";
}
