/**
 * What schedules and goals make tasks of: a task's input with what is the same in every run. Texts
 * in it may hold variables; each run fills them in, and gets an id and a VM of its own.
 */
import { render, type Variables } from "./lib/text_template.ts";
import { TIMEOUT_MS } from "./task_defaults.ts";
import type { TaskInput, TaskTrigger } from "./task_input.ts";
import type { TaskVm } from "./task_vm.ts";
import type { VmInput } from "./vm_input.ts";

/** Fields that each run gets anew. */
type OfOneRun =
  | "id"
  | "at"
  | "coalesceKey"
  | "createdAt"
  | "createdBy"
  | "dependsOn"
  | "parent"
  | "retryOf"
  | "session"
  | "startAt"
  | "trigger"
  | "vm";

/** Largest JSON of a task's input; a message may have 64 KiB in all. */
const MAX_TASK_CHARS = 60_000;
/** Longer texts do not count: they are stored apart. */
const MAX_COUNTED_CHARS = 8 * 1024;

/** A VM that exists, or what each run makes one of. */
export type RunVm = { readonly id: string } | {
  readonly make: Omit<VmInput, "id" | "createdAt" | "at" | "owner">;
};

export type RunTemplate = Omit<TaskInput, OfOneRun> & { readonly vm?: RunVm };

/** One run: what its task does not have from the template. */
export type Run = {
  readonly taskId: string;
  /** Address of the schedule or goal. */
  readonly parent: string;
  readonly trigger: TaskTrigger;
  readonly createdBy: string | null;
  /** Ms since the epoch. */
  readonly at: number;
  /** The session that it continues; null for a new one. */
  readonly session: string | null;
  /** In place of the template's, where it is less. */
  readonly timeoutMs?: number;
  /** In place of the template's. */
  readonly prompt?: string;
  readonly variables: Variables;
};

/** The input of a run's task. `{{prompt}}` in the command stands for the whole prompt. */
export function taskOf(template: RunTemplate, run: Run): TaskInput {
  const { vm, prompt: given, command, ...same } = template;
  const prompt = run.prompt ?? (given === undefined ? undefined : render(given, run.variables));
  const variables = prompt === undefined ? run.variables : { ...run.variables, prompt };
  return {
    ...same,
    id: run.taskId,
    parent: run.parent,
    trigger: run.trigger,
    createdAt: run.at,
    ...(prompt === undefined ? {} : { prompt }),
    ...(command === undefined ? {} : { command: command.map((part) => render(part, variables)) }),
    ...(run.createdBy === null ? {} : { createdBy: run.createdBy }),
    ...(run.session === null ? {} : { session: run.session }),
    ...(vm === undefined ? {} : { vm: vmOf(vm, run) }),
    ...timeLimit(template, run),
  };
}

/** Whether a task of this input can be made: filled in, its texts may have become too long. */
export function canBeMade(input: TaskInput): boolean {
  const isLong = (part: unknown) => typeof part === "string" && part.length > MAX_COUNTED_CHARS;
  const counted = JSON.stringify(input, (_, part) => isLong(part) ? "" : part);
  return counted.length <= MAX_TASK_CHARS;
}

/** Whether texts are there themselves: what is too long is stored apart, and cannot be filled in. */
export function areTexts(texts: readonly unknown[]): boolean {
  return texts.every((text) => typeof text === "string");
}

function vmOf(vm: RunVm, { taskId, at }: Run): TaskVm {
  if ("id" in vm) return { id: vm.id, make: null };
  const id = `vm_${taskId}`;
  return { id, make: { ...vm.make, id, createdAt: at } };
}

/** A template that gives no limit has that of all tasks, which a run must not get past either. */
function timeLimit({ timeoutMs = TIMEOUT_MS }: RunTemplate, run: Run): { timeoutMs: number } {
  return { timeoutMs: Math.max(1, Math.floor(Math.min(timeoutMs, run.timeoutMs ?? Infinity))) };
}
