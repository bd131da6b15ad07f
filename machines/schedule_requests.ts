/** What a schedule asks of others: a task for each run, a job, its session's gate. */
import { createActor } from "./lib/builtins.ts";
import { dateIn, isoOf, timeIn } from "./lib/times.ts";
import type { Variables } from "./lib/text_template.ts";
import { areTexts, canBeMade, taskOf } from "./run_template.ts";
import { scheduleAddress, type ScheduleContext, type Slot } from "./schedule_context.ts";
import type { JobInput } from "./schedule_events.ts";
import { taskAddress } from "./task_context.ts";

type Args = { readonly context: ScheduleContext };

/** Variables that a schedule's texts may have. */
export const SCHEDULE_VARIABLES: readonly string[] = [
  "now",
  "date",
  "time",
  "unix",
  "slot",
  "scheduleName",
  "lastResult",
];

/**
 * The address of the task of a slot. It follows from the slot, so that whatever happens a slot has
 * one task at most.
 */
export function runTaskAddress(id: string, { at, isManual }: Slot): string {
  return taskAddress(`task_${id}_${isManual ? "m" : ""}${at.toString(36)}`);
}

/**
 * Makes the task of the run underway, in the same commit; null where it cannot be made, since the
 * texts of its template are too long: filled in, or before, when they are stored apart. Unless it
 * has a key of its own, the schedule is its key: a run that is called off may take a while to end,
 * and the next one waits.
 */
export function taskMessage({ context }: Args) {
  const { plan, run, createdBy, id } = context;
  if (run === null || run.task === null || "job" in plan.run) {
    throw new Error("Cannot make a task: no run wants one");
  }
  const template = { key: { name: scheduleAddress(id) }, ...plan.run.task };
  if (!areTexts([template.prompt ?? "", ...template.command ?? []])) return null;
  const input = taskOf(template, {
    taskId: run.task.slice(taskAddress("").length),
    parent: scheduleAddress(id),
    trigger: "schedule",
    createdBy,
    at: run.startedAt,
    session: run.session,
    variables: variablesOf(context, run.at, run.startedAt),
  });
  return canBeMade(input) ? createActor(input) : null;
}

export function cancelMessage(reason: string) {
  return { type: "task.cancel", reason } as const;
}

export function jobRequest({ context }: Args): JobInput {
  const { plan, run, memory } = context;
  return { job: "job" in plan.run ? plan.run.job : "", slot: run?.at ?? 0, memory };
}

/** `now` is when the run began, `slot` when it was due; dates are of the schedule's own zone. */
function variablesOf({ plan, last }: ScheduleContext, slot: number, now: number): Variables {
  const timezone = "timezone" in plan.rule ? plan.rule.timezone : "UTC";
  return {
    now: isoOf(now),
    date: dateIn(timezone, now),
    time: timeIn(timezone, now),
    unix: String(Math.floor(now / 1_000)),
    slot: isoOf(slot),
    scheduleName: plan.name,
    lastResult: last?.result ?? "",
  };
}
