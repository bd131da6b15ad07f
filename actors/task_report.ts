/**
 * What the output of an attempt tells Holdfast. A program reports by lines of the form
 * `@holdfast {"goal": "complete"}`, each alone on its line; they stay output like all others.
 * Machines cannot read a long output, which is stored apart: what they need of it is taken out
 * here, before it is stored. What a report leads to is theirs to say.
 */
import { z } from "zod";
import type { TaskReport, TaskResult } from "../machines/task_events.ts";
import type { ExecutorResult } from "./adapters/executor/executor.ts";
import { MAX_SESSION_CHARS } from "./adapters/executor/executor_limits.ts";
import { byteLength, lastBytes } from "./adapters/executor/text_bytes.ts";

/** The end of an output in which report lines are looked for. */
const READ_BYTES = 64 * 1024;
/** A longer line is no report line. */
const MAX_LINE_BYTES = 8 * 1024;
/** A report in all, as JSON, and its members. */
const MAX_REPORT_BYTES = 4 * 1024;
const MAX_MEMBERS = 20;
/** An output that is longer has its end beside it. */
const LONG_OUTPUT_CHARS = 4_000;
const TAIL_CHARS = 2_000;

/**
 * A result with its `report`, where its output has report lines, and its `tail`, where its output
 * is long. The output itself stays as it is.
 */
export function withReport(
  result: ExecutorResult,
  redact: (text: string) => string = (text) => text,
): TaskResult {
  // Before anything is cut: of a secret cut in two nothing would be found.
  const output = redact(result.output);
  const report = readReport(output);
  return {
    ...result,
    ...report === undefined ? {} : { report },
    ...output.length > LONG_OUTPUT_CHARS ? { tail: lastChars(output, TAIL_CHARS) } : {},
  };
}

/**
 * What the report lines of an output say together, a later member in place of an earlier one of
 * its name; undefined without any. A report beyond its bounds is given up for an `error` that
 * says so.
 */
export function readReport(output: string): TaskReport | undefined {
  const told = linesOf(output).map(parseLine).filter((object) => object !== undefined);
  if (told.length === 0) return undefined;
  const members = told.flatMap((object) => Object.entries(object)).filter(isWellFormed);
  const report = Object.fromEntries(members);
  const { length } = Object.keys(report);
  if (length > MAX_MEMBERS) {
    return {
      error: `Cannot keep the report: it has ${length} members, the limit is ${MAX_MEMBERS}`,
    };
  }
  const bytes = byteLength(JSON.stringify(report));
  if (bytes > MAX_REPORT_BYTES) {
    return {
      error: `Cannot keep the report: it has ${bytes} bytes, the limit is ${MAX_REPORT_BYTES}`,
    };
  }
  return report;
}

/** What members that Holdfast knows must look like. */
const KNOWN = new Map<string, z.ZodType>(Object.entries({
  goal: z.literal("complete"),
  summary: z.string(),
  audit: z.enum(["confirmed", "missing"]),
  findings: z.array(z.string()),
  delay: z.looseObject({ seconds: z.number().min(0), reason: z.string() }),
  usage: z.looseObject({
    tokens: z.number().min(0).optional(),
    costUsd: z.number().min(0).optional(),
  }),
  session: z.string().min(1).max(MAX_SESSION_CHARS).refine((name) => !name.includes("\0")),
}));

const REPORT_LINE = /^\s*@holdfast\s+(\{.*\})\s*$/s;
/** Where a long output has a gap. */
const CUT_LINE = /^\[holdfast: [\d,]+ bytes cut here; /;
/** Stands for a text that is stored apart; the runtime takes a result with it from nobody. */
const RESERVED = '"$blob":';

/** Whole lines: what follows a cut may be the end of a longer one. */
function linesOf(output: string): string[] {
  const end = lastBytes(output, READ_BYTES);
  const lines = end.split(/\r\n|\r|\n/);
  return lines.filter((_, index) => {
    const before = lines[index - 1];
    return before === undefined ? end.length === output.length : !CUT_LINE.test(before);
  });
}

/** The object of a report line; undefined for all other output. */
function parseLine(line: string): { [member: string]: unknown } | undefined {
  const [, json] = REPORT_LINE.exec(line) ?? [];
  if (json === undefined || byteLength(line) > MAX_LINE_BYTES) return undefined;
  try {
    const object = JSON.parse(json);
    return JSON.stringify(object).includes(RESERVED) ? undefined : object;
  } catch {
    // Whoever prints something alike need not mean Holdfast by it.
    return undefined;
  }
}

function isWellFormed([name, value]: [name: string, value: unknown]): boolean {
  return KNOWN.get(name)?.safeParse(value).success ?? true;
}

/** The end of a text, without half of a character. */
function lastChars(text: string, count: number): string {
  const end = text.slice(-count);
  return /^[\uDC00-\uDFFF]/.test(end) ? end.slice(1) : end;
}
