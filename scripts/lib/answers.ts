/**
 * What the server answers, as far as the scripts read it. Fields that they only pass on are let
 * through unseen, so that a newer server does not break an older script.
 */
import { z } from "zod";

const Time = z.string();
const JsonMap = z.record(z.string(), z.unknown());

export const Task = z.looseObject({
  id: z.string(),
  state: z.string(),
  status: z.string(),
  revision: z.number(),
  createdAt: Time,
  title: z.string().optional(),
  priority: z.number().optional(),
  attempt: z.number().optional(),
  startedAt: Time.nullish(),
  endedAt: Time.nullish(),
  result: z.looseObject({
    exitCode: z.number().nullish(),
    signal: z.string().nullish(),
    truncated: z.boolean().optional(),
  }).nullish(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
});
export type Task = z.infer<typeof Task>;

export const Actor = z.looseObject({
  address: z.string(),
  kind: z.string(),
  id: z.string(),
  version: z.string(),
  revision: z.number(),
  status: z.string(),
  state: z.string(),
  value: z.unknown(),
  context: JsonMap,
  tags: z.array(z.string()),
  output: z.unknown().optional(),
  error: z.looseObject({ name: z.string(), message: z.string() }).optional(),
  parent: z.string().nullable(),
  blocked: z.string().nullable(),
  createdAt: Time,
  updatedAt: Time,
});
export type Actor = z.infer<typeof Actor>;

export const Inspection = Actor.extend({
  accepts: z.array(z.string()),
  timers: z.array(z.looseObject({ id: z.string(), dueAt: Time, target: z.string() })),
  effects: z.array(z.looseObject({
    key: z.string(),
    src: z.string(),
    type: z.string(),
    attempt: z.number(),
    notBefore: Time,
    running: z.boolean(),
  })),
  slots: z.array(z.looseObject({
    pools: z.array(z.string()),
    priority: z.number(),
    requestedAt: Time,
    grantedAt: Time.nullable(),
  })),
  watches: z.array(z.string()),
  children: z.array(z.looseObject({
    id: z.string(),
    src: z.string(),
    address: z.string().nullable(),
  })),
});
export type Inspection = z.infer<typeof Inspection>;

/** One line of an actor's history, and of the feed. */
export const Entry = z.looseObject({
  seq: z.number(),
  at: Time,
  address: z.string(),
  revision: z.number(),
  event: z.looseObject({ type: z.string() }),
  cause: z.string(),
  state: z.string(),
  status: z.string(),
  outcome: z.string(),
});
export type Entry = z.infer<typeof Entry>;

export const Receipt = z.looseObject({
  address: z.string(),
  seq: z.number(),
  revision: z.number(),
  state: z.string(),
  duplicate: z.boolean(),
});

/** A piece of a task's output. */
export const OutputRow = z.looseObject({ seq: z.number(), data: z.string() });
export type OutputRow = z.infer<typeof OutputRow>;

export function pageOf<T extends z.ZodType>(item: T) {
  return z.looseObject({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** What became of one of many. */
export const BulkAnswer = z.looseObject({
  items: z.array(z.looseObject({
    id: z.string(),
    accepted: z.boolean(),
    state: z.string().optional(),
    problem: z.looseObject({
      type: z.string(),
      detail: z.string(),
      state: z.string().optional(),
    }).optional(),
  })),
  more: z.boolean(),
});

/** A refusal (RFC 9457). */
export const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  errors: z.array(z.looseObject({
    detail: z.string(),
    pointer: z.string().optional(),
    name: z.string().optional(),
  })).optional(),
});
export type Problem = z.infer<typeof Problem>;
