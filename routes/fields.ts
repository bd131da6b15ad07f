/** Forms and bounds of fields that callers send to several resources. */
import { z } from "@hono/zod-openapi";
import { MAX_SESSION_CHARS } from "../actors/adapters/executor/executor_limits.ts";
import { LAST_SLOT_MS } from "../machines/lib/cron.ts";
import { MAX_LABELS, MAX_NAME_CHARS } from "./limits.ts";

/** Programs take arguments and variables as C strings. */
export const Text = z.string().refine((text) => !text.includes("\0"), "must not contain NUL");

/** A short text: a title, a name, a key. */
export const Name = Text.min(1).max(MAX_NAME_CHARS);

/** The key of a session: whatever a program may report, so that a person can take that session. */
export const SessionKey = Text.min(1).max(MAX_SESSION_CHARS)
  .refine((key) => key.isWellFormed(), "must be well-formed Unicode")
  .refine((key) => key !== "." && key !== "..", "cannot stand in a URL, which folds . and ..")
  .openapi({ example: "website/nightly" });

const TIME = "want ISO 8601 with its zone, such as 2030-01-31T18:00:00Z, or ms since the epoch";

/** A time up to the year 9999, after which ISO 8601 is written otherwise, as ms since the epoch. */
export const Instant = z.union([
  z.iso.datetime({ offset: true, error: TIME }).transform((text) => Date.parse(text)),
  z.int({ error: TIME }).min(0, TIME).max(LAST_SLOT_MS, "want a time up to the year 9999"),
]).openapi({ description: "ISO 8601, or ms since the epoch" });

export const VariableName = z.string().max(MAX_NAME_CHARS)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "want letters, digits and _")
  .refine((name) => !name.startsWith("HOLDFAST_"), "HOLDFAST_* is the server's own");

export const Labels = boundedRecord(
  z.string().max(MAX_NAME_CHARS).regex(/^[A-Za-z0-9][\w./-]*$/, "want letters, digits, _ . / -"),
  z.string().max(MAX_NAME_CHARS),
  MAX_LABELS,
);

/** An object of texts with so many entries at most. */
export function boundedRecord(
  key: z.ZodType<string, string>,
  value: z.ZodType<string>,
  max: number,
) {
  return z.record(key, value)
    .refine((record) => Object.keys(record).length <= max, `at most ${max} entries`);
}
