/** What the server answers about schedules, as far as the scripts read it. */
import { z } from "zod";

const Time = z.string().nullish();

const Rule = z.union([
  z.looseObject({ everySeconds: z.number() }),
  z.looseObject({ cron: z.string(), timezone: z.string() }),
  z.looseObject({ at: z.string() }),
]);
export type Rule = z.infer<typeof Rule>;

const run = {
  slotAt: z.string(),
  isManual: z.boolean(),
  task: z.string().nullable(),
  session: z.string().nullable(),
  startedAt: z.string(),
};

export const Schedule = z.looseObject({
  id: z.string(),
  state: z.string(),
  revision: z.number(),
  createdAt: z.string(),
  // A schedule that this server cannot take over shows only what is above.
  name: z.string().nullish(),
  scope: z.string().nullish(),
  createdBy: z.string().nullish(),
  schedule: Rule.optional(),
  overlap: z.string().nullish(),
  catchUp: z.string().nullish(),
  maxRuns: z.number().nullish(),
  expiresAt: Time,
  fresh: z.boolean().optional(),
  session: z.string().nullish(),
  manageMode: z.string().nullish(),
  job: z.string().nullish(),
  task: z.looseObject({
    command: z.array(z.string()).default([]),
    prompt: z.string().optional(),
    envNames: z.array(z.string()).default([]),
  }).nullish(),
  nextRunAt: Time,
  waiting: z.array(z.looseObject({ slotAt: z.string() })).default([]),
  run: z.looseObject(run).nullish(),
  last: z.looseObject({
    ...run,
    endedAt: z.string(),
    outcome: z.string(),
    result: z.string(),
    error: z.string().nullable(),
  }).nullish(),
  lastSession: z.string().nullish(),
  counts: z.record(z.string(), z.number()).default({}),
  pausedReason: z.string().nullish(),
  pausedDetail: z.string().nullish(),
  purgeAt: Time,
});
export type Schedule = z.infer<typeof Schedule>;

export const Preview = z.looseObject({
  text: z.string(),
  slots: z.array(z.looseObject({
    at: z.string(),
    local: z.string().optional(),
    offset: z.string().optional(),
  })),
});
export type Preview = z.infer<typeof Preview>;
