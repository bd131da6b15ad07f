/** How schedules look to people: in lists, and in full. */
import { showDuration } from "./durations.ts";
import { type Fact, factsText, joined, section } from "./facts.ts";
import { fromNow } from "./moments.ts";
import { type Column, visible } from "./output.ts";
import type { Rule, Schedule } from "./schedule_answers.ts";

/** Longest name in a list. */
const MAX_NAME_CHARS = 40;

export function scheduleColumns(now: number): Column<Schedule>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "STATE", value: stateText },
    { title: "RULE", value: ({ schedule }) => schedule && ruleText(schedule) },
    { title: "NEXT", value: ({ nextRunAt }) => nextRunAt && fromNow(Date.parse(nextRunAt), now) },
    { title: "RUNS", value: ({ counts }) => counts["runs"], align: "right" },
    { title: "LAST", value: ({ last }) => last?.outcome },
    { title: "NAME", value: ({ name }) => shortened(name ?? "") },
  ];
}

/** A schedule in full: a line for each fact, what each run is, and the end of the last one. */
export function scheduleText(schedule: Schedule, now: number): string {
  const { last } = schedule;
  return joined(
    factsText(schedule.id, factsOf(schedule, now)),
    section("Each run", taskLines(schedule)),
    section("Last result", last?.result ? last.result.split("\n").map(visible) : []),
  );
}

/** `every 5m`, `0 3 * * * Europe/Berlin`, `at 2030-01-31T18:00:00.000Z`. */
export function ruleText(rule: Rule): string {
  if ("everySeconds" in rule) return `every ${showDuration(Number(rule.everySeconds) * 1_000)}`;
  return "cron" in rule ? `${rule.cron} ${rule.timezone}` : `at ${rule.at}`;
}

function factsOf(schedule: Schedule, now: number): Fact[] {
  const { run, last, counts, maxRuns, pausedDetail } = schedule;
  const at = (time: string | null | undefined) =>
    time ? `${time} (${fromNow(Date.parse(time), now)})` : null;
  const done = Object.entries(counts).map(([what, count]) => `${count} ${wordsOf(what)}`);
  return [
    ["name", schedule.name],
    ["state", stateText(schedule)],
    ["why", pausedDetail],
    ["rule", schedule.schedule && ruleText(schedule.schedule)],
    ["next", at(schedule.nextRunAt)],
    ["waiting", schedule.waiting.length === 0 ? null : String(schedule.waiting.length)],
    ["running", run && `${run.task ?? "its job"} since ${run.startedAt}`],
    ["last", last && `${last.outcome} ${at(last.endedAt)}`],
    ["error", last?.error],
    ["counts", done.join(", ")],
    ["max runs", maxRuns === null || maxRuns === undefined ? null : String(maxRuns)],
    ["expires", at(schedule.expiresAt)],
    ["overlap", schedule.overlap],
    ["catch-up", schedule.catchUp],
    ["session", schedule.fresh ? "a new one each time" : schedule.lastSession ?? schedule.session],
    ["scope", schedule.scope],
    ["made by", schedule.createdBy ?? "the operator"],
    ["managed by", schedule.manageMode],
    ["purged", at(schedule.purgeAt)],
    ["revision", String(schedule.revision)],
  ];
}

function taskLines({ job, task }: Schedule): string[] {
  if (job) return [visible(`job ${job}`)];
  if (!task) return [];
  const { command, prompt, envNames, ...rest } = task;
  const others = Object.entries(rest).flatMap(([name, value]) =>
    value === null ? [] : [`${name} ${JSON.stringify(value)}`]
  );
  return [
    `command ${JSON.stringify(command)}`,
    ...prompt === undefined ? [] : [`prompt ${JSON.stringify(prompt)}`],
    ...envNames.length === 0 ? [] : [`env ${envNames.join(", ")}`],
    ...others,
  ].map(visible);
}

/** The state, and why it stands still. */
function stateText({ state, pausedReason }: Schedule): string {
  return state.startsWith("paused") && pausedReason ? `${state}, ${wordsOf(pausedReason)}` : state;
}

/** `failuresInRow` as words. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function shortened(text: string): string {
  return text.length <= MAX_NAME_CHARS ? text : `${text.slice(0, MAX_NAME_CHARS - 1)}…`;
}
