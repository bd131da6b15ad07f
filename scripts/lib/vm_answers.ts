/** What the server answers about VMs, as far as the scripts read it. */
import { z } from "zod";

const Time = z.string().nullish();
const Problem = z.looseObject({ code: z.string(), message: z.string() });

export const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
  progress: z.number(),
  at: z.string(),
});
export type Condition = z.infer<typeof Condition>;

export const Vm = z.looseObject({
  id: z.string(),
  state: z.string(),
  revision: z.number(),
  createdAt: z.string(),
  // A VM that this server cannot take over shows only what is above.
  provider: z.string().optional(),
  title: z.string().nullish(),
  link: z.string().nullish(),
  image: z.string().nullish(),
  repo: z.string().nullish(),
  ref: z.string().nullish(),
  network: z.string().nullish(),
  workspace: z.string().nullish(),
  owner: z.string().nullish(),
  workDir: z.string().nullish(),
  labels: z.record(z.string(), z.string()).optional(),
  envNames: z.array(z.string()).optional(),
  resources: z.record(z.string(), z.number().nullable()).optional(),
  idle: z.record(z.string(), z.number().nullable()).optional(),
  generation: z.number().optional(),
  conditions: z.array(Condition).default([]),
  tasks: z.record(z.string(), z.string()).default({}),
  lastActivityAt: Time,
  sleepAt: Time,
  notifyAt: Time,
  recycleAt: Time,
  expireAt: Time,
  retryAt: Time,
  endedAt: Time,
  error: Problem.nullish(),
  method: z.string().nullish(),
  cleanup: z.string().nullish(),
});
export type Vm = z.infer<typeof Vm>;

export const Provider = z.looseObject({
  name: z.string(),
  ok: z.boolean(),
  reason: z.string().nullable(),
  version: z.string().nullable(),
  limits: z.record(
    z.string(),
    z.looseObject({ enforced: z.boolean(), reason: z.string().nullable() }),
  ),
});
export type Provider = z.infer<typeof Provider>;
