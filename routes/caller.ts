/**
 * Who calls, as far as callers say so themselves: agents that share one token name themselves in
 * headers, so that one does not undo by mistake what another set up. It keeps those apart that
 * cooperate; it keeps nobody out, since anyone who has the token may write any name, or none.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ManageMode } from "../machines/schedule_input.ts";
import { invalidInput, ProblemError } from "./errors.ts";
import { MAX_CALLER_CHARS } from "./limits.ts";

/** Names the caller. Without it the call is the operator's, who may do everything. */
export const CALLER_HEADER = "x-holdfast-caller";
/** The scope that a named caller belongs to. */
export const SCOPE_HEADER = "x-holdfast-scope";

/** A caller's name, or the name of a scope: what a header can carry. */
export const CallerName = z.string().max(MAX_CALLER_CHARS)
  .regex(/^[!-~](?:[ -~]*[!-~])?$/, `want 1 to ${MAX_CALLER_CHARS} printable ASCII characters`);

/** Both headers, for the document. */
export const callerHeaders: readonly z.ZodType[] = [
  CallerName.optional().openapi({
    param: { name: "X-Holdfast-Caller", in: "header" },
    description: "Who calls: an agent, a person. Without it the call is the operator's",
  }),
  CallerName.optional().openapi({
    param: { name: "X-Holdfast-Scope", in: "header" },
    description: "The scope that the caller belongs to",
  }),
];

/** A null name is the operator's. */
export type Caller = { readonly name: string | null; readonly scope: string | null };

/** Who calls. Throws the problem that says what is wrong with a header. */
export function callerOf(c: Context): Caller {
  return { name: read(c, CALLER_HEADER), scope: read(c, SCOPE_HEADER) };
}

/** What callers may change, and who. */
export type Managed = {
  /** For people: `schedule "schedule_1"`. */
  readonly what: string;
  /** Null where the operator made it. */
  readonly createdBy: string | null;
  readonly scope: string;
  readonly manageMode: ManageMode;
};

/** Throws the problem that says why a caller may not change it. */
export function checkMayManage(caller: Caller, managed: Managed): void {
  const { what, createdBy, scope, manageMode } = managed;
  if (caller.name === null || caller.name === createdBy) return;
  if (manageMode === "scopeAll" && caller.scope === scope) return;
  const owner = createdBy === null ? "the operator" : `"${createdBy}"`;
  const who = manageMode === "scopeAll" ? `callers of scope "${scope}" and ${owner}` : owner;
  const own = caller.scope === null ? "no scope" : `scope "${caller.scope}"`;
  throw new ProblemError(
    "forbidden",
    `Cannot change ${what} for "${caller.name}" of ${own}: only ${who} may ` +
      `(manageMode is "${manageMode}")`,
  );
}

function read(c: Context, header: string): string | null {
  const given = c.req.header(header);
  if (given === undefined) return null;
  const { data, error } = CallerName.safeParse(given);
  if (data !== undefined) return data;
  const detail = error?.issues[0]?.message ?? "cannot be read";
  throw invalidInput([{ in: "header", name: header, detail }]);
}
