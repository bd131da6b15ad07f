/** A new task from the options of `deno task run`, as the server takes it. */
import { isAbsolute, resolve } from "node:path";
import { UsageError } from "./args.ts";
import { parseDuration } from "./durations.ts";
import { pairs } from "./pairs.ts";

/** Of whatever makes tasks, now or later. */
export const TASK_OPTIONS = {
  title: { type: "string", value: "TEXT", help: "What people call it" },
  workspace: {
    type: "string",
    value: "PATH",
    help: "Directory to run in, on the server's machine or in the VM",
  },
  repo: { type: "string", value: "URL", help: "Repository to run in, checked out afresh" },
  ref: { type: "string", value: "REF", help: "Branch, tag or commit of the repository" },
  vm: { type: "string", value: "ID", help: "Run in this VM, or in a new one of its own: new" },
  priority: { type: "string", value: "LEVEL", help: "none, low, medium, high or urgent" },
  timeout: { type: "string", value: "TIME", help: "Longest time at work: 90s, 10m, 2h" },
  "max-attempts": { type: "integer", value: "N", help: "Tries, the first one included" },
  label: { type: "string", value: "NAME=VALUE", multiple: true, help: "To find it by" },
  key: { type: "string", value: "NAME", help: "Tasks of one key never run at once" },
  env: { type: "string", value: "NAME=VALUE", multiple: true, help: "Variable for the command" },
  "env-from": { type: "string", value: "NAME", multiple: true, help: "Variable of the server's" },
} as const;

export const NEW_TASK_OPTIONS = {
  ...TASK_OPTIONS,
  "depends-on": { type: "string", value: "ID", multiple: true, help: "Task to succeed first" },
} as const;

/** Makes a VM for the task alone. */
export const NEW_VM = "new";

export type TaskOptions = {
  title: string | undefined;
  vm: string | undefined;
  workspace: string | undefined;
  repo: string | undefined;
  ref: string | undefined;
  priority: string | undefined;
  timeout: string | undefined;
  "max-attempts": number | undefined;
  label: readonly string[];
  key: string | undefined;
  env: readonly string[];
  "env-from": readonly string[];
};

/** The body of `POST /v1/tasks`. Throws `UsageError`. */
export function newTask(
  command: readonly string[],
  options: TaskOptions,
  { cwd, dependsOn }: { cwd: string; dependsOn: readonly string[] },
): { [field: string]: unknown } {
  return {
    executor: "command",
    command,
    ...taskFields(options, cwd),
    dependsOn: dependsOn.length === 0 ? undefined : dependsOn,
    trigger: "manual",
  };
}

/** What the options say of a task; undefined where they say nothing. Throws `UsageError`. */
export function taskFields(options: TaskOptions, cwd: string): { [field: string]: unknown } {
  const { title, priority, timeout, key, label, env } = options;
  return {
    title,
    ...placeOf(options, cwd),
    priority,
    timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, "--timeout"),
    maxAttempts: options["max-attempts"],
    labels: pairs(label, "--label"),
    key,
    env: pairs(env, "--env"),
    envFrom: options["env-from"].length === 0 ? undefined : options["env-from"],
  };
}

/** Where it runs: a place of the server's, or one in a VM. */
function placeOf(options: TaskOptions, cwd: string): { workspace?: unknown; vm?: unknown } {
  const { workspace, repo, ref, vm } = options;
  if (vm === undefined) return { workspace: workspaceOf(options, cwd) };
  if (vm !== NEW_VM && repo !== undefined) {
    throw new UsageError(`Cannot use --repo with --vm "${vm}": the VM has what it was made with`);
  }
  const path = workspace === undefined ? undefined : { path: workspace };
  return { workspace: path, vm: vm === NEW_VM ? { repo, ref } : vm };
}

function workspaceOf({ workspace, repo, ref }: TaskOptions, cwd: string) {
  if (workspace !== undefined && repo !== undefined) {
    throw new UsageError("Cannot use --workspace and --repo together: a task has one place");
  }
  if (ref !== undefined && repo === undefined) {
    throw new UsageError(`Cannot use --ref "${ref}": want --repo with it`);
  }
  if (repo !== undefined) return { repo, ref };
  if (workspace === undefined) return undefined;
  return { path: isAbsolute(workspace) ? workspace : resolve(cwd, workspace) };
}
