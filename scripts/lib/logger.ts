/**
 * The log of the server: one line an entry on stderr, so that stdout stays for data. JSON for
 * programs, columns for people on a terminal. Every line goes through the redactor; line breaks
 * and control characters are escaped, so that no text from outside can forge an entry.
 */
import { type Clock, systemClock } from "../../actors/runtime/clock.ts";
import type { Logger } from "../../actors/runtime/api.ts";
import { type Stream, visible, write } from "./output.ts";

type Level = Parameters<Logger>[0];
type Fields = { readonly [name: string]: unknown };

export type LoggerOptions = {
  /** The least that is logged. */
  level: Level;
  /** `auto`: text on a terminal, else JSON. */
  format: "auto" | "json" | "text";
  /** Takes secrets out of a line. */
  redact?: (text: string) => string;
  stream?: Stream;
  clock?: Pick<Clock, "now">;
  /** Whether text may have colours. */
  colour?: boolean;
};

const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];
const COLOURS: { readonly [L in Level]: number } = { debug: 90, info: 36, warn: 33, error: 31 };

/** Fields that come first, in this order: what a line is about. */
const FIRST = ["address", "event"];
/** Longest value of a field in text. */
const MAX_FIELD_CHARS = 400;

export function createLogger(options: LoggerOptions): Logger {
  const { level, format, redact = (text: string) => text } = options;
  const { stream = Deno.stderr, clock = systemClock } = options;
  const terminal = stream.isTerminal();
  const colour = options.colour ?? (terminal && !Deno.noColor);
  const json = format === "json" || (format === "auto" && !terminal);
  const least = LEVELS.indexOf(level);
  return (at, message, fields = {}) => {
    if (LEVELS.indexOf(at) < least) return;
    const time = new Date(clock.now()).toISOString();
    const entry = { time, level: at, message, fields: sorted(fields) };
    writeLine(stream, json ? jsonLine(entry, redact) : textLine(entry, { redact, colour }));
  };
}

type Entry = { time: string; level: Level; message: string; fields: readonly [string, unknown][] };

function jsonLine({ time, level, message, fields }: Entry, redact: (text: string) => string) {
  const texts = (_: string, value: unknown) => typeof value === "string" ? redact(value) : value;
  const plain = fields.map(([name, value]) => [name, jsonable(value)]);
  return JSON.stringify({ time, level, message, ...Object.fromEntries(plain) }, texts);
}

function textLine(
  { time, level, message, fields }: Entry,
  { redact, colour }: { redact: (text: string) => string; colour: boolean },
): string {
  const paint = (code: number, text: string) => colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const parts = fields.map(([name, value]) => {
    const text = visible(redact(fieldText(value))).slice(0, MAX_FIELD_CHARS);
    return FIRST.includes(name) ? text : `${paint(90, `${name}=`)}${text}`;
  });
  return [
    paint(90, time.slice(11, 23)),
    paint(COLOURS[level], level.toUpperCase().padEnd(5)),
    visible(redact(message)),
    ...parts,
  ].join(" ");
}

/** Address and event first; fields without a value are left out. */
function sorted(fields: Fields): [string, unknown][] {
  const rank = (name: string) => FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length;
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .sort(([a], [b]) => rank(a) - rank(b));
}

/** Errors, big integers and what cannot be JSON, in a form that can. */
function jsonable(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack } = value;
    const cause = value.cause === undefined ? {} : { cause: jsonable(value.cause) };
    return { name, message, stack, ...cause };
  }
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" && !isJson(value) ? Deno.inspect(value) : value;
}

function fieldText(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === "string" ? value : JSON.stringify(jsonable(value)) ?? String(value);
}

function isJson(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch (error) {
    // Cycles and big integers: the one thing that stringify throws.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** A reader of the log that went away must not take the server with it. */
function writeLine(stream: Stream, line: string): void {
  try {
    write(stream, `${line}\n`);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
