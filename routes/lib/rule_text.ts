/** What the rule of a schedule means, in words. A cron that is not simple is left as it is. */
import type { ScheduleRule } from "../../machines/lib/schedule_rule.ts";
import { iso } from "./times.ts";

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]] as const;

/** `every 5 minutes`, `every day at 03:00, Europe/Berlin`, `once, at 2030-01-31T18:00:00.000Z`. */
export function ruleText(rule: ScheduleRule): string {
  if ("at" in rule) return `once, at ${iso(rule.at)}`;
  if ("everySeconds" in rule) return intervalText(rule.everySeconds);
  return `${cronText(rule.cron.trim())}, ${rule.timezone}`;
}

function intervalText(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds % size === 0) ?? ["second", 1];
  const count = seconds / size;
  return count === 1 ? `every ${unit}` : `every ${count} ${unit}s`;
}

function cronText(cron: string): string {
  const [, minute, hour] = /^(\d{1,2})\s+(\d{1,2})\s+\*\s+\*\s+\*$/.exec(cron) ?? [];
  if (minute === undefined || hour === undefined) return `by cron "${cron}"`;
  return `every day at ${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
}
