/** A schedule as callers ask for it: every field, its form and its bound. */
import { z } from "@hono/zod-openapi";
import { PLAN_DEFAULTS } from "../machines/schedule_input.ts";
import { CallerName } from "./caller.ts";
import { Instant, Name, SessionKey } from "./fields.ts";
import { MAX_SCHEDULE_RUNS } from "./limits.ts";
import { RunTemplateBody } from "./run_template.ts";
import { RuleField } from "./schedule_rule.ts";

// Each run's task and VM have ids that begin with the schedule's.
export const ScheduleId = z.string()
  .regex(/^schedule_[A-Za-z0-9_-]{1,36}$/, 'want "schedule_" and an id of up to 36 characters')
  .openapi({ example: "schedule_V1StGXR8" });

const overlap = z.enum(["skip", "queue", "replace"])
  .openapi({ description: "What becomes of a slot that comes while a run is underway" });
const catchUp = z.enum(["latest", "all", "none"])
  .openapi({ description: "What becomes of slots that passed while no server ran" });
const maxRuns = z.int().min(1).max(MAX_SCHEDULE_RUNS).nullable()
  .openapi({ description: "Runs after which it pauses; null is no limit" });
const expiresAt = Instant.nullable()
  .openapi({ description: "No later slot runs; ISO 8601, or ms since the epoch" });
const fresh = z.boolean()
  .openapi({ description: "A new session for each run; else the last one goes on" });
const session = SessionKey.nullable()
  .openapi({ description: "The session of the first run; null for a new one" });
const manageMode = z.enum(["creatorOnly", "scopeAll"])
  .openapi({ description: "Who may change it: its creator, or all callers of its scope" });

/** What can be changed of a schedule, complete. */
export const ScheduleBody = z.strictObject({
  name: Name,
  // Without one it is refused with all other faults of a rule.
  schedule: RuleField.optional(),
  overlap: overlap.default(PLAN_DEFAULTS.overlap),
  catchUp: catchUp.default(PLAN_DEFAULTS.catchUp),
  maxRuns: maxRuns.default(PLAN_DEFAULTS.maxRuns),
  expiresAt: expiresAt.default(PLAN_DEFAULTS.expiresAt),
  fresh: fresh.default(PLAN_DEFAULTS.fresh),
  session: session.default(PLAN_DEFAULTS.session),
  manageMode: manageMode.default(PLAN_DEFAULTS.manageMode),
  task: RunTemplateBody,
});

export type ScheduleBody = z.infer<typeof ScheduleBody>;

export const NewSchedule = ScheduleBody.extend({
  id: ScheduleId.optional().openapi({ description: "By default the server makes one" }),
  scope: CallerName.optional()
    .openapi({ description: "By default the caller's; without one, `default`" }),
}).openapi("NewSchedule");

/** A merge patch, for the document: what it makes of the schedule is read as `ScheduleBody`. */
export const SchedulePatch = z.looseObject({
  expectedRevision: z.int().min(0).optional()
    .openapi({ description: "The revision that is to be changed, as `If-Match` names it" }),
  name: Name.optional(),
  schedule: RuleField.optional().openapi({
    description: "Another form takes the place of the one there",
  }),
  overlap: overlap.nullable().optional(),
  catchUp: catchUp.nullable().optional(),
  maxRuns: maxRuns.optional(),
  expiresAt: expiresAt.optional(),
  fresh: fresh.nullable().optional(),
  session: session.optional(),
  manageMode: manageMode.nullable().optional(),
  task: z.looseObject({}).optional()
    .openapi({ description: "Fields of a RunTemplate; null takes one away" }),
}).openapi("SchedulePatch", { description: "JSON merge patch (RFC 7396)" });

/** Fields that a patch may name. */
export const PATCHABLE: readonly string[] = Object.keys(ScheduleBody.shape);
