/** What a task asks of others: a slot, an executor, word of other tasks. */
import type { PoolRequest, SlotInput, WatchInput } from "./lib/builtins.ts";
import { taskAddress, type TaskContext } from "./task_context.ts";
import { type ReadyVm, vmOf } from "./task_vm.ts";
import { ACTIVITY_EVERY_MS } from "./task_defaults.ts";
import type { ProcessMark } from "./task_events.ts";
import type { TaskWorkspace } from "./task_input.ts";

/** The pool in which every task has its place. */
export const SYSTEM_POOL = "system";

/** One attempt, as it is handed to an executor. */
export type AttemptInput = {
  /** The executor's name. */
  executor: string;
  taskId: string;
  attempt: number;
  epoch: number;
  command: string[];
  prompt: string | null;
  /** The session to go on with: an earlier attempt's, else the one that was asked for. */
  session: string | null;
  workspace: TaskWorkspace | null;
  env: { readonly [name: string]: string };
  envFrom: string[];
  interactive: boolean;
  activityEveryMs: number;
  killGraceMs: number;
  /** The process of an earlier attempt, which must not outlive it. */
  previous: ProcessMark | null;
  /** Where it runs; null is this machine. */
  vm: ReadyVm | null;
};

type Args = { readonly context: TaskContext };

/**
 * A place in every pool that limits the task. An agent, an exclusive key and a session take one
 * task at a time unless somebody sets another limit; a workspace has a limit only where one is set.
 */
export function slotRequest({ context }: Args): SlotInput {
  const { agent, key, priority, session, workspace } = context.settings;
  const place = workspaceName(workspace);
  const pools: PoolRequest[] = [SYSTEM_POOL];
  if (place !== null) pools.push(`workspace:${place}`);
  if (agent !== null) pools.push({ name: `agent:${agent}`, limit: 1 });
  if (key !== null) {
    const name = `key:${key.name}`;
    pools.push(key.exclusive === false ? name : { name, limit: 1 });
  }
  // Whoever has died in it must be gone first.
  if (typeof session === "string") pools.push({ name: `session:${session}`, limit: 1 });
  const share = key?.name ?? place;
  return { pools, priority, ...(share === null ? {} : { share }) };
}

/** What the executor is to do. */
export function attemptRequest({ context }: Args): AttemptInput {
  const { settings, attempt, epoch, process, sessionId } = context;
  return {
    executor: settings.executor,
    taskId: settings.id,
    attempt,
    epoch,
    command: [...settings.command],
    prompt: settings.prompt,
    // Tasks that were stored before there were sessions name none, not even null.
    session: sessionId ?? settings.session ?? null,
    workspace: settings.workspace,
    env: settings.env,
    envFrom: [...settings.envFrom],
    interactive: settings.interactive,
    activityEveryMs: ACTIVITY_EVERY_MS,
    killGraceMs: settings.killGraceMs,
    previous: process,
    vm: settings.vm === null ? null : context.vm,
  };
}

/** Word of the dependencies that have not succeeded yet. */
export function watchRequest({ context }: Args): WatchInput {
  return { addresses: context.waitsFor.map(taskAddress) };
}

/** Word of the VM that it waits for. */
export function vmWatchRequest({ context }: Args): WatchInput {
  return { addresses: [vmOf(context)] };
}

/** The directory or repository that a workspace stands for. */
export function workspaceName(workspace: TaskWorkspace | null): string | null {
  if (workspace === null) return null;
  return "path" in workspace ? workspace.path : workspace.repo;
}
