/** A new task as callers ask for it: every field, its form and its bound. */
import { z } from "@hono/zod-openapi";
import {
  MAX_KILL_GRACE_MS,
  MAX_PROMPT_BYTES,
  MAX_SESSION_CHARS,
} from "../actors/adapters/executor/executor_limits.ts";
import type { TaskInput, TaskPriority } from "../machines/task_input.ts";
import type { TaskVm } from "../machines/task_vm.ts";
import { AddressParam } from "./address_params.ts";
import { boundedRecord, Instant, Labels, Name, Text, VariableName } from "./fields.ts";
import {
  MAX_COMMAND_PARTS,
  MAX_DEPENDENCIES,
  MAX_ENV_NAMES,
  MAX_LIMIT_MS,
  MAX_NAME_CHARS,
  MAX_RETRY_CODES,
  MAX_TASK_ATTEMPTS,
  MAX_WORKSPACE_CHARS,
} from "./limits.ts";
import { defined } from "./paging.ts";
import { TaskVmField } from "./task_vm.ts";

export const PRIORITIES: { readonly [name: string]: TaskPriority } = {
  none: 0,
  low: 1,
  medium: 2,
  high: 3,
  urgent: 4,
};

export const TaskId = z.string().regex(/^task_[A-Za-z0-9_-]{1,64}$/, 'want "task_" and an id')
  .openapi({ example: "task_V1StGXR8" });

/** A priority by name or number, as a number. */
export const Priority = z.union([
  z.enum(["none", "low", "medium", "high", "urgent"]),
  z.int().min(0).max(4),
]).transform((value): TaskPriority =>
  typeof value === "string" ? PRIORITIES[value] ?? 0 : value as TaskPriority
);

const Workspace = z.union([
  z.strictObject({
    path: Text.max(MAX_WORKSPACE_CHARS)
      .refine((path) => /^(\/|[A-Za-z]:[\\/])/.test(path), "must be a full path"),
  }),
  z.strictObject({
    repo: Text.min(1).max(MAX_WORKSPACE_CHARS),
    ref: Text.min(1).max(MAX_NAME_CHARS).optional(),
  }),
]).openapi({ description: "A directory, or a repository; without one, an empty directory" });

const Key = z.union([
  Name.transform((name) => ({ name })),
  z.strictObject({ name: Name, exclusive: z.boolean().optional() }),
]).openapi({ description: "Tasks of one key never overlap, unless `exclusive` is false" });

const Prompt = Text
  .refine(
    (text) => new TextEncoder().encode(text).length <= MAX_PROMPT_BYTES,
    `at most ${MAX_PROMPT_BYTES} bytes`,
  )
  .openapi({ description: "What is asked for in words; a command gets HOLDFAST_PROMPT" });

const Milliseconds = z.int().min(1).max(MAX_LIMIT_MS);
const Attempts = z.int().min(1).max(MAX_TASK_ATTEMPTS);

export const NewTask = z.strictObject({
  id: TaskId.optional().openapi({ description: "By default the server makes one" }),
  title: Name.optional(),
  executor: z.enum(["command"]).default("command"),
  command: z.array(Text).min(1).max(MAX_COMMAND_PARTS)
    .refine(([program]) => program !== "", "the program's name must not be empty")
    .openapi({
      description: "Program and arguments, never a shell's line",
      example: ["deno", "--version"],
    }),
  prompt: Prompt.optional(),
  session: Text.min(1).max(MAX_SESSION_CHARS).optional()
    .openapi({ description: "The session that it goes on with; a command gets HOLDFAST_SESSION" }),
  kind: Name.optional(),
  workspace: Workspace.optional(),
  vm: TaskVmField.optional(),
  env: boundedRecord(VariableName, Text, MAX_ENV_NAMES).optional(),
  envFrom: z.array(VariableName).max(MAX_ENV_NAMES).optional()
    .openapi({ description: "Variables of the server, of those that it lets through" }),
  interactive: z.boolean().optional()
    .openapi({ description: "Keeps standard input open for `input`" }),
  priority: Priority.optional(),
  dependsOn: z.array(TaskId).max(MAX_DEPENDENCIES).optional(),
  startAt: Instant.optional(),
  timeoutMs: Milliseconds.optional(),
  dispatchTimeoutMs: Milliseconds.optional(),
  stuckAfterMs: Milliseconds.optional(),
  queueTtlMs: Milliseconds.optional(),
  killGraceMs: z.int().min(0).max(MAX_KILL_GRACE_MS).optional(),
  maxAttempts: Attempts.optional(),
  maxAttemptsTotal: Attempts.optional(),
  retryOn: z.array(Name).max(MAX_RETRY_CODES).optional(),
  labels: Labels.optional(),
  agent: Name.optional(),
  key: Key.optional(),
  coalesceKey: Name.optional()
    .openapi({ description: "While a task with it is pending or queued, no second is made" }),
  parent: AddressParam.optional(),
  trigger: z.enum([
    "manual",
    "api",
    "schedule",
    "goal",
    "workflow",
    "webhook",
    "polling",
    "subagent",
  ]).default("api"),
  createdBy: Name.optional(),
  requireApproval: z.boolean().optional(),
}).openapi("NewTask");

export type NewTask = z.infer<typeof NewTask>;

/** What the machine gets. */
export function taskInput(
  { vm: _, ...body }: NewTask,
  given: { id: string; createdAt: number; vm?: TaskVm },
): TaskInput {
  return defined({ ...body, ...given }) as TaskInput;
}
