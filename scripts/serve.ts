/**
 * The server process, from its configuration to its end. `start.ts` starts it with the least
 * permissions and holds its lifeline; this file only puts the parts together, in the order in
 * which they need one another, and takes them down again.
 */
import { createRedactor } from "../actors/adapters/redact.ts";
import { createKinds } from "../actors/kinds.ts";
import type { Logger, RecoveryReport, System } from "../actors/runtime/api.ts";
import { systemClock } from "../actors/runtime/clock.ts";
import { StoreError } from "../actors/runtime/errors.ts";
import { createSystem } from "../actors/runtime/system.ts";
import { openStore } from "../actors/store/open.ts";
import type { Store } from "../actors/store/store.ts";
import { createVmAccess } from "../actors/vm_access.ts";
import denoJson from "../deno.json" with { type: "json" };
import { SYSTEM_POOL } from "../machines/task_requests.ts";
import { createApp } from "../routes/app.ts";
import { printBanner } from "./lib/banner.ts";
import { parseConfig } from "./lib/config.ts";
import { makeDataDirectory } from "./lib/data_directory.ts";
import { EXIT, ExitError } from "./lib/exit_codes.ts";
import { takeLifeline } from "./lib/lifeline.ts";
import { listen, type Listener } from "./lib/listen.ts";
import { logFeed } from "./lib/log_feed.ts";
import { createLogger } from "./lib/logger.ts";
import { print } from "./lib/output.ts";
import type { Config } from "./lib/settings.ts";

/** What stopping may take beyond the drain before the process ends anyway. */
const STOP_GRACE_MS = 15_000;
/** How often a standby looks whether the database is free. */
const STANDBY_MS = 500;

const STOP_SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

if (import.meta.main) {
  try {
    await main();
    Deno.exit(EXIT.ok);
  } catch (error) {
    print(Deno.stderr, error instanceof Error ? error.message : String(error));
    Deno.exit(error instanceof ExitError ? error.exitCode : EXIT.failed);
  }
}

async function main(): Promise<void> {
  const { handedOver, cut } = await takeLifeline(Deno.stdin.readable);
  // Without its launcher nobody could stop this process, so it does not go on for a moment.
  cut.then(() => Deno.exit(EXIT.failed));
  const config = parseConfig(handedOver);
  const stop = stopSignal();
  const { log, redact, secrets } = createLog(config);
  makeDataDirectory(config.home);
  const store = await Promise.race([openWhenFree(config, log), stop.then(() => undefined)]);
  if (store === undefined) return;
  const { home, taskEnv, allowRun, outputMaxBytes, dockerSocket } = config;
  const { providers, jobs, ...kinds } = createKinds({
    ...{ home, taskEnv, allowRun, outputMaxBytes, dockerSocket, secrets, log },
    system: () => system,
  });
  const system: System = createSystem({
    store,
    ...kinds,
    log,
    pools: { [SYSTEM_POOL]: config.maxConcurrentTasks },
    archiveAfterMs: config.archiveAfterMs,
    retention: "called",
    leaseWaitMs: config.standby ? Infinity : 0,
    paused: config.paused,
    onFatal: (error) => endAtOnce(error, redact),
  });
  const closing = new AbortController();
  const app = createApp(system, {
    closing: closing.signal,
    token: config.token,
    corsOrigins: config.corsOrigins,
    version: denoJson.version,
    vms: createVmAccess({ system, providers, clock: systemClock, log }),
    vmDefaults: { provider: config.vmProvider },
    templatesDir: `${config.home}/templates`,
    redact,
    log,
  });
  const listener = await closingOnFailure(store, () => listen(config, app.fetch));
  log("info", "Bound, not ready yet", { url: listener.url, standby: config.standby });
  const recovered = await Promise.race([startSystem(system), stop.then(() => undefined)]);
  if (recovered !== undefined) {
    if (!config.paused) await jobs.start(system);
    listener.open();
    announce(config, { listener, system, recovered });
    void logFeed(system, log);
    if (config.paused) log("warn", "Opened to look only: nothing runs, no event is taken");
    log("info", "Stopping", { signal: await stop, drainMs: config.drainMs });
  }
  await shutDown(system, listener, { drainMs: config.drainMs, closing, log });
}

function createLog({ logLevel, logFormat, ...config }: Config) {
  const values = [config.token, config.databaseToken, config.encryptionKey];
  const named = config.secretEnv.map((name) => Deno.env.get(name));
  const secrets = [...values, ...named].filter((value) => typeof value === "string");
  const redact = createRedactor({ values: secrets });
  return { log: createLogger({ level: logLevel, format: logFormat, redact }), redact, secrets };
}

/** Opens the database, or says who holds it; a standby waits until it is free. */
async function openWhenFree(config: Config, log: Logger): Promise<Store> {
  const { databaseUrl, encryptionKey, databaseToken, syncMode, standby } = config;
  for (let waited = false;; waited = true) {
    try {
      return await openStore(databaseUrl, {
        syncMode,
        ...(encryptionKey === null ? {} : { encryptionKey }),
        ...(databaseToken === null ? {} : { authToken: databaseToken }),
      });
    } catch (error) {
      if (!isHeld(error)) throw error;
      if (!standby) throw new ExitError(EXIT.held, error.message, { cause: error });
      if (!waited) log("info", "Standing by", { reason: error.message });
      await new Promise((resolve) => setTimeout(resolve, STANDBY_MS));
    }
  }
}

function isHeld(error: unknown): error is StoreError {
  return error instanceof StoreError && (error.failure === "fenced" || error.failure === "busy");
}

async function startSystem(system: System): Promise<RecoveryReport> {
  try {
    return await system.start();
  } catch (error) {
    if (!isHeld(error)) throw error;
    throw new ExitError(EXIT.held, error.message, { cause: error });
  }
}

function announce(
  config: Config,
  { listener, system, recovered }: {
    listener: Listener;
    system: System;
    recovered: RecoveryReport;
  },
): void {
  printBanner({
    version: denoJson.version,
    listening: listener.url,
    pid: Deno.pid,
    home: config.home,
    store: system.info.store,
    recovered,
    token: config.token !== null,
  });
}

async function closingOnFailure<T>(store: Store, make: () => T): Promise<T> {
  try {
    return make();
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Resolves at the first signal; further ones change nothing. */
function stopSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, () => resolve(signal));
  return promise;
}

async function shutDown(
  system: System,
  listener: Listener,
  { drainMs, closing, log }: { drainMs: number; closing: AbortController; log: Logger },
): Promise<void> {
  const timer = setTimeout(() => {
    log("error", "Cannot stop in time: ending at once; what is unfinished is taken up at start");
    Deno.exit(EXIT.failed);
  }, drainMs + STOP_GRACE_MS);
  // Callers are answered while work drains: reads go on, new work is refused.
  await system.stop({ drainMs });
  closing.abort();
  await listener.close();
  clearTimeout(timer);
  log("info", "Stopped");
}

/** The store cannot be trusted any more: whatever this process still did could be lost. */
function endAtOnce(error: Error, redact: (text: string) => string): never {
  print(Deno.stderr, redact(`Cannot go on: ${error.message}`));
  Deno.exit(EXIT.fatal);
}
