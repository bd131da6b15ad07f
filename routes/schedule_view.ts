/** A schedule as the API shows it. */
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { asSchedule, scheduleView } from "../actors/schedule.ts";
import { type Answer, answer } from "./answer.ts";
import { withIsoTimes } from "./lib/times.ts";
import { commonFields, etagOf, Status, Time } from "./render.ts";
import { RuleField, shownRule } from "./schedule_rule.ts";

const Moment = Time.nullable();

const slot = {
  slotAt: Time.openapi({ description: "When it was due; of a manual run, when it was asked for" }),
  isManual: z.boolean().openapi({ description: "Somebody asked for it: `POST …/run`" }),
};

const run = {
  ...slot,
  task: z.string().nullable().openapi({ description: "Address of its task; null for a job" }),
  session: z.string().nullable(),
  startedAt: Time,
};

const Called = z.enum(["preempted", "replaced", "deleted"]);

export const ScheduleSchema = z.looseObject({
  id: z.string().openapi({ example: "schedule_V1StGXR8" }),
  name: z.string(),
  state: z.enum([
    "active.armed",
    "active.running",
    "active.waitingForSession",
    "paused",
    "paused.running",
    "paused.waitingForSession",
    "deleted",
    "deleted.running",
    "deleted.waitingForSession",
    "purged",
  ]),
  revision: z.int(),
  status: Status,
  scope: z.string(),
  createdBy: z.string().nullable().openapi({ description: "Null: the operator" }),
  schedule: RuleField,
  overlap: z.string(),
  catchUp: z.string(),
  maxRuns: z.int().nullable(),
  expiresAt: Moment,
  fresh: z.boolean(),
  session: z.string().nullable(),
  manageMode: z.string(),
  job: z.string().nullable().openapi({ description: "Of the server's own: what it does" }),
  task: z.looseObject({ envNames: z.array(z.string()) }).nullable()
    .openapi({ description: "Each run, as it was given; values of the environment are not shown" }),
  nextRunAt: Moment.openapi({ description: "Null while it is paused, and when nothing comes" }),
  waiting: z.array(z.strictObject(slot)).openapi({ description: "Slots that are to run" }),
  run: z.looseObject({ ...run, stopped: Called.nullable() }).nullable()
    .openapi({ description: "The run underway" }),
  last: z.looseObject({
    ...run,
    endedAt: Time,
    outcome: z.enum(["succeeded", "failed", ...Called.options]),
    result: z.string().openapi({ description: "The end of its output, or its own summary" }),
    error: z.string().nullable(),
  }).nullable().openapi({ description: "The last run that has ended" }),
  lastSession: z.string().nullable().openapi({ description: "What the next run goes on with" }),
  counts: z.strictObject({
    runs: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    skipped: z.int().openapi({ description: "Slots that came due while a run was underway" }),
    missed: z.int().openapi({ description: "Slots that passed unseen" }),
    failuresInRow: z.int(),
  }),
  pausedReason: z.enum(["person", "maxRuns", "failures", "finished", "expired"]).nullable(),
  pausedDetail: z.string().nullable(),
  deletedAt: Moment,
  purgeAt: Moment.openapi({ description: "Until then it can be restored" }),
  createdAt: Time,
  updatedAt: Time,
}).openapi("Schedule");

/** A schedule's id in a path, whatever its form: one that cannot exist is not found. */
export const scheduleParams = z.strictObject({
  id: z.string().openapi({ example: "schedule_V1StGXR8" }),
});

export type ScheduleParams = z.infer<typeof scheduleParams>;

/** What all actors have comes first, and wins. */
export function showSchedule(record: ActorRecord): JsonObject {
  const common = commonFields(record);
  // What a definition cannot take over, it cannot read either.
  if (record.blocked !== null) return common;
  const { rule } = asSchedule(record.context).plan;
  const view = { ...withIsoTimes(scheduleView(record)), schedule: shownRule(rule) };
  return { ...common, ...view, ...common };
}

/** A schedule with its revision as ETag; a new one with its place. */
export function scheduleAnswer(record: ActorRecord, status = 200): Answer {
  const etag = { etag: etagOf(record.revision) };
  const headers = status === 201 ? { ...etag, location: `/v1/schedules/${record.id}` } : etag;
  return answer(showSchedule(record), { status, headers });
}
