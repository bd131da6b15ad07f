/**
 * What a task is asked to do: the fields that its maker gives, and the same with every default
 * filled in. Checking them is the edge's work; here they are trusted.
 */
import {
  DISPATCH_TIMEOUT_MS,
  KILL_GRACE_MS,
  MAX_ATTEMPTS,
  MAX_ATTEMPTS_TOTAL,
  MAX_MADE_TITLE_CHARS,
  PRIORITY,
  RETRY_ON,
  STUCK_AFTER_MS,
  TIMEOUT_MS,
} from "./task_defaults.ts";

import type { TaskVm } from "./task_vm.ts";

/** A directory, or a repository and the ref to check out. */
export type TaskWorkspace = { readonly path: string } | {
  readonly repo: string;
  readonly ref?: string;
};

/** A name under which tasks get in each other's way; exclusive unless it says otherwise. */
export type TaskKey = { readonly name: string; readonly exclusive?: boolean };

/** `none`, `low`, `medium`, `high`, `urgent`. */
export type TaskPriority = 0 | 1 | 2 | 3 | 4;

export type TaskTrigger =
  | "manual"
  | "api"
  | "schedule"
  | "goal"
  | "workflow"
  | "webhook"
  | "polling"
  | "subagent";

export type TaskInput = {
  readonly id: string;
  /** The VM in which it works; by default this machine. */
  readonly vm?: TaskVm;
  /** Default: the beginning of the prompt or of the command. */
  readonly title?: string;
  readonly prompt?: string;
  /** The session that the run continues; a key of whoever made it. */
  readonly session?: string;
  /** What carries it out; default `command`. */
  readonly executor?: string;
  /** `agent`, `command`, `review`, …; default: the executor's name. */
  readonly kind?: string;
  /** Program and arguments, never a shell's line. */
  readonly command?: readonly string[];
  readonly workspace?: TaskWorkspace;
  /** Values added to the environment. */
  readonly env?: { readonly [name: string]: string };
  /** Names whose values come from the server's own environment. */
  readonly envFrom?: readonly string[];
  /** Takes `task.input` while it works. */
  readonly interactive?: boolean;
  readonly priority?: TaskPriority;
  /** Ids of tasks that must have succeeded first. */
  readonly dependsOn?: readonly string[];
  /** Not before this time, ms since the epoch. */
  readonly startAt?: number;
  /** Work of one attempt in all; the time in which it waits for a person does not count. */
  readonly timeoutMs?: number;
  readonly dispatchTimeoutMs?: number;
  readonly stuckAfterMs?: number;
  /** In the queue in all, over every attempt; no limit unless given. */
  readonly queueTtlMs?: number;
  readonly killGraceMs?: number;
  /** Attempts without real progress in between. */
  readonly maxAttempts?: number;
  /** Hand-outs to an executor in all. */
  readonly maxAttemptsTotal?: number;
  /** Codes that may be tried again, in place of the default ones. */
  readonly retryOn?: readonly string[];
  readonly labels?: { readonly [name: string]: string };
  readonly agent?: string;
  readonly key?: TaskKey;
  readonly coalesceKey?: string;
  /** Address of what made it. */
  readonly parent?: string;
  readonly trigger?: TaskTrigger;
  readonly createdBy?: string;
  /** The ended task that this one tries again. */
  readonly retryOf?: string;
  /** A person must approve it first. */
  readonly requireApproval?: boolean;
  /** When it was asked for, ms since the epoch. */
  readonly createdAt: number;
  /** When it was made, ms since the epoch; the runtime fills it in. */
  readonly at?: number;
};

/** A task's input with every default filled in. It never changes. */
export type TaskSettings = {
  readonly [Name in Exclude<keyof TaskInput, "at">]-?: Name extends Unset
    ? Exclude<TaskInput[Name], undefined> | null
    : Exclude<TaskInput[Name], undefined>;
};

/** What has no default: null where it is not given. */
type Unset =
  | "prompt"
  | "session"
  | "workspace"
  | "vm"
  | "startAt"
  | "queueTtlMs"
  | "agent"
  | "key"
  | "coalesceKey"
  | "parent"
  | "createdBy"
  | "retryOf";

/** Fills in the defaults. */
export function settingsOf(input: TaskInput): TaskSettings {
  const executor = input.executor ?? "command";
  return {
    id: input.id,
    title: input.title ?? madeTitle(input),
    prompt: input.prompt ?? null,
    session: input.session ?? null,
    executor,
    kind: input.kind ?? executor,
    command: input.command ?? [],
    workspace: input.workspace ?? null,
    vm: input.vm ?? null,
    env: input.env ?? {},
    envFrom: input.envFrom ?? [],
    interactive: input.interactive ?? false,
    priority: input.priority ?? PRIORITY,
    dependsOn: [...new Set(input.dependsOn)],
    startAt: input.startAt ?? null,
    timeoutMs: input.timeoutMs ?? TIMEOUT_MS,
    dispatchTimeoutMs: input.dispatchTimeoutMs ?? DISPATCH_TIMEOUT_MS,
    stuckAfterMs: input.stuckAfterMs ?? STUCK_AFTER_MS,
    queueTtlMs: input.queueTtlMs ?? null,
    killGraceMs: input.killGraceMs ?? KILL_GRACE_MS,
    maxAttempts: input.maxAttempts ?? MAX_ATTEMPTS,
    maxAttemptsTotal: input.maxAttemptsTotal ?? MAX_ATTEMPTS_TOTAL,
    retryOn: input.retryOn ?? RETRY_ON,
    labels: input.labels ?? {},
    agent: input.agent ?? null,
    key: input.key ?? null,
    coalesceKey: input.coalesceKey ?? null,
    parent: input.parent ?? null,
    trigger: input.trigger ?? "manual",
    createdBy: input.createdBy ?? null,
    retryOf: input.retryOf ?? null,
    requireApproval: input.requireApproval ?? false,
    createdAt: input.at ?? input.createdAt,
  };
}

/** Long texts have moved to blobs by now, and leave a reference that makes no title. */
function madeTitle({ id, prompt, command = [] }: TaskInput): string {
  const texts = prompt === undefined ? command : [prompt];
  const whole = texts.filter((text) => typeof text === "string").join(" ");
  const line = [...whole.trim().split("\n")[0]?.trim() ?? ""];
  if (line.length === 0) return id;
  if (line.length <= MAX_MADE_TITLE_CHARS) return line.join("");
  return `${line.slice(0, MAX_MADE_TITLE_CHARS - 1).join("")}…`;
}
