/**
 * Figures: what a bench found, beside the floor that raw libSQL reached with the same rows in the
 * same run. The machine decides the figure, so the ratio is what can be compared.
 */
import type { SyncMode } from "./context.ts";

export type Figure = {
  bench: string;
  what: string;
  value: number;
  unit: Unit;
  syncMode: SyncMode;
  /** The same, by raw libSQL; null where there is nothing to compare with. */
  floor: number | null;
  /** What must hold, in the unit: at least for rates, below for the rest. */
  target: number | null;
  /** The ratio that must hold too. */
  leastRatio?: number;
  /** Why it was not measured; its value is then NaN. */
  skipped?: string;
};

export type Unit =
  | "transitions/s"
  | "events/s"
  | "entries/s"
  | "ms"
  | "MB"
  | "wake-ups"
  | "commits"
  | "calls";

/** More is better for rates, less for times and sizes. */
export function isRate(unit: Unit): boolean {
  return unit.endsWith("/s");
}

/** The figure as a multiple of its floor. */
export function ratioOf({ value, floor }: Figure): number | null {
  return floor === null || floor === 0 ? null : value / floor;
}

/** Whether the figure holds what it must, or null where nothing is asked. */
export function holds(figure: Figure): boolean | null {
  const { value, unit, target, leastRatio = 0 } = figure;
  if (target === null) return null;
  if ((ratioOf(figure) ?? Infinity) < leastRatio) return false;
  return isRate(unit) ? value >= target : value < target;
}

/** What must hold, in words. */
export function promiseOf({ unit, target, leastRatio }: Figure): string | null {
  if (target === null) return null;
  const ratio = leastRatio === undefined ? "" : `, ratio ≥ ${leastRatio}`;
  return `${isRate(unit) ? "≥" : "<"} ${shown(target)}${ratio}`;
}

/** A number with the digits that mean something. */
export function shown(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(value >= 10 ? 3 : 2);
}
