/**
 * Times at the edge: inside they are ms since the epoch, in answers they are ISO 8601 in UTC
 * with milliseconds.
 */
import type { Json, JsonObject } from "../../actors/runtime/json.ts";

/** Last instant that ISO 8601 with four-digit years can name, ms. */
const MAX_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** One instant as text. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

/** The object with every number in a field named `…At` turned into text, at any depth. */
export function withIsoTimes(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, isoField(name, value)]),
  );
}

function isoField(name: string, value: Json): Json {
  if (typeof value === "number") return isTime(name, value) ? iso(value) : value;
  if (isArray(value)) return value.map((item) => isoField("", item));
  return typeof value === "object" && value !== null ? withIsoTimes(value) : value;
}

function isTime(name: string, value: number): boolean {
  return name.endsWith("At") && Number.isInteger(value) && Math.abs(value) <= MAX_TIME_MS;
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
