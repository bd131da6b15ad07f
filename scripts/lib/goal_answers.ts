/** What the server answers about goals, as far as the scripts read it. */
import { z } from "zod";

const Time = z.string().nullish();

const Step = z.looseObject({ kind: z.string(), task: z.string(), startedAt: z.string() });

export const Goal = z.looseObject({
  id: z.string(),
  state: z.string(),
  revision: z.number(),
  createdAt: z.string(),
  // A goal that this server cannot take over shows only what is above.
  status: z.string().optional(),
  why: z.string().optional(),
  objective: z.string().optional(),
  scope: z.string().optional(),
  session: z.string().nullish(),
  agent: z.string().nullish(),
  deadlineAt: Time,
  endedAt: Time,
  createdBy: z.string().nullish(),
  budget: z.record(z.string(), z.number().nullable()).optional(),
  spent: z.record(z.string(), z.number()).optional(),
  iteration: z.number().optional(),
  audits: z.number().optional(),
  step: Step.nullish(),
  last: Step.extend({ state: z.string(), error: z.string().nullable() }).nullish(),
  lastResult: z.string().optional(),
  updatedAt: z.string().optional(),
  claim: z.looseObject({ by: z.string(), summary: z.string() }).nullish(),
  findings: z.array(z.string()).nullish(),
  audit: z.unknown().optional(),
});
export type Goal = z.infer<typeof Goal>;

/** One line of the feed, of a goal. */
export const GoalEntry = z.looseObject({
  at: z.string(),
  revision: z.number(),
  state: z.string(),
  status: z.string(),
  emitted: z.array(z.looseObject({
    type: z.string(),
    iteration: z.number().optional(),
    task: z.string().optional(),
    confirmed: z.boolean().optional(),
    findings: z.array(z.string()).optional(),
  })),
});
export type GoalEntry = z.infer<typeof GoalEntry>;
