/**
 * Search in what a terminal has shown. The pattern is a stranger's and so is the text: the engine
 * takes time in proportion to both (no backtracking), and long texts are searched in slices, so
 * that others have their turn.
 */
import { RE2JS, RE2JSException } from "re2js";
import { setImmediate } from "node:timers/promises";
import {
  MAX_ANSWER_CHARS,
  MAX_PATTERN_CHARS,
  MAX_SHOWN_CHARS,
  SEARCH_MS,
  SEARCH_SLICE_CHARS,
} from "./terminal_limits.ts";

export type SearchQuery = {
  /** A regular expression as RE2 takes it. */
  pattern: string;
  /** Most matching lines. */
  limit: number;
  /** Lines shown before and after each. */
  context: number;
};

/** A line in which the pattern occurs. */
export type SearchMatch = {
  /** 1 is the oldest line that is kept. */
  line: number;
  content: string;
  before: string[];
  after: string[];
};

export type SearchResult = {
  matches: SearchMatch[];
  /** Lines that were searched. */
  lines: number;
  /** There are, or may be, more matches. */
  truncated: boolean;
};

/** A pattern cannot be searched for. */
export class PatternError extends Error {
  /** Always `PatternError`. */
  override name = "PatternError";
}

/** Finds the first lines in which the pattern occurs. Throws `PatternError`. */
export async function searchLines(
  source: Iterable<string>,
  query: SearchQuery,
  now: () => number,
): Promise<SearchResult> {
  const pattern = compile(query.pattern);
  const lines = [...source];
  const matches: SearchMatch[] = [];
  const until = now() + SEARCH_MS;
  let shown = 0;
  let sliceChars = 0;
  for (const [index, content] of lines.entries()) {
    sliceChars += content.length;
    if (sliceChars > SEARCH_SLICE_CHARS) {
      sliceChars = 0;
      await setImmediate();
      if (now() > until) return { matches, lines: lines.length, truncated: true };
    }
    if (!pattern.matcher(content).find()) continue;
    if (matches.length === query.limit || shown > MAX_ANSWER_CHARS) {
      return { matches, lines: lines.length, truncated: true };
    }
    const match = matchAt(lines, index, query.context);
    shown += match.content.length + charsOf(match.before) + charsOf(match.after);
    matches.push(match);
  }
  return { matches, lines: lines.length, truncated: false };
}

function compile(pattern: string) {
  if (pattern.length < 1 || pattern.length > MAX_PATTERN_CHARS) {
    throw new PatternError(
      `Cannot search for a pattern of ${pattern.length} characters: ` +
        `want 1 to ${MAX_PATTERN_CHARS}`,
    );
  }
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new PatternError(`Cannot search for "${pattern}": ${error.message}`, { cause: error });
  }
}

function matchAt(lines: readonly string[], index: number, context: number): SearchMatch {
  return {
    line: index + 1,
    content: show(lines[index] ?? ""),
    before: lines.slice(Math.max(0, index - context), index).map(show),
    after: lines.slice(index + 1, index + 1 + context).map(show),
  };
}

function show(line: string): string {
  return line.length <= MAX_SHOWN_CHARS ? line : `${line.slice(0, MAX_SHOWN_CHARS)}…`;
}

function charsOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}
