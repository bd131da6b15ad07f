/**
 * How each event changes what a goal remembers, one change a function. Which events it takes, and
 * when, is the statechart's to say.
 */
import { assertEvent } from "xstate";
import type { ActorEnded } from "./lib/builtins.ts";
import { type GoalContext, type GoalPauseReason, type GoalStep, NO_GUARD } from "./goal_context.ts";
import type { GoalEvent } from "./goal_events.ts";
import {
  MAX_DELAY_S,
  MAX_FINDING_CHARS,
  MAX_FINDINGS,
  MAX_SHORT_IN_ROW,
  MAX_UNCHANGED,
  MIN_DELAY_S,
  SHORT_ITERATION_MS,
} from "./goal_input.ts";
import { stepTaskAddress } from "./goal_requests.ts";
import { endOfTask, tailOf, type TaskEnd } from "./task_output.ts";

/** What a transition starts from. */
type Args<E = GoalEvent> = { readonly context: GoalContext; readonly event: E };
type Change = Partial<GoalContext>;

/** What an audit that says nothing that can be understood has found. */
const NO_VERDICT = "The audit gave no verdict";

/** The end of a task that was called off and has not said that it has ended. */
const NO_WORD: TaskEnd = {
  state: "unknown",
  succeeded: false,
  result: null,
  error: "Its task did not say that it has ended",
  sessionId: null,
  usage: { tokens: 0, costUsd: 0 },
  workedMs: 0,
  report: {},
};

/** The event's time. The event by which XState makes an actor has none. */
export function timeOf({ context, event }: Args<{ readonly at?: number }>): number {
  return event.at ?? context.createdAt;
}

export function hasTime(args: Args): boolean {
  return timeOf(args) < args.context.plan.deadlineAt;
}

export function configure({ event }: Args): Change {
  assertEvent(event, "goal.configure");
  return { plan: event.plan };
}

export function beginStep(args: Args, kind: GoalStep["kind"]): Change {
  const { context } = args;
  const counted = kind === "audit"
    ? { ...context, audits: context.audits + 1 }
    : { ...context, iteration: context.iteration + 1 };
  const step: GoalStep = {
    kind,
    task: stepTaskAddress(counted, kind, timeOf(args)),
    startedAt: timeOf(args),
    session: kind === "audit" ? null : context.session,
    stopped: null,
  };
  return { step, iteration: counted.iteration, audits: counted.audits, delay: null };
}

export function noteStop({ context }: Args, stopped: GoalStep["stopped"]): Change {
  return context.step === null ? {} : { step: { ...context.step, stopped } };
}

/** What an iteration came to. */
export function keepIteration(args: Args): Change {
  const { context, event } = args;
  assertEvent(event, "actor.ended");
  const end = endOfTask(event);
  const { report } = end;
  const { guard } = context;
  const isClaim = report.goal === "complete";
  const delay = isClaim ? null : delayOf(args, report.delay);
  return {
    ...endStep(args, end),
    session: context.session ?? end.sessionId,
    lastResult: tailOf(end.result) || context.lastResult,
    claim: isClaim ? claimOf(args, report.summary) : context.claim,
    delay: delay === undefined ? context.delay : delay,
    guard: {
      ...guard,
      shortInRow: isLong(end) ? 0 : guard.shortInRow + 1,
      unchanged: guard.findings === null ? 0 : guard.unchanged + 1,
    },
  };
}

/** A step that was called off says nothing of who worked, but that it was no short one. */
export function keepStopped(args: Args): Change {
  const { event, context: { guard, step } } = args;
  const end = event.type === "actor.ended" ? endOfTask(event) : NO_WORD;
  const isBroken = step?.kind !== "audit" && isLong(end);
  return { ...endStep(args, end), guard: isBroken ? { ...guard, shortInRow: 0 } : guard };
}

/** What an audit came to. Nothing but its own word confirms a claim. */
export function keepAudit(args: Args): Change {
  const { context, event } = args;
  assertEvent(event, "actor.ended");
  const end = endOfTask(event);
  const ended = endStep(args, end);
  if (isConfirmed(event)) return { ...ended, guard: { ...context.guard, findings: [] } };
  const findings = findingsOf(end);
  const isSame = JSON.stringify(findings) === JSON.stringify(context.guard.findings);
  const guard = { ...context.guard, findings, unchanged: isSame ? context.guard.unchanged : 0 };
  return { ...ended, guard, claim: null };
}

/** Whether the end of an audit's task confirms the claim. */
export function isConfirmed(event: ActorEnded): boolean {
  const { succeeded, report } = endOfTask(event);
  return succeeded && report.audit === "confirmed";
}

