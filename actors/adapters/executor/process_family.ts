/**
 * Processes that belong together, and their end. A family is wider than a process group: it has
 * those who share a session, those born of members, and those who carry the same marker however
 * far they moved. The server itself, its ancestors and its session never belong to one.
 */
import type { Clock } from "../../runtime/clock.ts";
import { GONE_POLL_MS, KILL_WAIT_MS, MAX_GONE_POLL_MS } from "./executor_limits.ts";
import type { ProcessInfo } from "./process_table.ts";
import { sleep } from "./waiting.ts";

/** What became of a family that was told to end. */
export type FamilyEnd = {
  /** All that were told to end. */
  found: ProcessInfo[];
  /** Those that live in spite of SIGKILL. */
  left: ProcessInfo[];
};

/** Those whom `isRoot` names, and all that belong to them. */
export function familyOf(
  processes: readonly ProcessInfo[],
  isRoot: (process: ProcessInfo) => boolean,
): ProcessInfo[] {
  const self = processes.find(({ pid }) => pid === Deno.pid);
  const lineage = ancestors(processes, self);
  const strangers = processes.filter((process) =>
    process.session !== self?.session && !lineage.has(process.pid)
  );
  const family = new Set(strangers.filter(isRoot));
  for (let size = -1; size < family.size;) {
    size = family.size;
    const pids = new Set([...family].map(({ pid }) => pid));
    const sessions = new Set([...family].map(({ session }) => session));
    for (const process of strangers) {
      if (pids.has(process.parent) || sessions.has(process.session)) family.add(process);
    }
  }
  return [...family];
}

/** How long each step towards the end may take. */
export type EndOptions = {
  /** First wait for them to end by themselves. */
  aloneMs?: number;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  clock: Clock;
};

/**
 * Ends what `find` finds: SIGTERM once to each, SIGKILL after `graceMs`, until nothing is found.
 * Gives up after a bound, since a process in the kernel's hands cannot be killed.
 */
export async function endFamily(
  find: () => Promise<ProcessInfo[]>,
  { aloneMs = 0, graceMs, clock }: EndOptions,
): Promise<FamilyEnd> {
  const found = new Map<string, ProcessInfo>();
  const termAt = clock.now() + aloneMs;
  const killAt = termAt + graceMs;
  const giveUpAt = killAt + KILL_WAIT_MS;
  for (let wait = GONE_POLL_MS;; wait = Math.min(2 * wait, MAX_GONE_POLL_MS)) {
    const living = await find();
    const now = clock.now();
    if (living.length === 0 || now >= giveUpAt) return { found: [...found.values()], left: living };
    for (const process of now >= termAt ? living : []) {
      const mark = `${process.pid}/${process.startedTicks}`;
      if (now >= killAt) sendSignal(process.pid, "SIGKILL");
      else if (!found.has(mark)) sendSignal(process.pid, "SIGTERM");
      // A stopped process acts on SIGTERM only when it goes on.
      if (process.stopped) sendSignal(process.pid, "SIGCONT");
      found.set(mark, process);
    }
    const edge = [termAt, killAt, giveUpAt].find((at) => at > now) ?? giveUpAt;
    await sleep(clock, Math.min(wait, edge - now));
  }
}

/** Signals a process, or a group by its negative id. False when it is gone or not ours. */
export function sendSignal(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // It changed its user; it will be found again and reported.
    if (error instanceof Deno.errors.PermissionDenied) return false;
    // Deno lets nobody kill who may not run every program; the shell may.
    if (error instanceof Deno.errors.NotCapable) return killByShell(pid, signal);
    throw error;
  }
}

function killByShell(pid: number, signal: Deno.Signal): boolean {
  const kill = new Deno.Command("sh", {
    args: ["-c", 'kill -s "$1" -- "$2"', "sh", signal.replace("SIG", ""), String(pid)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  return kill.outputSync().success;
}

function ancestors(
  processes: readonly ProcessInfo[],
  self: ProcessInfo | undefined,
): Set<number> {
  const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]));
  const lineage = new Set<number>();
  for (let pid = self?.pid; pid !== undefined && !lineage.has(pid); pid = parents.get(pid)) {
    lineage.add(pid);
  }
  return lineage;
}
