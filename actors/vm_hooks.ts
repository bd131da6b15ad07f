/**
 * What follows a VM's transitions: its tasks learn of them, and its users are told. A user's own
 * hook is added beside these; see `docs/add_a_kind.md`.
 */
import { failedMessage, readyMessage, recycledMessage } from "../machines/vm_requests.ts";
import type { Notification, Notify } from "./notify.ts";
import type { ActorRecord, EventInput, Hook, HookContext } from "./runtime/kind.ts";
import { NotAcceptedError, NotFoundError } from "./runtime/errors.ts";
import { vmContext } from "./vm_view.ts";

/** The built-in hooks, by descending priority. */
export function vmHooks(notify: Notify): Hook[] {
  return [
    {
      name: "vm_to_task",
      priority: 100,
      mode: "sync",
      on: { to: "failed" },
      run: (context) => tellTasks(context, "failed", failedMessage),
    },
    {
      name: "vm_recycling_to_task",
      priority: 100,
      mode: "sync",
      on: { to: "recycling" },
      run: (context) => tellTasks(context, undefined, recycledMessage),
    },
    {
      name: "task_start",
      priority: 80,
      mode: "sync",
      on: { to: "running" },
      run: (context) => tellTasks(context, "running", readyMessage),
    },
    {
      name: "notify_failed",
      priority: 50,
      mode: "async",
      on: { to: "failed" },
      run: ({ record, signal }) => notify(failureOf(record), signal),
    },
    {
      name: "notify_recycled",
      priority: 50,
      mode: "async",
      on: { to: "recycling" },
      run: ({ record, signal }) => notify(endOf(record), signal),
    },
  ];
}

/**
 * Tells each task, unless the VM has left the state meanwhile: then a later hook tells what is
 * true. A task that does not want to know any more has its reasons.
 */
async function tellTasks(
  { record, send }: HookContext,
  state: string | undefined,
  messageOf: (context: ReturnType<typeof vmContext>) => EventInput,
): Promise<void> {
  if (state !== undefined && record.state !== state) return;
  const context = vmContext(record);
  for (const task of Object.keys(context.tasks)) {
    try {
      await send(task, messageOf(context));
    } catch (error) {
      if (!(error instanceof NotAcceptedError || error instanceof NotFoundError)) throw error;
    }
  }
}

function failureOf(record: ActorRecord): Notification {
  const { error } = vmContext(record);
  return { type: "vm.failed", address: record.address, reason: error?.message ?? "" };
}

function endOf(record: ActorRecord): Notification {
  const { method } = vmContext(record);
  return { type: "vm.recycled", address: record.address, reason: method ?? "" };
}
