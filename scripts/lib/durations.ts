/** Spans of time as people write and read them: `90s`, `10m`, `2h`, `30d`. */
import { UsageError } from "./args.ts";

const UNITS_MS: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 60 * 60_000,
  d: 24 * 60 * 60_000,
};

/** A span in ms. `name` is where it was given. Throws `UsageError`. */
export function parseDuration(text: string, name: string): number {
  const [, digits, unit = ""] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS_MS[unit] ?? NaN);
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  throw new UsageError(`Cannot use ${name} "${text}": want a time such as 90s, 10m, 2h or 30d`);
}

/** A span in its two largest units at most: `350ms`, `12s`, `4m 10s`, `3d 2h`. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.round(ms / 1_000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts.slice(first, first + 2).filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`).join(" ");
}
