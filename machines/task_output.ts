/** What is left of a task's result for who made the task: texts short enough to remember. */
import { MAX_RESULT_CHARS } from "./schedule_input.ts";

/** The end of what a task's result says: its own summary, else the end of its output. */
export function tailOf(result: unknown): string {
  const { report, tail, output } = (result ?? {}) as {
    readonly report?: { readonly summary?: unknown };
    readonly tail?: unknown;
    readonly output?: unknown;
  };
  const found = [report?.summary, tail, output].find((text) => typeof text === "string");
  return typeof found === "string" ? found.slice(-MAX_RESULT_CHARS).trim() : "";
}
