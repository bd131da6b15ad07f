/**
 * Processes that outlived the server that started them: found by the markers in their
 * environment, or by the pid and start time that were recorded, and ended.
 */
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { ExecutorError, type ExecutorInput, type ProcessMark } from "./executor.ts";
import { ORPHAN_GRACE_MS } from "./executor_limits.ts";
import { endFamily, familyOf } from "./process_family.ts";
import { type ProcessInfo, type ProcessTable, processTable } from "./process_table.ts";

export type Orphan = { pid: number; key: string | null };

export type SweepOptions = {
  /** Whose processes: the id of the data directory. */
  instance: string;
  /** Keys of the effects that are taken up again one by one; theirs are left alone. */
  live: ReadonlySet<string>;
  table?: ProcessTable;
  clock?: Clock;
};

/**
 * Ends all that earlier servers on the same data left, but for the live keys. Call it before
 * anything is started. Returns what it found, and of that what would not die.
 */
export async function sweepOrphans(
  { instance, live, table = processTable(), clock = systemClock }: SweepOptions,
): Promise<{ found: Orphan[]; left: Orphan[] }> {
  const isLive = ({ key }: ProcessInfo) => key !== null && live.has(key);
  const find = async () =>
    familyOf(await table(), (process) => process.instance === instance && !isLive(process))
      .filter((process) => !isLive(process));
  const { found, left } = await endFamily(find, { graceMs: ORPHAN_GRACE_MS, clock });
  return { found: found.map(asOrphan), left: left.map(asOrphan) };
}

/** What is needed to find processes and to end them. */
export type Search = { instance: string; table: ProcessTable; clock: Clock };

/** Ends what is left of one attempt, then throws `ExecutorError("orphaned")` that says so. */
export async function endOrphan(
  input: ExecutorInput,
  key: string,
  { instance, table, clock }: Search,
): Promise<never> {
  const find = async () =>
    familyOf(await table(), (process) => process.instance === instance && process.key === key);
  const { found, left } = await endFamily(find, { graceMs: ORPHAN_GRACE_MS, clock });
  throw new ExecutorError(
    "orphaned",
    `Cannot take up attempt ${input.attempt} of task "${input.taskId}": ` +
      `the server stopped while it ran; ${fate(found, left)}`,
  );
}

/** Ends the process of an earlier attempt, and its family, if it still lives. */
export async function endPrevious(
  { pid, startedTicks }: ProcessMark,
  { table, clock }: Search,
): Promise<void> {
  let met = false;
  const find = async () => {
    const processes = await table();
    // The pid is another's unless the start time says so; once met, its session is known to be it.
    met ||= processes.some((each) => each.pid === pid && each.startedTicks === startedTicks);
    return met ? familyOf(processes, ({ session }) => session === pid) : [];
  };
  const { left } = await endFamily(find, { graceMs: ORPHAN_GRACE_MS, clock });
  if (left.length === 0) return;
  throw new ExecutorError(
    "orphaned",
    `Cannot begin another attempt: of the earlier one, ${named(left)} would not die`,
  );
}

function fate(found: ProcessInfo[], left: ProcessInfo[]): string {
  if (left.length > 0) return `${named(left)} would not die: end it by hand`;
  return found.length > 0 ? `${named(found)} was found and killed` : "its process was gone";
}

/** The first one and the number of the others. */
function named(processes: ProcessInfo[]): string {
  const [first, ...others] = processes.map(({ pid }) => pid).sort((a, b) => a - b);
  return `its process ${first}${others.length > 0 ? ` (and ${others.length} more)` : ""}`;
}

function asOrphan({ pid, key }: ProcessInfo): Orphan {
  return { pid, key };
}
