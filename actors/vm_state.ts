/**
 * The names by which users know a VM's states. The statechart is finer: it keeps timers and links
 * beside the VM's life, and tells apart the steps of each operation.
 */
import type { Json } from "./runtime/json.ts";

/** `running` of `{live: {life: {running: "idle"}, idle: …}}`. */
export function vmState(value: Json): string {
  const life = child(child(value, "live"), "life");
  if (life === undefined) return value === "ended" ? "recycled" : nameOf(value);
  const starting = child(life, "starting");
  return nameOf(starting ?? life);
}

/** `online` or `offline`; null once it is not expected to be heard of. */
export function vmLink(value: Json): string | null {
  const link = child(child(value, "live"), "link");
  return link === undefined ? null : nameOf(link);
}

function nameOf(value: Json): string {
  if (typeof value === "string") return value;
  const [name] = Object.keys(value ?? {});
  if (name === undefined) throw new TypeError(`Cannot name state ${JSON.stringify(value)}`);
  return name;
}

function child(value: Json | undefined, name: string): Json | undefined {
  if (value === null || typeof value !== "object") return undefined;
  return (value as { readonly [key: string]: Json })[name];
}
