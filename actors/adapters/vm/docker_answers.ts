/** What the daemon answers, as far as it is used: everything is parsed from unknown here. */
import { z } from "zod";

/** What is wrong, in Docker's words and in podman's. */
export const refusalSchema = z.object({
  message: z.string().optional(),
  cause: z.string().optional(),
});

/** The answer to making a container or an exec. */
export const madeSchema = z.object({ Id: z.string().min(1) });

const labelsSchema = z.record(z.string(), z.string()).nullish().transform((labels) => labels ?? {});

/** One container, looked at. */
export const containerSchema = z.object({
  Id: z.string().min(1),
  State: z.object({
    Status: z.string(),
    Running: z.boolean().default(false),
    Paused: z.boolean().default(false),
    ExitCode: z.number().int().default(0),
    Error: z.string().nullish(),
  }),
  Config: z.object({ Labels: labelsSchema }),
  SizeRw: z.number().nonnegative().nullish(),
});

/** A list of containers. */
export const containersSchema = z.array(z.object({
  Id: z.string().min(1),
  State: z.string(),
  Labels: labelsSchema,
}));

/** One exec, looked at. */
export const execSchema = z.object({ Running: z.boolean(), ExitCode: z.number().int().nullish() });

/** What the daemon can do. */
export const infoSchema = z.object({
  MemoryLimit: z.boolean().default(false),
  CpuCfsQuota: z.boolean().optional(),
  CPUCfsQuota: z.boolean().optional(),
  PidsLimit: z.boolean().default(false),
  SecurityOptions: z.array(z.string()).nullish(),
  Rootless: z.boolean().nullish(),
});

/** Which program it is. */
export const versionSchema = z.object({
  Version: z.string(),
  Components: z.array(z.object({ Name: z.string() })).nullish(),
});

const count = z.number().nonnegative().nullish();

/** What a container uses. */
export const statsSchema = z.object({
  memory_stats: z.object({
    usage: count,
    limit: count,
    stats: z.record(z.string(), z.unknown()).nullish(),
  }).nullish(),
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: count }).nullish() }).nullish(),
  pids_stats: z.object({ current: count, limit: count }).nullish(),
});

/** One message of a pull. */
export const pullMessageSchema = z.object({
  status: z.string().optional(),
  id: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() })
    .nullish(),
  error: z.string().optional(),
  errorDetail: z.object({ message: z.string().optional() }).nullish(),
});

export type Container = z.infer<typeof containerSchema>;
export type Stats = z.infer<typeof statsSchema>;
export type Info = z.infer<typeof infoSchema>;
export type PullMessage = z.infer<typeof pullMessageSchema>;
