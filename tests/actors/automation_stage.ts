/**
 * Schedules, goals and their tasks on a simulated clock, with a worker that does what a test says.
 * The server can die; what is stored stays.
 */
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
} from "../../actors/adapters/executor/executor.ts";
import { createGateKind } from "../../actors/gate.ts";
import { createGoalKind } from "../../actors/goal.ts";
import type { Notification } from "../../actors/notify.ts";
import type { ActorRecord, EventInput, KindDefinition } from "../../actors/runtime/kind.ts";
import type { Receipt } from "../../actors/runtime/system.ts";
import { asSchedule, createScheduleKind, type RunJob } from "../../actors/schedule.ts";
import { asGoal } from "../../actors/goal.ts";
import { createTaskKind } from "../../actors/task.ts";
import type { GoalContext } from "../../machines/goal_context.ts";
import type { GoalPlan } from "../../machines/goal_input.ts";
import type { ScheduleContext } from "../../machines/schedule_context.ts";
import { PLAN_DEFAULTS, type SchedulePlan } from "../../machines/schedule_input.ts";
import { settled } from "../simulation/clock.ts";
import { Stage } from "../simulation/stage.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** What a worker makes of one attempt: how long it works, and what it says then. */
export type Work = {
  ms?: number;
  exitCode?: number;
  output?: string;
  /** How long it takes to end once it is stopped. */
  dyingMs?: number;
  /** What it reports in a line of its output. */
  report?: { readonly [name: string]: unknown };
};

export class AutomationStage {
  readonly stage = new Stage([]);
  /** Every attempt that was begun, in order. */
  readonly attempts: (ExecutorInput & { at: number })[] = [];
  readonly notifications: Notification[] = [];
  /** What the worker makes of an attempt. */
  work: (input: ExecutorInput) => Work = () => ({});
  /** Beside tasks, gates, schedules and goals. */
  moreKinds: KindDefinition[] = [];
  runJob: RunJob = () => Promise.resolve({ summary: "done" });

  static async start(): Promise<AutomationStage> {
    const stage = new AutomationStage();
    await stage.boot();
    return stage;
  }

  get now(): number {
    return this.stage.clock.now();
  }

  /** Starts a server on the data. */
  async boot(): Promise<void> {
    const notify = (notification: Notification) => void this.notifications.push(notification);
    const runJob: RunJob = (input, context) => this.runJob(input, context);
    this.stage.kinds = [
      createTaskKind({ executors: { command: this.#executor() } }),
      createGateKind(),
      createScheduleKind({ runJob, notify }),
      createGoalKind({ notify }),
      ...this.moreKinds,
    ];
    await this.stage.boot();
  }

  /** The server dies; another is there after so much time. */
  async restart(afterMs = 0): Promise<void> {
    this.stage.crash();
    if (afterMs > 0) await this.stage.pass(afterMs);
    await this.boot();
    await this.pass(0);
  }

  /** Lets so much time pass, and all happen that happens in it. */
  async pass(ms: number): Promise<void> {
    await this.stage.pass(ms);
    await settled();
  }

  async schedule(plan: Partial<SchedulePlan>, id = "schedule_1"): Promise<string> {
    const input = { id, plan: planOf(plan), createdAt: this.now };
    await this.stage.during(this.stage.system.spawn("schedule", id, input));
    return `schedule:${id}`;
  }

  async goal(plan: Partial<GoalPlan>, id = "goal_1", more: object = {}): Promise<string> {
    const input = { id, plan: goalPlanOf(plan, this.now), createdAt: this.now, ...more };
    await this.stage.during(this.stage.system.spawn("goal", id, input));
    return `goal:${id}`;
  }

  send(address: string, event: EventInput): Promise<Receipt> {
    return this.stage.during(this.stage.system.send(address, event));
  }

  record(address: string): Promise<ActorRecord> {
    return this.stage.during(this.stage.system.get(address));
  }

  async scheduleContext(address: string): Promise<ScheduleContext> {
    return asSchedule((await this.record(address)).context);
  }

  async goalContext(address: string): Promise<GoalContext> {
    return asGoal((await this.record(address)).context);
  }

  /** Tasks of a schedule or goal, oldest first. */
  async tasksOf(parent: string): Promise<ActorRecord[]> {
    const index = [{ name: "parent", value: parent }];
    const list = this.stage.system.list("task", { index, sort: "oldest", limit: 200 });
    return (await this.stage.during(list)).items;
  }

  #executor(): Executor {
    return {
      name: "command",
      available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
      run: async (input, { signal, send }) => {
        this.attempts.push({ ...input, at: this.now });
        await send({ type: "executor.started" });
        const { ms = SECOND, exitCode = 0, output = "", report, dyingMs = 0 } = this.work(input);
        const said = report === undefined
          ? output
          : `${output}\n@holdfast ${JSON.stringify(report)}`;
        const { clock, process } = this.stage;
        await new Promise<void>((resolve, reject) => {
          const port = clock.portOf(process);
          const cancel = port.wake(port.now() + ms, resolve);
          signal.addEventListener("abort", () => {
            cancel();
            port.wake(port.now() + dyingMs, () => reject(signal.reason));
          });
        });
        return {
          ...{ exitCode, signal: null, output: said, truncated: false },
          ...{ outputBytes: said.length, workDir: "/work", durationMs: ms },
        };
      },
      reattach: () => {
        throw new ExecutorError("orphaned", "A restart cut it off");
      },
    };
  }
}

/** A plan whose run is a command, every minute. */
export function planOf(plan: Partial<SchedulePlan> = {}): SchedulePlan {
  return {
    ...PLAN_DEFAULTS,
    name: "nightly",
    rule: { everySeconds: 60 },
    run: { task: { command: ["work"] } },
    ...plan,
  };
}

/** A plan without a budget, whose iterations and audits are commands. */
export function goalPlanOf(plan: Partial<GoalPlan>, now: number): GoalPlan {
  return {
    objective: "All tests pass",
    deadlineAt: now + 2 * DAY,
    budget: { tokens: null, usd: null },
    templates: { continue: "continue {{objective}}", timeout: "stop", audit: "audit {{claim}}" },
    task: { command: ["work"] },
    audit: { command: ["audit"] },
    ...plan,
  };
}
