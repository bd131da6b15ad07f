/** Parses input with zod schemas; what does not fit becomes one problem that lists every fault. */
import { z } from "zod";
import { type InputFault, invalidInput } from "./errors.ts";

export type Place = "body" | "query" | "path";

/** The parsed value. Throws the problem that lists what is wrong. */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, place: Place): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidInput(faultsOf(result.error, place));
}

/** The faults of a value, by JSON pointer or parameter name. */
export function faultsOf(error: z.ZodError, place: Place): InputFault[] {
  return error.issues.flatMap((issue) => flatten(issue, [])).map(({ path, detail }) => {
    if (place === "body") return { detail, pointer: pointerOf(path) };
    return { detail, in: place, name: path.map(String).join(".") };
  });
}

/** RFC 6901. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

type Fault = { path: PropertyKey[]; detail: string };

function flatten(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Fault[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], detail: "unknown field" }));
  }
  if (issue.code === "invalid_union") {
    const branch = nearest(issue.errors);
    if (branch !== undefined) return branch.flatMap((inner) => flatten(inner, path));
  }
  return [{ path, detail: issue.message }];
}

/** The alternative that the value came closest to: it has its type, and then the fewest faults. */
function nearest(branches: z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const distance = (issues: z.core.$ZodIssue[]) =>
    issues.reduce((sum, issue) => {
      if (issue.path.length === 0 && issue.code === "invalid_type") return Infinity;
      return sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1);
    }, 0);
  return branches.filter((issues) => issues.length > 0)
    .toSorted((a, b) => distance(a) < distance(b) ? -1 : 1)[0];
}
