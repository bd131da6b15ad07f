/** `name=value` pairs, as lists are filtered by them. */
import type { IndexValue } from "../../actors/store/store.ts";
import { invalidInput } from "../errors.ts";

/** Pairs as index values. Throws the problem that names the parameter. */
export function parseNameValues(pairs: readonly string[], parameter: string): IndexValue[] {
  return pairs.map((pair) => {
    const at = pair.indexOf("=");
    if (at > 0) return { name: pair.slice(0, at), value: pair.slice(at + 1) };
    throw invalidInput([{
      detail: `want name=value, got "${pair}"`,
      in: "query",
      name: parameter,
    }]);
  });
}
