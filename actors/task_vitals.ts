/** What the watchdog holds a task to: that its work ends in time, and shows signs of life. */
import type { TaskContext } from "../machines/task_context.ts";
import type { ActorRecord, Vitals } from "./runtime/kind.ts";

/** A task that does not work has timers alone: nothing binds it beside them. */
export function taskVitals(record: ActorRecord): Vitals {
  // Only this kind's machine writes these records, so that their context is a task's.
  const { times, workedMs, settings } = record.context as unknown as TaskContext;
  const { workingSince, lastActivityAt } = times;
  if (workingSince === null) return {};
  return {
    limitAt: workingSince + settings.timeoutMs - workedMs,
    lastActivityAt: Math.max(workingSince, lastActivityAt ?? workingSince),
    silentAfterMs: settings.stuckAfterMs,
  };
}
