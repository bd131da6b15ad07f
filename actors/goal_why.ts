/** Why a goal is where it is, as one sentence for people. */
import type { GoalContext, GoalStep } from "../machines/goal_context.ts";
import { isoOf } from "../machines/lib/times.ts";
import { taskAddress } from "../machines/task_context.ts";

/** `state` is the goal's; `holder` is who holds the session that it waits for, where it is known. */
export function whyOf(context: GoalContext, state: string, holder?: string | null): string {
  switch (state) {
    case "waitingForSession":
      return sessionSentence(context, holder);
    case "active.iterating":
      return context.step === null
        ? `Its deadline has passed: before its last iteration it ${
          lowered(sessionSentence(context, holder))
        }`
        : stepSentence(context, context.step);
    case "active.auditing":
      return context.step === null ? "An audit is underway" : stepSentence(context, context.step);
    case "active.delayed":
      return delaySentence(context);
    case "paused":
      return pauseSentence(context);
    default:
      return endSentence(context, state);
  }
}

function sessionSentence({ session }: GoalContext, holder?: string | null): string {
  const by = holder ? `, which ${holder} holds` : "";
  return `Waits for session "${session}"${by}`;
}

function stepSentence(context: GoalContext, { kind, task, stopped }: GoalStep): string {
  const work = {
    iteration: `${task} works on iteration ${context.iteration}${becauseOf(context)}`,
    last: `Its deadline has passed: ${task} leaves things in order`,
    audit: `${task} checks whether the objective is reached, as ${claimant(context)} claims`,
  }[kind];
  if (stopped !== null) return `${work}; it is called off: ${STOPS[stopped]}`;
  return kind === "iteration" ? work + afterwards(context) : work;
}

/** What follows the iteration that is underway, where it is not just the next. */
function afterwards(context: GoalContext): string {
  const { claim, delay } = context;
  if (claim !== null) {
    return `; ${claimant(context)} claims that the objective is reached: ${decision(context)}`;
  }
  return delay === null ? "" : `; then it ${lowered(delaySentence(context))}`;
}

const STOPS = {
  preempted: "a person took its session",
  paused: "the goal is being paused",
  deadline: "the deadline has passed",
  cancelled: "the goal is cancelled",
};

function decision({ plan }: GoalContext): string {
  return plan.audit === null ? "when it ends, that is believed" : "when it ends, an audit decides";
}

/** What an audit has found that iterations now work on. */
function becauseOf({ guard: { findings } }: GoalContext): string {
  const [first, ...others] = findings ?? [];
  if (first === undefined) return "";
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return `; the last audit found: ${first}${more}`;
}

/** Who claims that it is reached. Of the goal's own iterations their number says enough. */
function claimant({ id, claim }: GoalContext): string {
  const by = claim?.by ?? "nobody";
  const own = `${taskAddress(`task_${id}`)}_iteration_`;
  const [number] = by.startsWith(own) ? by.slice(own.length).split("_") : [];
  return number === undefined ? by : `iteration ${number}`;
}

function delaySentence({ delay }: GoalContext): string {
  if (delay === null) return "Waits before its next iteration";
  return `Waits until ${isoOf(delay.until)}${delay.reason ? `: ${delay.reason}` : ""}`;
}

function pauseSentence(context: GoalContext): string {
  const { paused, claim, plan } = context;
  if (paused === null) return "Is paused";
  const { reason, detail } = paused;
  const why = reason === "person"
    ? `Paused by a person${detail ? `: ${detail}` : ""}`
    : `Paused by itself: ${detail ?? reason}`;
  if (claim === null || plan.audit === null) return why;
  return `${why}; when it is resumed, an audit decides what ${claimant(context)} claims`;
}

function endSentence(context: GoalContext, state: string): string {
  const { plan, reason, guard } = context;
  switch (state) {
    case "complete":
      return plan.audit === null
        ? `Reached, as ${claimant(context)} claims; no audit was asked for`
        : `Reached: an audit has confirmed what ${claimant(context)} claims`;
    case "timeout": {
      const found = guard.findings?.[0];
      const missing = found === undefined ? "" : `; the last audit had found: ${found}`;
      return `Its deadline passed at ${isoOf(plan.deadlineAt)}${missing}`;
    }
    case "cancelled":
      return `Cancelled by a person${reason ? `: ${reason}` : ""}`;
    default:
      return `It is ${state}`;
  }
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
