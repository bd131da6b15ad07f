/**
 * When a schedule is due, as callers say it: read, and checked. Every fault is one problem,
 * `invalid-schedule`. What a rule means is in `machines/lib/schedule_rule.ts`.
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import {
  MAX_INTERVAL_SECONDS,
  MIN_INTERVAL_SECONDS,
  nextSlot,
  ruleFaults,
  type ScheduleRule,
} from "../machines/lib/schedule_rule.ts";
import { type InputFault, invalidInput } from "./errors.ts";
import { Instant } from "./fields.ts";
import { iso } from "./lib/times.ts";
import { faultsOf } from "./validation.ts";

const POINTER = "/schedule";

const FORMS = ["everySeconds", "cron", "at"] as const;

/** How each form is written. */
const Forms = {
  everySeconds: z.strictObject({ everySeconds: z.number() }),
  cron: z.strictObject({
    cron: z.string(),
    timezone: z.string({ error: "goes with cron: an IANA name, such as Europe/Berlin, or UTC" }),
  }),
  at: z.strictObject({ at: Instant }),
};

/** The field, for the document. It is read by `ruleOf`, so that its faults are of one kind. */
export const RuleField = z.unknown().openapi({
  type: "object",
  description: "When it is due: exactly one of the three forms",
  oneOf: [
    {
      type: "object",
      required: ["everySeconds"],
      properties: {
        everySeconds: {
          type: "integer",
          minimum: MIN_INTERVAL_SECONDS,
          maximum: MAX_INTERVAL_SECONDS,
        },
      },
    },
    {
      type: "object",
      required: ["cron", "timezone"],
      properties: {
        cron: { type: "string", example: "0 3 * * *" },
        timezone: { type: "string", example: "Europe/Berlin" },
      },
    },
    {
      type: "object",
      required: ["at"],
      properties: { at: { type: "string", format: "date-time" } },
    },
  ],
});

/**
 * The rule in a body's field `schedule`. Throws the problem that says what is wrong with it. One
 * that is as it was `before` is that very one, even where its time has passed.
 */
export function ruleOf(value: unknown, now: number, before?: ScheduleRule): ScheduleRule {
  const rule = read(value, now);
  if (before !== undefined && isDeepStrictEqual(rule, before)) return before;
  const faults = ruleFaults(rule, now);
  if (faults.length > 0) throw refusal(faults.map(({ field, detail }) => fault(field, detail)));
  return rule;
}

/** Whether a patch of a rule asks for another form than the rule has. */
export function isOtherForm(rule: ScheduleRule, change: unknown): boolean {
  if (typeof change !== "object" || change === null) return false;
  return FORMS.some((form) => form in change && !(form in rule));
}

/** Throws where nothing is due before it expires. `anchor`: from when an interval counts. */
export function checkExpiry(
  rule: ScheduleRule,
  expiresAt: number | null,
  { now, anchor }: { now: number; anchor: number },
): void {
  if (expiresAt === null) return;
  const first = "at" in rule ? rule.at : nextSlot(rule, now, { anchor });
  const detail = expiresAt <= now
    ? `Cannot expire at ${iso(expiresAt)}: that is past`
    : first !== null && first > expiresAt
    ? `Cannot expire at ${iso(expiresAt)}: the first slot is ${iso(first)}`
    : null;
  if (detail !== null) throw invalidInput([{ pointer: "/expiresAt", detail }], "contradictory");
}

/** A rule as the API shows it. */
export function shownRule(rule: ScheduleRule): JsonObject {
  return "at" in rule ? { at: iso(rule.at) } : { ...rule };
}

function read(value: unknown, now: number): ScheduleRule {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const detail = `want an object with one of ${FORMS.join(", ")}`;
    throw refusal([{ pointer: POINTER, detail }]);
  }
  const [form, ...others] = FORMS.filter((name) => name in value);
  if (form === undefined || others.length > 0) {
    const [{ field, detail } = { field: "", detail: "" }] = ruleFaults(value as ScheduleRule, now);
    throw refusal([form === undefined ? { pointer: POINTER, detail } : fault(field, detail)]);
  }
  if (form !== "cron" && "timezone" in value) {
    throw refusal([fault("timezone", `goes with cron alone, and this is ${form}`)]);
  }
  const { data, error } = Forms[form].safeParse(value);
  if (data !== undefined) return data;
  throw refusal(faultsOf(error, "body").map((found) => under(found)));
}

function fault(field: string, detail: string): InputFault {
  return { pointer: `${POINTER}/${field}`, detail };
}

function under(found: InputFault): InputFault {
  return "pointer" in found ? { ...found, pointer: POINTER + found.pointer } : found;
}

function refusal(faults: readonly InputFault[]) {
  return invalidInput(faults, "invalid-schedule");
}
