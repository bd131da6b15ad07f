/** A new task from the options of `deno task run`, as the server takes it. */
import { isAbsolute, resolve } from "node:path";
import { UsageError } from "./args.ts";
import { parseDuration } from "./durations.ts";
import { pairs } from "./pairs.ts";

export const NEW_TASK_OPTIONS = {
  title: { type: "string", value: "TEXT", help: "What people call it" },
  workspace: {
    type: "string",
    value: "PATH",
    help: "Directory to run in, on the server's machine",
  },
  repo: { type: "string", value: "URL", help: "Repository to run in, checked out afresh" },
  ref: { type: "string", value: "REF", help: "Branch, tag or commit of the repository" },
  priority: { type: "string", value: "LEVEL", help: "none, low, medium, high or urgent" },
  timeout: { type: "string", value: "TIME", help: "Longest time at work: 90s, 10m, 2h" },
  "max-attempts": { type: "integer", value: "N", help: "Tries, the first one included" },
  label: { type: "string", value: "NAME=VALUE", multiple: true, help: "To find it by" },
  key: { type: "string", value: "NAME", help: "Tasks of one key never run at once" },
  "depends-on": { type: "string", value: "ID", multiple: true, help: "Task to succeed first" },
  env: { type: "string", value: "NAME=VALUE", multiple: true, help: "Variable for the command" },
  "env-from": { type: "string", value: "NAME", multiple: true, help: "Variable of the server's" },
} as const;

type Options = {
  title: string | undefined;
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
  options: Options,
  { cwd, dependsOn }: { cwd: string; dependsOn: readonly string[] },
): { [field: string]: unknown } {
  const { title, priority, timeout, key, label, env } = options;
  return {
    executor: "command",
    command,
    title,
    workspace: workspaceOf(options, cwd),
    priority,
    timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, "--timeout"),
    maxAttempts: options["max-attempts"],
    labels: pairs(label, "--label"),
    key,
    dependsOn: dependsOn.length === 0 ? undefined : dependsOn,
    env: pairs(env, "--env"),
    envFrom: options["env-from"].length === 0 ? undefined : options["env-from"],
    trigger: "manual",
  };
}

function workspaceOf({ workspace, repo, ref }: Options, cwd: string) {
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