export function noteClaim(args: Args): Change {
  const { event } = args;
  assertEvent(event, "goal.complete");
  return { claim: claimOf(args, event.summary, event.by), delay: null, paused: null };
}

export function keepDelay(args: Args): Change {
  const { event } = args;
  assertEvent(event, "goal.delay");
  return { delay: delayOf(args, event) ?? null };
}

export function clearDelay(): Change {
  return { delay: null };
}

export function pauseByPerson({ event }: Args): Change {
  assertEvent(event, "goal.pause");
  return { paused: { reason: "person", detail: event.reason ?? null }, delay: null };
}

/** Pauses by itself, and says why. */
export function pauseItself({ context }: Args): Change {
  const reason = stopReason(context);
  if (reason === null) return {};
  return { paused: { reason, detail: DETAILS[reason](context) }, delay: null };
}

/** A person has looked at it: what went wrong is counted anew. */
export function resume({ context }: Args): Change {
  return { paused: null, delay: null, guard: { ...NO_GUARD, findings: context.guard.findings } };
}

export function cancel({ event }: Args): Change {
  assertEvent(event, "goal.cancel");
  return { reason: event.reason ?? null };
}

/** Why it must not go on by itself; null where it may. */
export function stopReason(
  { spent, plan: { budget }, guard }: GoalContext,
): Exclude<GoalPauseReason, "person"> | null {
  const isSpent = budget.tokens !== null && spent.tokens >= budget.tokens ||
    budget.usd !== null && spent.costUsd >= budget.usd;
  if (isSpent) return "budget";
  if (guard.shortInRow >= MAX_SHORT_IN_ROW) return "runaway";
  return guard.unchanged >= MAX_UNCHANGED ? "noProgress" : null;
}

const DETAILS = {
  budget: ({ spent }: GoalContext) =>
    `Used ${spent.tokens} tokens and ${spent.costUsd} USD; raise the budget to go on`,
  runaway: () => `${MAX_SHORT_IN_ROW} iterations in a row took less than 3 min`,
  noProgress: () => `What the audit found has not changed for ${MAX_UNCHANGED} iterations`,
};

function endStep(args: Args, end: TaskEnd): Change {
  const { step, spent, last } = args.context;
  const { tokens, costUsd } = end.usage;
  const done = step === null ? last : {
    kind: step.kind,
    task: step.task,
    startedAt: step.startedAt,
    endedAt: timeOf(args),
    workedMs: end.workedMs,
    state: end.state,
    error: end.error?.slice(0, MAX_FINDING_CHARS) ?? null,
    stopped: step.stopped,
  };
  return {
    step: null,
    last: done,
    spent: { tokens: sumOf(spent.tokens, tokens), costUsd: sumOf(spent.costUsd, costUsd) },
  };
}

/**
 * Adds up what tasks say they have used, to the millionth: ten times 0.1 is 1. It stays a number
 * that JSON holds, whatever they say.
 */
function sumOf(spent: number, more: number): number {
  const sum = Math.min(spent + more, Number.MAX_SAFE_INTEGER);
  return Math.round(sum * 1e6) / 1e6;
}

function isLong({ workedMs }: TaskEnd): boolean {
  return workedMs >= SHORT_ITERATION_MS;
}

function claimOf(args: Args, summary: unknown, by?: string) {
  return {
    at: timeOf(args),
    by: by ?? args.context.step?.task ?? "api",
    summary: typeof summary === "string" ? summary.slice(0, MAX_FINDING_CHARS) : "",
  };
}

/** Undefined where nothing is said of a delay; null where it is over. */
function delayOf(args: Args, said: unknown) {
  const { seconds, reason } = (said ?? {}) as { seconds?: unknown; reason?: unknown };
  if (typeof seconds !== "number" || !(seconds >= 0)) return undefined;
  if (seconds === 0) return null;
  const waits = Math.min(Math.max(seconds, MIN_DELAY_S), MAX_DELAY_S);
  return {
    until: timeOf(args) + waits * 1_000,
    reason: typeof reason === "string" ? reason.slice(0, MAX_FINDING_CHARS) : null,
  };
}

function findingsOf({ report, error }: TaskEnd): readonly string[] {
  const { findings } = report;
  const said = Array.isArray(findings) ? findings : [];
  const texts = said.filter((finding) => typeof finding === "string" && finding.trim() !== "");
  // A report that is too large is given up, and says so in place of what it said.
  const reason = error ?? (typeof report.error === "string" ? report.error : null);
  if (texts.length === 0) return [reason === null ? NO_VERDICT : `${NO_VERDICT}: ${reason}`];
  return texts.slice(0, MAX_FINDINGS).map((text) => text.trim().slice(0, MAX_FINDING_CHARS));
}
