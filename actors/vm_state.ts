/**
 * The names by which users know a VM's states. The statechart is finer: it keeps timers and links
 * beside the VM's life, and tells apart the steps of each operation.
 */
import type { Json } from "./runtime/json.ts";
import { child, topOf } from "./state_value.ts";

/** `running` of `{live: {life: {running: "idle"}, idle: …}}`. */
export function vmState(value: Json): string {
  const life = child(child(value, "live"), "life");
  if (life === undefined) return value === "ended" ? "recycled" : topOf(value);
  const starting = child(life, "starting");
  return topOf(starting ?? life);
}

/** `online` or `offline`; null once it is not expected to be heard of. */
export function vmLink(value: Json): string | null {
  const link = child(child(value, "live"), "link");
  return link === undefined ? null : topOf(link);
}
