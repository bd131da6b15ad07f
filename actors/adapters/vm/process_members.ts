/**
 * The processes of a VM of the `process` provider: known by the markers in their environment, by
 * their parents and by their sessions. One that drops all three is no longer known to be one, which
 * is why this provider is no prison.
 */
import { systemClock } from "../../runtime/clock.ts";
import { endFamily, familyOf, sendSignal } from "../executor/process_family.ts";
import { type ProcessInfo, processTable } from "../executor/process_table.ts";
import { sleep } from "../executor/waiting.ts";
import { ProviderError } from "./provider.ts";
import { KILL_GRACE_MS, STOP_MS, STOP_POLL_MS } from "./vm_limits.ts";

export type Members = {
  find(): Promise<ProcessInfo[]>;
  /** Stops them all; throws `ProviderError("failed")` where some go on. */
  stop(signal: AbortSignal): Promise<void>;
  /** Lets them all go on. */
  goOn(signal: AbortSignal): Promise<void>;
  /** Ends them all; throws `ProviderError("failed")` where some will not die. */
  end(): Promise<void>;
};

/** The processes of one VM, or those of one command in it. */
export function membersOf(
  vmId: string,
  { instance, key }: { instance: string; key?: string },
): Members {
  const table = processTable();
  const isRoot = (process: ProcessInfo) =>
    process.instance === instance && process.vm === vmId &&
    (key === undefined || process.key === key);
  // What a terminal of the VM runs on is ours, sits idle, and would not go on again.
  const isHost = (process: ProcessInfo) =>
    process.instance === instance && process.key !== null && process.vm === null;
  const find = async () => familyOf(await table(), isRoot);
  return {
    find,
    async stop(signal) {
      const giveUpAt = systemClock.now() + STOP_MS;
      for (;;) {
        signal.throwIfAborted();
        // Some start others before they are stopped, so that it takes a look that finds none.
        const moving = (await find()).filter((each) => !each.stopped && !isHost(each));
        if (moving.length === 0) return;
        if (systemClock.now() >= giveUpAt) throw stubborn("suspend", vmId, moving);
        for (const { pid } of byAge(moving)) sendSignal(pid, "SIGSTOP");
        await sleep(systemClock, STOP_POLL_MS);
      }
    },
    async goOn(signal) {
      const told = new Set<number>();
      for (;;) {
        signal.throwIfAborted();
        const waiting = (await find()).filter(({ pid, stopped }) => stopped && !told.has(pid));
        if (waiting.length === 0) return;
        // The youngest first: a shell that goes on before its job takes the job for stopped.
        for (const { pid } of byAge(waiting).reverse()) {
          told.add(pid);
          sendSignal(pid, "SIGCONT");
        }
      }
    },
    async end() {
      // A child that loses its parent on the way is known by its session.
      const sessions = new Set<number>();
      const findAll = async () => {
        const family = familyOf(
          await table(),
          (process) => isRoot(process) || sessions.has(process.session),
        );
        for (const { session } of family) sessions.add(session);
        return family;
      };
      const { left } = await endFamily(findAll, { graceMs: KILL_GRACE_MS, clock: systemClock });
      if (left.length > 0) throw stubborn("end", vmId, left);
    },
  };
}

/** Parents before their children, as good as always. */
function byAge(processes: readonly ProcessInfo[]): ProcessInfo[] {
  return processes.toSorted((a, b) => a.startedTicks - b.startedTicks || a.pid - b.pid);
}

function stubborn(verb: string, vmId: string, processes: readonly ProcessInfo[]): ProviderError {
  const pids = processes.map(({ pid }) => pid).join(", ");
  return new ProviderError(
    "failed",
    `Cannot ${verb} vm "${vmId}": of its processes, ${pids} did not obey`,
  );
}
