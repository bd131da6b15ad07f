/** What a task ended with, as whoever made the task is told it. Nothing in it is trusted. */
import type { ActorEnded } from "./lib/builtins.ts";

/** What is kept of a result, characters. */
const MAX_RESULT_CHARS = 2_000;

const NOT_MADE = "Its task could not be made: filled in, its template is too large";

export type TaskEnd = {
  /** The task's last state; where there is no such task, `missing`. */
  readonly state: string;
  readonly succeeded: boolean;
  readonly result: unknown;
  /** Why it did not succeed; null where it did. */
  readonly error: string | null;
  readonly sessionId: string | null;
  readonly usage: { readonly tokens: number; readonly costUsd: number };
  readonly workedMs: number;
  /** What its program reported. */
  readonly report: { readonly [name: string]: unknown };
};

/** Reads the end of a task that was watched. */
export function endOfTask({ status, state, output }: ActorEnded): TaskEnd {
  const { result, error, sessionId, usage, workedMs } = fieldsOf(output);
  const succeeded = status === "done" && state === "succeeded";
  const last = status === "done" ? state : status;
  const { message } = fieldsOf(error);
  const { tokens, costUsd } = fieldsOf(usage);
  const ended = status === "missing" ? NOT_MADE : `Its task ended as "${last}"`;
  const said = typeof message === "string" ? message : ended;
  return {
    state: last,
    succeeded,
    result,
    error: succeeded ? null : said,
    sessionId: typeof sessionId === "string" ? sessionId : null,
    usage: { tokens: amountOf(tokens), costUsd: amountOf(costUsd) },
    workedMs: amountOf(workedMs),
    report: fieldsOf(fieldsOf(result)["report"]),
  };
}

/** The end of what a task's result says: its own summary, else the end of its output. */
export function tailOf(result: unknown): string {
  const { report, tail, output } = fieldsOf(result);
  const { summary } = fieldsOf(report);
  const found = [summary, tail, output].find((text) => typeof text === "string");
  return typeof found === "string" ? found.trim().slice(-MAX_RESULT_CHARS) : "";
}

function fieldsOf(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function amountOf(value: unknown): number {
  return typeof value === "number" && value >= 0 ? value : 0;
}
