/** How goals look to people: in lists, and in full. */
import { showDuration } from "./durations.ts";
import type { Goal } from "./goal_answers.ts";
import { type Fact, factsText, joined, section } from "./facts.ts";
import { fromNow } from "./moments.ts";
import { type Column, visibleLines } from "./output.ts";

/** Longest objective in a list. */
const MAX_OBJECTIVE_CHARS = 60;

/** `now` is asked at each drawing. */
export function goalColumns(now: () => number): Column<Goal>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "STATE", value: ({ state }) => state },
    { title: "SCOPE", value: ({ scope }) => scope },
    { title: "ITERATION", value: ({ iteration }) => iteration, align: "right" },
    { title: "AUDITS", value: ({ audits }) => audits, align: "right" },
    { title: "LEFT", value: (goal) => timeLeft(goal, now()), align: "right" },
    { title: "OBJECTIVE", value: ({ objective = "" }) => shortened(objective) },
  ];
}

/** Of goals that something has been done to. */
export const STEERED_COLUMNS: Column<Goal>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "STATE", value: ({ state }) => state },
  { title: "WHY", value: ({ why }) => why },
];

/** A goal in full: a line for each fact, then its longer texts. */
export function goalText(goal: Goal, now: number): string {
  const { objective = "", findings, lastResult = "" } = goal;
  return joined(
    factsText(goal.id, factsOf(goal, now)),
    section("Objective", linesOf(objective)),
    section(
      "Missing, says the last audit",
      (findings ?? []).flatMap((text) => linesOf(`- ${text}`)),
    ),
    section("Last result", linesOf(lastResult)),
  );
}

function factsOf(goal: Goal, now: number): Fact[] {
  const { deadlineAt, endedAt, createdAt, claim, audit, step, last } = goal;
  const at = (time: string | null | undefined) =>
    time ? `${time} (${fromNow(Date.parse(time), now)})` : null;
  return [
    ["state", goal.state],
    ["why", goal.why],
    ["scope", goal.scope],
    ["session", goal.session],
    ["agent", goal.agent],
    ["deadline", at(deadlineAt)],
    ["iterations", String(goal.iteration ?? 0)],
    ["audits", audit === "none" ? "none are asked for" : String(goal.audits ?? 0)],
    ["budget", spentText(goal)],
    ["underway", step && `${step.kind} ${step.task}`],
    [
      "last",
      last && `${last.kind} ${last.task}: ${last.state}${last.error ? `, ${last.error}` : ""}`,
    ],
    ["claim", claim && `by ${claim.by}${claim.summary === "" ? "" : `: ${claim.summary}`}`],
    ["created by", goal.createdBy],
    ["created", at(createdAt)],
    ["ended", at(endedAt)],
  ];
}

/** `1200 of 5000 tokens, 0.5 usd`. */
function spentText({ budget = {}, spent = {} }: Goal): string {
  return Object.entries(spent).map(([unit, used]) => {
    const limit = budget[unit];
    return `${used}${limit === null || limit === undefined ? "" : ` of ${limit}`} ${unit}`;
  }).join(", ");
}

function timeLeft({ deadlineAt, endedAt }: Goal, now: number): string | null {
  if (!deadlineAt || endedAt) return null;
  return showDuration(Math.max(0, Date.parse(deadlineAt) - now));
}

function shortened(text: string): string {
  return text.length <= MAX_OBJECTIVE_CHARS ? text : `${text.slice(0, MAX_OBJECTIVE_CHARS - 1)}…`;
}

function linesOf(text: string): string[] {
  return text.trim() === "" ? [] : visibleLines(text.trim()).split("\n");
}
