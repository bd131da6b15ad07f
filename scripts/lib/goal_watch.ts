/** `deno task goal watch`: follows a goal to its end, a line for each thing that happens to it. */
import type { Client } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import type { Goal, GoalEntry } from "./goal_answers.ts";
import { GOAL_CODES, GOAL_ID, resolveGoalId, WATCH_CODES } from "./goal_command.ts";
import { followGoal } from "./goal_follow.ts";
import { onInterrupts } from "./interrupts.ts";
import { createOutput, type Output, visible } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { INTERRUPTED, TIMED_OUT } from "./task_exit_code.ts";

const SPEC = {
  name: "goal watch",
  summary:
    "Follows a goal to its end: its iterations, its audits, and why it stands where it does." +
    "\nCtrl-C leaves the goal to the server, which goes on with it.",
  positionals: [GOAL_ID],
  options: CONNECTION,
  exitCodes: { ...GOAL_CODES, ...WATCH_CODES },
  examples: ["deno task goal watch V1St && deno task run -- ./deploy"],
} as const;

export const watchCommand = subcommand(SPEC, async ({ options, positionals: [text = ""] }) => {
  const client = connect(options);
  return await watchGoal(client, await resolveGoalId(client, text), createOutput(options));
});

/** Shows a goal until it has ended, and returns the exit code. */
export async function watchGoal(client: Client, id: string, output: Output): Promise<number> {
  const left = new AbortController();
  const leave = () => left.abort();
  const release = onInterrupts({ onFirst: leave, onSecond: leave });
  let state = "";
  try {
    const ended = await followGoal(client, id, {
      signal: left.signal,
      onStart: (goal) => {
        state = goal.state;
        output.line(goal, lineOf(goal.updatedAt, goal.state, goal.why));
      },
      onChange: (entry, goal) => {
        const lines = linesOf(entry, goal, state);
        if (lines.length > 0) output.line(entry, lines.join("\n"));
        state = entry.state;
      },
      onLost: () => output.note("The server is gone; it goes on when it is back. Waiting …"),
    });
    return ended === undefined ? INTERRUPTED : exitCodeOf(ended);
  } finally {
    release();
  }
}

/** What an entry tells. Where it tells nothing but a new state, the reason for that is told. */
function linesOf({ at, state, emitted }: GoalEntry, goal: Goal, before: string): string[] {
  const told = emitted.flatMap(({ type, iteration, task, confirmed, findings = [] }) => {
    if (type === "goal.iteration") return [lineOf(at, state, `iteration ${iteration}: ${task}`)];
    if (type !== "goal.audited") return [];
    if (confirmed) return [lineOf(at, state, "the audit has confirmed the claim")];
    return findings.map((finding) => lineOf(at, state, `the audit found: ${finding}`));
  });
  if (state === before && told.length === 0) return [];
  const isExplained = told.length > 0 && state !== "complete" && state !== "paused";
  const why = goal.state === state ? goal.why : undefined;
  return isExplained ? told : [...told, lineOf(at, state, why)];
}

function lineOf(at: string | undefined, state: string, text = ""): string {
  const time = at === undefined ? "" : `${at.slice(11, 19)}  `;
  return visible(`${time}${state.padEnd(STATE_CHARS)}  ${text}`.trimEnd());
}

/** The longest state. */
const STATE_CHARS = "waitingForSession".length;

function exitCodeOf({ state }: Goal): number {
  if (state === "complete") return EXIT.ok;
  return state === "timeout" ? TIMED_OUT : EXIT.failed;
}
