/** The schedule as a kind: its statechart, the jobs that it runs, its names and its view. */
import { scheduleMachine } from "../machines/schedule.ts";
import type { ScheduleContext } from "../machines/schedule_context.ts";
import type { JobInput, JobReport } from "../machines/schedule_events.ts";
import type { Notify } from "./notify.ts";
import type { Json, JsonObject } from "./runtime/json.ts";
import {
  type ActorRecord,
  defineEffect,
  type EffectContext,
  type Hook,
  type KindDefinition,
} from "./runtime/kind.ts";
import { child, topOf } from "./state_value.ts";

export const SCHEDULE_KIND = "schedule";

/** Longest time for one run of a job, ms. */
const JOB_TIMEOUT_MS = 10 * 60_000;

/** Does one run of a job of the system. */
export type RunJob = (input: JobInput, context: EffectContext) => Promise<JobReport>;

export type ScheduleKindOptions = {
  /** Runs jobs by their names. */
  runJob: RunJob;
  notify?: Notify;
  /** Takes secrets out of a text. */
  redact?: (text: string) => string;
};

/** Makes the kind `schedule`. */
export function createScheduleKind(
  { runJob, notify = () => {}, redact }: ScheduleKindOptions,
): KindDefinition {
  return {
    name: SCHEDULE_KIND,
    version: 1,
    machine: scheduleMachine,
    effects: {
      // A job that a restart cut off is run again, so that it must be able to be.
      job: defineEffect({ run: runJob, maxAttempts: 1, timeoutMs: JOB_TIMEOUT_MS }),
    },
    state: scheduleState,
    view: scheduleView,
    index: ({ context }) => {
      const { scope } = asSchedule(context);
      return { scope };
    },
    hooks: [notifyPaused(notify)],
    conceal: ["env"],
    ...(redact === undefined ? {} : { redact }),
  };
}

/** `active.armed`, `active.running`, `active.waitingForSession`, `paused`, `paused.running`, … */
export function scheduleState(value: Json): string {
  const living = child(value, "living");
  if (living === undefined) return topOf(value);
  const clock = topOf(child(living, "clock") ?? "armed");
  const work = WORK[topOf(child(living, "work") ?? "idle")];
  if (clock === "paused" || clock === "deleted") {
    return work === undefined ? clock : `${clock}.${work}`;
  }
  return `active.${work ?? "armed"}`;
}

const WORK: { readonly [state: string]: string } = {
  claiming: "waitingForSession",
  sessionBusy: "waitingForSession",
  running: "running",
};

/** Everything that a user may see. Values of the environment are not shown, only their names. */
export function scheduleView(record: ActorRecord): JsonObject {
  const { plan, ...context } = asSchedule(record.context);
  const { run, ...policies } = plan;
  return {
    ...policies,
    schedule: policies.rule,
    ...("job" in run ? { job: run.job, task: null } : { job: null, task: shownTask(run.task) }),
    id: context.id,
    scope: context.scope,
    createdBy: context.createdBy,
    createdAt: context.createdAt,
    state: record.state,
    revision: record.revision,
    nextSlot: context.nextSlot,
    waiting: context.queue,
    run: context.run,
    counts: context.counts,
    last: context.last,
    lastSession: context.lastSession,
    paused: context.paused,
    deletedAt: context.deletedAt,
    updatedAt: record.updatedAt,
  } as unknown as JsonObject;
}

/** What each run is, without values of the environment. */
export function shownTask<T extends { readonly env?: object }>({ env = {}, ...task }: T) {
  return { ...task, envNames: Object.keys(env) };
}

/** Only this kind's machine writes these records, so that their context is a schedule's. */
export function asSchedule(context: JsonObject): ScheduleContext {
  return context as unknown as ScheduleContext;
}

/** A schedule that gave up is told to people; one that has done its work is not. */
function notifyPaused(notify: Notify): Hook {
  return {
    name: "notify_paused",
    priority: 50,
    mode: "async",
    on: { from: "active", to: "paused" },
    run: ({ record, signal }) => {
      const { paused, plan } = asSchedule(record.context);
      if (paused?.reason !== "failures") return;
      const reason = `Schedule "${plan.name}" failed 3 times in a row: ${paused.detail ?? ""}`;
      return notify({ type: "schedule.failed", address: record.address, reason }, signal);
    },
  };
}
