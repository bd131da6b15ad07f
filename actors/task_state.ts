/**
 * The names by which users know a task's states. The statechart is finer: it keeps the slot
 * beside the work, and tells apart how a task waits; none of that is anyone's business outside.
 */
import type { Json } from "./runtime/json.ts";
import { child, topOf } from "./state_value.ts";

/** Steps of a task that waits for what it needs. */
const BEFORE_QUEUE: readonly string[] = ["equipped", "awaitingVm"];

/** `running.paused` of `{active: {slot: "released", work: {attempt: {running: "paused"}}}}`. */
export function taskState(value: Json): string {
  const active = child(value, "active");
  if (active === undefined) return BEFORE_QUEUE.includes(topOf(value)) ? "pending" : topOf(value);
  const work = child(active, "work");
  // To the one who paused it, it is what it was.
  if (work === "suspended") return "running.paused";
  const attempt = child(work, "attempt");
  if (attempt === undefined) return "queued";
  const running = child(attempt, "running");
  return running === undefined ? "dispatched" : `running.${topOf(running)}`;
}
