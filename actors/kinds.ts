/** The kinds that the server registers. `deno task new-kind NAME` adds a line to the list. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { createCommandExecutor } from "./adapters/executor/command.ts";
import { taskAddress } from "../machines/task_context.ts";
import { removeLeftovers } from "./adapters/executor/leftovers.ts";
import { sweepOrphans } from "./adapters/executor/orphans.ts";
import { createRedactor } from "./adapters/redact.ts";
import { idOf } from "./runtime/address.ts";
import type { SystemOptions } from "./runtime/api.ts";
import type { KindDefinition } from "./runtime/kind.ts";
import { createTaskKind } from "./task.ts";

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
  log?: SystemOptions["log"];
};

/**
 * What the server gives its system: the kinds, how to end what an earlier server left, and how to
 * remove what archived tasks left and what nobody uses any more.
 */
export type Kinds = {
  kinds: KindDefinition[];
  sweep: NonNullable<SystemOptions["sweep"]>;
  tidy: NonNullable<SystemOptions["tidy"]>;
};

/** Makes the server's kinds over their real adapters. */
export function createKinds(options: KindsOptions): Kinds {
  const { home, taskEnv = [], allowRun = null, secrets = [], log = () => {} } = options;
  const { outputMaxBytes } = options;
  const redact = createRedactor({ values: secrets });
  const instance = instanceOf(home);
  const command = createCommandExecutor({
    home,
    instance,
    allowedEnv: taskEnv,
    allowRun,
    secrets,
    warn: (message, fields) => log("warn", message, fields),
    ...(outputMaxBytes === undefined ? {} : { maxStoredBytes: outputMaxBytes }),
  });
  return {
    kinds: [
      createTaskKind({ executors: { command }, redact }),
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

/** Names a data directory, so that its processes are known from those of another. */
function instanceOf(home: string): string {
  return createHash("sha256").update(resolve(home)).digest("hex").slice(0, 16);
}
