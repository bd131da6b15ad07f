/**
 * Jobs of the system: work that a server does for itself, now and then. Each is a schedule actor in
 * the scope `system`, so that it can be seen, paused and run at once like any other; what a job
 * does is a function of this process, by the job's name.
 */
import type { JobInput, JobReport } from "../machines/schedule_events.ts";
import { MAX_RESULT_CHARS, PLAN_DEFAULTS, type SchedulePlan } from "../machines/schedule_input.ts";
import { errorOf } from "./runtime/actor.ts";
import type { Logger, System } from "./runtime/api.ts";
import { AlreadyExistsError } from "./runtime/errors.ts";
import type { ActorRecord, EffectContext } from "./runtime/kind.ts";
import { PAGE_MAX } from "./runtime/limits.ts";
import { asSchedule, type RunJob, SCHEDULE_KIND, SYSTEM_SCOPE } from "./schedule.ts";

/** Shortest time from one run of a job to the next, ms. */
const MIN_INTERVAL_MS = 60_000;
/** Largest JSON of what a run wants to remember. */
const MAX_MEMORY_CHARS = 16 * 1024;
/** How often a job may come back after its schedule was purged: once a month at most. */
const MAX_SUCCESSORS = 1_000;

const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/** Begins the keys of events by which a schedule is brought back. */
const RESTORED = "system_jobs/restored/";

/** What a run of a job is given. */
export type SystemJobRun = {
  /** The slot that it runs for, ms since the epoch. */
  readonly slot: number;
  /** What its last run that succeeded asked to remember; null before there was one. */
  readonly memory: unknown;
  /** Aborts when its time is over, or when the system stops. */
  readonly signal: AbortSignal;
  /** The same when a crash has it run again for the same slot; hand it to whatever you call. */
  readonly key: string;
};

/** Does one run. What it throws is shown in its schedule's `last`, and the next slot runs. */
export type SystemJob = (run: SystemJobRun) => SystemJobReport | Promise<SystemJobReport>;

/** What a run did: one line for people, and JSON of at most 16 KiB for the next run. */
export type SystemJobReport = JobReport;

/** What the jobs' schedules are made and found with. */
export type SystemJobsHost = Pick<System, "history" | "list" | "send" | "spawn">;

/** The jobs of one server. */
export interface SystemJobs {
  /**
   * Registers a job. It has a schedule from the next `start` on, and its first run one interval
   * later. Throws `TypeError` where the name is taken or has another form than `a_name`, or where
   * the interval is no whole number of seconds, or shorter than 60.
   */
  registerSystemJob(name: string, intervalMs: number, run: SystemJob): void;
  /**
   * Sees to it that each job has a schedule, and no other schedule is left of jobs that there were.
   * To be called once the system has started. One that somebody paused stays paused.
   */
  start(system: SystemJobsHost): Promise<void>;
  /** Runs a job by its name; for `createScheduleKind`. */
  runJob: RunJob;
}

/** Makes an empty list of jobs. `log` is told of runs that failed. */
export function createSystemJobs({ log = () => {} }: { log?: Logger } = {}): SystemJobs {
  return new Jobs(log);
}

type Job = { name: string; intervalMs: number; run: SystemJob };

class Jobs implements SystemJobs {
  readonly #jobs = new Map<string, Job>();
  /** Those whose last run has not let go yet, though nobody may be waiting for it any more. */
  readonly #running = new Set<string>();

  constructor(readonly log: Logger) {}

