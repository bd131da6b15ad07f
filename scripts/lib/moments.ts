/** Instants as people write and read them. */
import { UsageError } from "./args.ts";
import { parseDuration, showDuration } from "./durations.ts";

/**
 * An instant as the API takes it, from one or from a span that begins now. `name` is where it was
 * given, `now` ms since the epoch. Throws `UsageError`.
 */
export function parseMoment(text: string, name: string, now: number): string {
  if (/^\d+[a-z]+$/.test(text)) return new Date(now + parseDuration(text, name)).toISOString();
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) {
    return new Date(text).toISOString();
  }
  throw new UsageError(
    `Cannot use ${name} "${text}": want a time such as 2030-01-31T18:00Z, or a span such as 8h`,
  );
}

/** `in 4m 10s` or `2h ago`. Both are ms since the epoch. */
export function fromNow(at: number, now: number): string {
  return at >= now ? `in ${showDuration(at - now)}` : `${showDuration(now - at)} ago`;
}
