/** The schedule as a kind: its statechart, the jobs that it runs, its names and its view. */
import { scheduleMachine } from "../machines/schedule.ts";
import type { RunTemplate, RunVm } from "../machines/run_template.ts";
import type {
  ScheduleContext,
  ScheduleRunDone,
  ScheduleRunNow,
  Slot,
} from "../machines/schedule_context.ts";
import type { JobInput, JobReport } from "../machines/schedule_events.ts";
import { PURGE_AFTER_MS } from "../machines/schedule_input.ts";
import type { Notify } from "./notify.ts";
import type { Json, JsonObject } from "./runtime/json.ts";
import {
  type ActorRecord,
  defineEffect,
  type EffectContext,
  type Hook,
  type KindDefinition,
  type Vitals,
} from "./runtime/kind.ts";
import { child, topOf } from "./state_value.ts";

export const SCHEDULE_KIND = "schedule";

/** The scope of the server's own jobs. */
export const SYSTEM_SCOPE = "system";

/** By this lists tell the server's own jobs (`system`) from what users made (`user`). */
export const SCHEDULE_OWNER = "owner";

/** Longest time for one run of a job, ms. */
const JOB_TIMEOUT_MS = 10 * 60_000;

type MadeVm = Extract<RunVm, { make: unknown }>["make"];

/** Does one run of a job of the system. */
export type RunJob = (input: JobInput, context: EffectContext) => Promise<JobReport>;

/** What schedules are made with. */
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
    vitals: scheduleVitals,
    index: ({ context }) => {
      const { scope } = asSchedule(context);
      return { scope, [SCHEDULE_OWNER]: scope === SYSTEM_SCOPE ? "system" : "user" };
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

/**
 * Everything that a user may see. Values of the environment are not shown, only their names. Times
 * are ms since the epoch.
 */
export function scheduleView(record: ActorRecord): JsonObject {
  const { plan, ...context } = asSchedule(record.context);
  const { rule, run: does, ...policies } = plan;
  const { paused, deletedAt } = context;
  return {
    id: context.id,
    scope: context.scope,
    createdBy: context.createdBy,
    createdAt: context.createdAt,
    ...policies,
    schedule: rule,
    job: "job" in does ? does.job : null,
    task: "job" in does ? null : shownTask(does.task),
    state: record.state,
    revision: record.revision,
    nextRunAt: topState(record) === "active" ? context.nextSlot : null,
    waiting: context.queue.map(shownSlot),
    run: context.run && { ...shownRun(context.run), stopped: context.run.stopped },
    last: context.last && shownEnd(context.last),
    lastSession: context.lastSession,
    counts: context.counts,
    pausedReason: paused?.reason ?? null,
    pausedDetail: paused?.detail ?? null,
    deletedAt,
    purgeAt: deletedAt === null ? null : deletedAt + PURGE_AFTER_MS,
    updatedAt: record.updatedAt,
  } as unknown as JsonObject;
}

/** What each run is, without values of the environment. */
export function shownTask({ env = {}, vm, ...task }: RunTemplate) {
  const shown = vm === undefined || "id" in vm ? vm?.id ?? null : shownVm(vm.make);
  return { ...task, vm: shown, envNames: Object.keys(env) };
}

/** Its next slot while it is armed, and a job's time limit; a run that is a task has its own. */
export function scheduleVitals(record: ActorRecord): Vitals {
  const { nextSlot, run } = asSchedule(record.context);
  const isArmed = record.state.startsWith("active");
  return {
    ...(isArmed && nextSlot !== null ? { dueAt: nextSlot } : {}),
    ...(run !== null && run.task === null ? { limitAt: run.startedAt + JOB_TIMEOUT_MS } : {}),
  };
}

/** Only this kind's machine writes these records, so that their context is a schedule's. */
export function asSchedule(context: JsonObject): ScheduleContext {
  return context as unknown as ScheduleContext;
}

/** `active`, `paused`, `deleted` or `purged`. */
export function topState({ state }: ActorRecord): string {
  return state.split(".")[0] ?? state;
}

function shownVm({ env = {}, ...vm }: MadeVm) {
  return { ...vm, envNames: Object.keys(env) };
}

/** Its time is in a field that is named as one. */
function shownSlot({ at, isManual }: Slot) {
  return { slotAt: at, isManual };
}

function shownRun(run: ScheduleRunNow | ScheduleRunDone) {
  const { task, session, startedAt } = run;
  return { ...shownSlot(run), task, session, startedAt };
}

function shownEnd(run: ScheduleRunDone) {
  const { endedAt, outcome, result, error } = run;
  return { ...shownRun(run), endedAt, outcome, result, error };
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
