/** What a task ends with, for those who made it or watch it. It only reads what is remembered. */
import type { TaskContext } from "./task_context.ts";
import type { TaskUsage } from "./task_events.ts";
import type { TaskOutput } from "./task_setup.ts";

/** A task's output, once it has ended in `state`. */
export function outputOf(context: TaskContext, state: string): TaskOutput {
  const { result, error, sessionId, settings, progress, workedMs } = context;
  const report = fieldsOf(result?.report);
  const reported = reportedUsage(context);
  const { inputTokens, outputTokens, reasoningTokens, costUsd } = progress;
  return {
    state,
    result,
    error,
    sessionId: sessionId ?? textOf(report.session) ?? settings.session,
    usage: {
      tokens: inputTokens + outputTokens + reasoningTokens + reported.tokens,
      costUsd: costUsd + reported.costUsd,
    },
    workedMs,
  };
}

/** What all attempts so far reported to have used. */
export function reportedUsage({ result, usedBefore }: TaskContext): TaskUsage {
  const { tokens, costUsd } = fieldsOf(fieldsOf(result?.report).usage);
  // Tasks that were stored by an earlier version have none before.
  const before = usedBefore ?? { tokens: 0, costUsd: 0 };
  return {
    tokens: before.tokens + amountOf(tokens),
    costUsd: before.costUsd + amountOf(costUsd),
  };
}

/** A caller's own result, by `task.complete`, may hold anything under any name. */
function fieldsOf(value: unknown): { readonly [field: string]: unknown } {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function amountOf(value: unknown): number {
  return typeof value === "number" && value >= 0 ? value : 0;
}
