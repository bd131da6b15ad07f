/** The input of a task that tries an ended one again. */
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { TaskVm } from "../machines/task_vm.ts";
import type { TaskInput, TaskSettings } from "../machines/task_input.ts";

/** What an ended task was asked for. */
export function settingsOf(record: ActorRecord): TaskSettings {
  return record.context.settings as TaskSettings;
}

/** The same settings under a new id. What the old one did not set stays unset. */
export function retryInput(
  record: ActorRecord,
  given: { id: string; createdAt: number; vm?: TaskVm },
): TaskInput {
  const settings = settingsOf(record);
  const set = Object.entries(settings).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(set), ...given, retryOf: record.id };
}
