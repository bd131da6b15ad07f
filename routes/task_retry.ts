/** The input of a task that tries an ended one again. */
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { TaskInput, TaskSettings } from "../machines/task_input.ts";

/** The same settings under a new id. What the old one did not set stays unset. */
export function retryInput(
  record: ActorRecord,
  given: { id: string; createdAt: number },
): TaskInput {
  const settings = record.context.settings as TaskSettings;
  const set = Object.entries(settings).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(set), ...given, retryOf: record.id };
}
