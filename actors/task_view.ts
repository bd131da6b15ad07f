/**
 * A task as the API shows it and as lists find it. Times are ms since the epoch; making text of
 * them is the edge's work.
 */
import type { TaskContext } from "../machines/task_context.ts";
import { workspaceName } from "../machines/task_requests.ts";
import type { JsonObject } from "./runtime/json.ts";
import type { ActorRecord } from "./runtime/kind.ts";

/** States in which a task has not been handed out yet; only then it can stand for another. */
const UNTOUCHED: readonly string[] = ["pending", "queued"];

/** Everything a user may see. Values of the environment are not shown, only their names. */
export function taskView(record: ActorRecord): JsonObject {
  const context = contextOf(record);
  const { settings, progress, times } = context;
  const { env, envFrom, vm, ...shown } = settings;
  return json({
    ...shown,
    vm: vm === null ? null : { id: vm.id, owned: vm.make !== null },
    envNames: [...Object.keys(env), ...envFrom],
    state: record.state,
    revision: record.revision,
    attempt: context.attempt,
    epoch: context.epoch,
    waitsFor: context.waitsFor,
    result: context.result,
    error: context.error,
    question: context.question,
    sessionId: context.sessionId,
    workDir: context.workDir,
    progress: { lastActivityAt: times.lastActivityAt, ...progress },
    queuedAt: times.queuedAt,
    startedAt: times.startedAt,
    stuckAt: times.stuckAt,
    retryAt: times.retryAt,
    endedAt: times.endedAt,
    updatedAt: record.updatedAt,
  });
}

/** A task as one of many: its output, prompt and command are left to the whole view. */
export function taskSummary(record: ActorRecord): JsonObject {
  const { prompt: _, command: __, ...rest } = taskView(record);
  const { result } = contextOf(record);
  if (result === null) return rest;
  const { output: ___, tail: ____, ...short } = result;
  return json({ ...rest, result: short });
}

/** What lists can be filtered by. */
export function taskIndex(
  record: ActorRecord,
): { readonly [name: string]: string | readonly string[] | undefined } {
  const { settings } = contextOf(record);
  const { labels, priority, agent, workspace, vm, parent, coalesceKey, trigger } = settings;
  const place = workspaceName(workspace);
  const open = coalesceKey !== null && UNTOUCHED.includes(record.state);
  return {
    label: Object.entries(labels).flatMap(([name, value]) => [name, `${name}=${value}`]),
    priority: String(priority),
    trigger,
    ...(agent === null ? {} : { agent }),
    ...(place === null ? {} : { workspace: place }),
    ...(vm === null ? {} : { vm: vm.id }),
    ...(parent === null ? {} : { parent }),
    ...(open ? { coalesceKey } : {}),
  };
}

/** Only this kind's machine writes these records, so that their context is a task's. */
function contextOf(record: ActorRecord): TaskContext {
  return record.context as unknown as TaskContext;
}

/** Contexts are JSON by the runtime's own rule; their types are narrower than `Json` can say. */
function json(object: { readonly [field: string]: unknown }): JsonObject {
  return object as JsonObject;
}
