/**
 * A VM as the API shows it and as lists find it. Times are ms since the epoch; making text of them
 * is the edge's work.
 */
import type { VmContext } from "../machines/vm_context.ts";
import { notifyAt, recycleAt, sleepAt } from "../machines/vm_timing.ts";
import type { JsonObject } from "./runtime/json.ts";
import type { ActorRecord } from "./runtime/kind.ts";
import { vmLink } from "./vm_state.ts";

/** Everything that a user may see. Values of the environment are not shown, only their names. */
export function vmView(record: ActorRecord): JsonObject {
  const context = vmContext(record);
  const { env, ...shown } = context.settings;
  return json({
    ...shown,
    envNames: Object.keys(env),
    state: record.state,
    link: vmLink(record.value),
    revision: record.revision,
    generation: context.generation,
    conditions: context.conditions,
    workDir: context.handle?.workDir ?? null,
    providerId: context.handle?.providerId ?? null,
    tasks: context.tasks,
    lastActivityAt: context.lastActivityAt,
    lastKeepAwakeAt: context.lastKeepAwakeAt,
    ...dueTimes(record, context),
    notifiedAt: context.notifiedAt,
    failures: context.failures,
    retryAt: context.retryAt,
    silentSince: context.silentSince,
    error: context.error,
    method: context.method,
    cleanup: context.cleanup,
    endedAt: context.endedAt,
    updatedAt: record.updatedAt,
  });
}

/** What lists can be filtered by. */
export function vmIndex(
  record: ActorRecord,
): { readonly [name: string]: string | readonly string[] | undefined } {
  const { settings } = vmContext(record);
  const { labels, provider, workspace, owner } = settings;
  return {
    label: Object.entries(labels).flatMap(([name, value]) => [name, `${name}=${value}`]),
    provider,
    ...(workspace === null ? {} : { workspace }),
    ...(owner === null ? {} : { owner }),
  };
}

/** Only this kind's machine writes these records, so that their context is a VM's. */
export function vmContext(record: ActorRecord): VmContext {
  return record.context as unknown as VmContext;
}

/** When its timers are due; null for those that do not run. */
function dueTimes(record: ActorRecord, context: VmContext) {
  const text = JSON.stringify(record.value);
  const isCounted = text.includes('"counted"');
  return {
    sleepAt: record.state === "running" && text.includes('"running":"idle"')
      ? sleepAt(context)
      : null,
    notifyAt: isCounted && context.notifiedAt === null ? notifyAt(context) : null,
    recycleAt: isCounted ? recycleAt(context) : null,
  };
}

/** Contexts are JSON by the runtime's own rule; their types are narrower than `Json` can say. */
function json(object: { readonly [field: string]: unknown }): JsonObject {
  return object as JsonObject;
}
