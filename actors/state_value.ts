/** Reading XState's state values, which are names or objects of them, nested. */
import type { Json } from "./runtime/json.ts";

/** The state that is active at the top: `live` of `{live: {…}}`. */
export function topOf(value: Json): string {
  if (typeof value === "string") return value;
  const [name] = Object.keys(value ?? {});
  if (name === undefined) throw new TypeError(`Cannot name state ${JSON.stringify(value)}`);
  return name;
}

/** What is active in a state; undefined where the state is not, or has nothing in it. */
export function child(value: Json | undefined, name: string): Json | undefined {
  if (value === null || typeof value !== "object") return undefined;
  return (value as { readonly [key: string]: Json })[name];
}
