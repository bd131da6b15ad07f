/**
 * A process with so many VMs that nobody uses: what they cost the server that looks after them,
 * the job that does so included. "ready" makes them, "memory" answers what the process holds, "begin"
 * and "end" enclose the time over which wake-ups, commits and calls of the provider are counted.
 */
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { createSystem } from "../../actors/runtime/system.ts";
import { openStore } from "../../actors/store/open.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import { createSystemJobs } from "../../actors/system_jobs.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmJob } from "../../actors/vm_reconcile.ts";
import { answerLines } from "./child.ts";
import { countingClock } from "./counting_clock.ts";
import { type BenchContext, newDatabase, type SyncMode } from "./context.ts";
import { inFlight, pause } from "./statistics.ts";
import { createStillProvider } from "./still_provider.ts";

/** What was spent since "begin". */
export type Spent = { wakeUps: number; commits: number; calls: number };
export type Memory = { rss: number };

const SPAWNS_IN_FLIGHT = 64;
/** As a server does. */
const LOOK_EVERY_MS = 60_000;
/** Time for what the making of the VMs left behind to be put away, ms. */
const REST_MS = 1_000;

if (import.meta.main) {
  const [dir = ".", syncMode = "FULL", count = "0", sleepMs = "0"] = Deno.args;
  const idle = { sleepMs: Number(sleepMs) };
  await look({ dir, syncMode: syncMode as SyncMode }, { count: Number(count), idle });
  Deno.exit(0);
}

async function look(
  context: Pick<BenchContext, "dir" | "syncMode">,
  { count, idle }: { count: number; idle: { sleepMs: number } },
): Promise<void> {
  const counted = { wakeUps: 0, commits: 0 };
  const provider = createStillProvider();
  const providers = new VmProviders([provider]);
  const store = await openStore(await newDatabase(context), { syncMode: context.syncMode });
  const commit = store.commit.bind(store);
  store.commit = async (rows) => {
    counted.commits++;
    await commit(rows);
  };
  const clock = countingClock(() => counted.wakeUps++);
  const job = createVmJob({ providers, system: () => system, clock, report: () => {} });
  const jobs = createSystemJobs();
  jobs.registerSystemJob("vms", LOOK_EVERY_MS, job);
  const kinds = [createVmKind({ providers }), createScheduleKind({ runJob: jobs.runJob })];
  const system = createSystem({ store, kinds, clock });
  await system.start();
  const read = (): Spent => ({ ...counted, calls: provider.calls });
  let before = read();
  await answerLines(async (command) => {
    switch (command) {
      case "ready":
        await inFlight(SPAWNS_IN_FLIGHT, count, async () => {
          const id = system.newId("vm");
          const input = { id, provider: provider.name, idle, createdAt: Date.now() };
          const { address } = await system.spawn("vm", id, input);
          await system.waitFor(address, ({ state }) => state === "running");
        });
        await jobs.start(system);
        await pause(REST_MS);
        return {};
      case "memory":
        (globalThis as { gc?: () => void }).gc?.();
        return { rss: Deno.memoryUsage().rss };
      case "begin":
        before = read();
        return {};
      case "end": {
        const after = read();
        return {
          wakeUps: after.wakeUps - before.wakeUps,
          commits: after.commits - before.commits,
          calls: after.calls - before.calls,
        };
      }
      default:
        throw new Error(`Cannot answer "${command}": unknown command`);
    }
  });
  await system.stop();
}