  registerSystemJob(name: string, intervalMs: number, run: SystemJob): void {
    const refuse = (reason: string) => {
      throw new TypeError(`Cannot register system job "${name}": ${reason}`);
    };
    if (!NAME.test(name)) refuse("want a name of small letters, digits and _, like a_name");
    if (this.#jobs.has(name)) refuse("there is one of that name");
    if (!Number.isInteger(intervalMs / 1_000) || intervalMs < MIN_INTERVAL_MS) {
      refuse(`interval is ${intervalMs} ms, want whole seconds, and 60 of them at least`);
    }
    this.#jobs.set(name, { name, intervalMs, run });
  }

  async start(system: SystemJobsHost): Promise<void> {
    const present = await schedulesOf(system);
    for (const job of this.#jobs.values()) {
      const record = present.get(job.name);
      if (record === undefined) await make(system, job);
      else if (record.blocked === null) await bringBack(system, job, record);
    }
    for (const [name, record] of present) {
      if (this.#jobs.has(name) || record.blocked !== null || isDeleted(record)) continue;
      await system.send(record.address, { type: "schedule.delete" });
    }
  }

  runJob: RunJob = async (input, context) => {
    try {
      return await this.#run(input, context);
    } catch (error) {
      // What a stop cuts off is made again.
      const isStopped = context.signal.aborted && context.signal.reason?.name === "AbortError";
      if (!isStopped) this.log("error", `Job "${input.job}" failed`, { error: errorOf(error) });
      throw error;
    }
  };

  async #run({ job: name, slot, memory }: JobInput, { signal, key }: EffectContext) {
    const job = this.#jobs.get(name);
    const refuse = (reason: string) => new Error(`Cannot run job "${name}": ${reason}`);
    if (job === undefined) throw refuse("there is no such job");
    // A run that minds no signal goes on after its time: two at a time could be at odds.
    if (this.#running.has(name)) throw refuse("its last run has not let go yet");
    this.#running.add(name);
    try {
      const report = await job.run({ slot, memory, signal, key });
      const { length } = JSON.stringify(report.memory ?? null);
      if (length > MAX_MEMORY_CHARS) {
        throw refuse(`it wants to remember ${length} characters, more than ${MAX_MEMORY_CHARS}`);
      }
      return { ...report, summary: report.summary.slice(0, MAX_RESULT_CHARS) };
    } finally {
      this.#running.delete(name);
    }
  }
}

/** Schedules of jobs that have not been purged, by the job's name. */
async function schedulesOf(system: SystemJobsHost): Promise<Map<string, ActorRecord>> {
  const found = new Map<string, ActorRecord>();
  const index = [{ name: "scope", value: SYSTEM_SCOPE }];
  let cursor: string | undefined;
  do {
    const page = await system.list(SCHEDULE_KIND, {
      ...{ index, status: "active", sort: "oldest", limit: PAGE_MAX },
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const record of page.items) {
      const name = jobOf(record);
      if (name !== undefined) found.set(name, record);
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** The job of a schedule; none where it is somebody's own, whatever its scope. */
function jobOf(record: ActorRecord): string | undefined {
  const name = /^system_([a-z0-9_]+)(?:\.\d+)?$/.exec(record.id)?.[1];
  // What cannot be taken over cannot be read either, and stands in the way of another all the same.
  const isOurs = record.blocked !== null || "job" in asSchedule(record.context).plan.run;
  return isOurs ? name : undefined;
}

/** Makes a job's schedule, under the first id that no schedule had before. */
async function make(system: SystemJobsHost, job: Job): Promise<void> {
  const plan = planOf(job);
  for (let count = 1; count <= MAX_SUCCESSORS; count++) {
    const id = count === 1 ? `system_${job.name}` : `system_${job.name}.${count}`;
    try {
      await system.spawn(SCHEDULE_KIND, id, { id, plan, scope: SYSTEM_SCOPE, createdBy: "system" });
      return;
    } catch (error) {
      if (!(error instanceof AlreadyExistsError)) throw error;
    }
  }
  throw new Error(`Cannot make the schedule of job "${job.name}": all its ids are taken`);
}

/** Has a schedule that is there do what its job wants now. */
async function bringBack(system: SystemJobsHost, job: Job, record: ActorRecord): Promise<void> {
  const { address } = record;
  const { plan, deletedAt } = asSchedule(record.context);
  if (isDeleted(record)) {
    await system.send(address, { type: "schedule.restore" }, { key: `${RESTORED}${deletedAt}` });
  }
  // A crash may have come between: then it is paused, and by nobody else.
  if (isDeleted(record) || await isBeingRestored(system, record)) {
    await system.send(address, { type: "schedule.resume" });
  }
  const wanted = planOf(job);
  if (JSON.stringify(plan) === JSON.stringify(wanted)) return;
  await system.send(address, { type: "schedule.configure", plan: wanted });
}

async function isBeingRestored(system: SystemJobsHost, record: ActorRecord): Promise<boolean> {
  if (asSchedule(record.context).paused === null) return false;
  const { items: [last] } = await system.history(record.address, { limit: 1, sort: "newest" });
  return last?.key?.startsWith(RESTORED) ?? false;
}

function isDeleted(record: ActorRecord): boolean {
  return asSchedule(record.context).deletedAt !== null;
}

function planOf({ name, intervalMs }: Job): SchedulePlan {
  return {
    ...PLAN_DEFAULTS,
    name,
    rule: { everySeconds: intervalMs / 1_000 },
    run: { job: name },
  };
}
