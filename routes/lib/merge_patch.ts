/** JSON merge patches (RFC 7396): applying one, and finding the one between two values. */
import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "../../actors/runtime/json.ts";

/** The value with the patch applied: objects are merged, null takes away, all else replaces. */
export function mergePatch(value: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(value) ? value : {}));
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), change));
  }
  return Object.fromEntries(merged);
}

/** The patch that makes `to` of `from`. A null inside `to` cannot be expressed: it is left out. */
export function patchBetween(from: JsonObject, to: JsonObject): JsonObject {
  const gone = Object.keys(from).filter((name) => !Object.hasOwn(to, name));
  const changed = Object.entries(to).flatMap(([name, after]): [string, Json][] => {
    const before = Object.hasOwn(from, name) ? from[name] : undefined;
    if (isDeepStrictEqual(before, after)) return [];
    return [[name, isObject(before) && isObject(after) ? patchBetween(before, after) : after]];
  });
  return Object.fromEntries([...gone.map((name) => [name, null] as const), ...changed]);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
