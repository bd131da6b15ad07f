/** The kinds that the server registers. `deno task new-kind NAME` adds a line to the list. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { createCommandExecutor } from "./adapters/executor/command.ts";
import { createVmCommandExecutor } from "./adapters/executor/vm_command.ts";
import { removeHalfRemoved } from "./adapters/vm/directory.ts";
import type { VmProviders } from "./adapters/vm/providers.ts";
import { taskAddress } from "../machines/task_context.ts";
import { removeLeftovers } from "./adapters/executor/leftovers.ts";
import { createMutex } from "./adapters/executor/mutex.ts";
import { sweepOrphans } from "./adapters/executor/orphans.ts";
import { createRedactor } from "./adapters/redact.ts";
import { idOf } from "./runtime/address.ts";
import { createAlertKind } from "./alert.ts";
import { createGateKind } from "./gate.ts";
import { createGoalKind } from "./goal.ts";
import type { Notify } from "./notify.ts";
import type { System, SystemOptions } from "./runtime/api.ts";
import { systemClock } from "./runtime/clock.ts";
import type { JsonObject } from "./runtime/json.ts";
import type { KindDefinition } from "./runtime/kind.ts";
import { createScheduleKind } from "./schedule.ts";
import { createSystemJobs, type SystemJobs } from "./system_jobs.ts";
import { createTaskKind } from "./task.ts";
import { createVmKind } from "./vm.ts";
import { createVmProviders } from "./vm_providers.ts";
import { createVmJob } from "./vm_reconcile.ts";
import { createWatchdog } from "./watchdog.ts";
import { createWorkspaceKind } from "./workspace.ts";

/** From one run of each job of the server to the next, ms. */
const VMS_EVERY_MS = 60_000;
const WATCHDOG_EVERY_MS = 60_000;
const RETENTION_EVERY_MS = 60 * 60_000;

/** Word of what went as it was meant to. */
const AS_PLANNED: readonly string[] = ["vm.recycled", "goal.complete"];

export type KindsOptions = {
  /** The data directory. */
  home: string;
  /** Variables of the server that tasks may ask for by name. */
  taskEnv?: readonly string[];
  /** Programs that tasks may start; null for any. */
  allowRun?: readonly string[] | null;
  /** Values that must not be stored or shown. */
  secrets?: readonly string[];
  /** Largest output kept of one attempt, bytes. */
  outputMaxBytes?: number;
  /** The socket of a Docker daemon or of podman; by default none is used. */
  dockerSocket?: string | null;
  /** The system of these kinds, once it is made: the jobs of the server work on it. */
  system?: () => System;
  log?: SystemOptions["log"];
};

/**
 * What the server gives its system: the kinds, the jobs that it does for itself, how to end what an
 * earlier server left, and how to remove what archived tasks left and what nobody uses any more.
 */
export type Kinds = {
  kinds: KindDefinition[];
  providers: VmProviders;
  /** To be started once the system has. */
  jobs: SystemJobs;
  sweep: NonNullable<SystemOptions["sweep"]>;
  tidy: NonNullable<SystemOptions["tidy"]>;
};

/** Makes the server's kinds over their real adapters. */
export function createKinds(options: KindsOptions): Kinds {
  const { home, taskEnv = [], allowRun = null, secrets = [], log = () => {} } = options;
  const { outputMaxBytes, dockerSocket = null, system = noSystem } = options;
  const redact = createRedactor({ values: secrets });
  const instance = instanceOf(home);
  // Whoever works on a mirror of a repository must be alone with it.
  const mutex = createMutex();
  const workspaces = { home, instance, mutex, redact };
  const providers = createVmProviders({ workspaces, allowRun, dockerSocket, log });
  const execution = {
    instance,
    allowedEnv: taskEnv,
    secrets,
    warn: (message: string, fields: JsonObject) => log("warn", message, fields),
    ...(outputMaxBytes === undefined ? {} : { maxStoredBytes: outputMaxBytes }),
  };
  const command = createCommandExecutor({ ...execution, home, allowRun, mutex });
  const vmExecutors = { command: createVmCommandExecutor({ ...execution, providers }) };
  const notify: Notify = ({ type, address, reason }) =>
    log(AS_PLANNED.includes(type) ? "info" : "warn", type, { address, reason });
  const jobs = createSystemJobs({ log });
  registerJobs(jobs, { providers, system, log });
  return {
    providers,
    jobs,
    kinds: [
      createTaskKind({ executors: { command }, vmExecutors, redact }),
      createVmKind({ providers, notify, redact }),
      createGateKind(),
      createScheduleKind({ runJob: jobs.runJob, notify, redact }),
      createGoalKind({ notify, redact }),
      createAlertKind({ notify, redact }),
      createWorkspaceKind({ redact }),
      // New kinds go above this line.
    ],
    tidy: async (archivedOf) => {
      const removed = await removeLeftovers({
        home,
        archived: async (ids) => {
          const addresses = await archivedOf(ids.map(taskAddress));
          return new Set([...addresses].map(idOf));
        },
      });
      if (removed > 0) log("info", "Removed directories of archived tasks", { removed });
      const mirrors = await command.removeUnusedMirrors();
      if (mirrors > 0) log("info", "Removed mirrors of repositories", { removed: mirrors });
      // A removal that was cut off is tried again for as long as an actor wants it, and only then.
      const half = await removeHalfRemoved(home);
      if (half > 0) log("info", "Removed what was left of directories of VMs", { removed: half });
    },
    sweep: async (live) => {
      const { found, left } = await sweepOrphans({ instance, live });
      for (const { pid, key } of found) {
        log("warn", "Ended a process that an earlier server left", { pid, effect: key });
      }
      for (const { pid, key } of left) {
        log("error", "Cannot end a process that an earlier server left", { pid, effect: key });
      }
    },
  };
}

/** What the server does for itself, now and then. */
function registerJobs(
  jobs: SystemJobs,
  { providers, system, log }: {
    providers: VmProviders;
    system: () => System;
    log: NonNullable<SystemOptions["log"]>;
  },
): void {
  const report = (finding: string, fields: object) => log("warn", finding, { ...fields });
  const job = createVmJob({ providers, system, clock: systemClock, report });
  jobs.registerSystemJob("vms", VMS_EVERY_MS, job);
  jobs.registerSystemJob(
    "watchdog",
    WATCHDOG_EVERY_MS,
    createWatchdog({ system, clock: systemClock }),
  );
  jobs.registerSystemJob("retention", RETENTION_EVERY_MS, async ({ signal }) => {
    const { archived, cut, idempotency } = await system().retain({ signal });
    const summary = `Archived ${archived} actors, cut ${cut} events of histories, dropped ` +
      `${idempotency} answers to idempotency keys`;
    return { summary };
  });
}

function noSystem(): System {
  throw new Error("Cannot run a job: these kinds were made for no system");
}

/** Names a data directory, so that its processes are known from those of another. */
function instanceOf(home: string): string {
  return createHash("sha256").update(resolve(home)).digest("hex").slice(0, 16);
}
