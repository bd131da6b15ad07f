/**
 * How each event changes what a schedule remembers, one change a function. Which events it takes,
 * and when, is the statechart's to say.
 */
import { assertEvent } from "xstate";
import type {
  PauseReason,
  ScheduleContext,
  ScheduleRunDone,
  ScheduleRunNow,
  Slot,
} from "./schedule_context.ts";
import type { ScheduleEvent } from "./schedule_events.ts";
import {
  MAX_FAILURES_IN_ROW,
  MAX_RESULT_CHARS,
  MAX_WAITING_SLOTS,
  type SchedulePlan,
} from "./schedule_input.ts";
import { runTaskAddress } from "./schedule_requests.ts";
import { firstSlot, hasExpired, newFrom, ruleSlots, slotAfter, takeDue } from "./schedule_slots.ts";
import { endOfTask, tailOf } from "./task_output.ts";

const NOT_MADE = "Its task could not be made: filled in, its template is too large";

/** What a transition starts from. */
type Args<E = ScheduleEvent> = { readonly context: ScheduleContext; readonly event: E };
type Change = Partial<ScheduleContext>;

/** The event's time. The event by which XState makes an actor has none. */
export function timeOf({ context, event }: Args<{ readonly at?: number }>): number {
  return event.at ?? context.createdAt;
}

export function keepDue(args: Args): Change {
  const { counts } = args.context;
  const { taken } = args.context;
  const { nextSlot, newest, queue, skipped, missed } = takeDue(args.context, timeOf(args));
  return {
    nextSlot,
    taken: { ...taken, slot: newest },
    queue,
    counts: { ...counts, skipped: counts.skipped + skipped, missed: counts.missed + missed },
  };
}

/** A new rule counts from now on; another session takes the place of the one that was resumed. */
export function configure(args: Args): Change {
  const { context, event } = args;
  assertEvent(event, "schedule.configure");
  const { plan } = event;
  const isSameRule = JSON.stringify(plan.rule) === JSON.stringify(context.plan.rule);
  return {
    plan,
    ...(plan.session === context.plan.session ? {} : forgetSession(context)),
    ...(isSameRule
      ? { nextSlot: sameRuleSlot(context, plan, event.at) }
      : { anchor: event.at, nextSlot: firstSlot(plan, event.at, context.taken.slot) }),
    ...(hasRunAll({ ...context, plan }) ? haveNone(context) : {}),
  };
}

/** A slot that is due, but not taken yet, stays. */
function sameRuleSlot(context: ScheduleContext, plan: SchedulePlan, at: number): number | null {
  const { nextSlot, anchor, taken } = context;
  if (nextSlot === null) return slotAfter(plan, newFrom(taken.slot, at), anchor);
  return plan.expiresAt !== null && nextSlot > plan.expiresAt ? null : nextSlot;
}

function forgetSession({ run }: ScheduleContext): Change {
  return { lastSession: null, run: run === null ? null : { ...run, isContinued: false } };
}

/** What passed while it was paused is not made up for. */
export function resume({ context, event }: Args): Change {
  return {
    paused: null,
    nextSlot: newSlotAfter(context, event.at),
    counts: { ...context.counts, failuresInRow: 0 },
  };
}

/** Whether it has anything to do when it is resumed. */
export function canResume({ context, event }: Args): boolean {
  return !hasRunAll(context) && newSlotAfter(context, event.at) !== null;
}

function newSlotAfter({ plan, taken, anchor }: ScheduleContext, at: number): number | null {
  return slotAfter(plan, newFrom(taken.slot, at), anchor);
}

export function pauseByPerson({ context, event }: Args): Change {
  assertEvent(event, "schedule.pause");
  return { ...giveUp(context), paused: { reason: "person", detail: event.reason ?? null } };
}

/** Pauses by itself. What a person asked for after too many failures runs all the same. */
export function pauseItself(args: Args): Change {
  const { context } = args;
  const reason = endOf(context, timeOf(args));
  const detail = reason === "failures" ? context.last?.error ?? null : null;
  const asked = context.queue.filter((slot) => slot.isManual);
  return { ...giveUp(context), queue: asked, paused: { reason, detail } };
}

/** Two that are asked for within one ms are two slots. */
export function addManual({ context, event }: Args): Change {
  const { taken, queue, plan } = context;
  const from = newFrom(taken.manual, event.at);
  const at = from === taken.manual ? from + 1 : event.at;
  const slot: Slot = { at, isManual: true };
  const isInstead = plan.overlap === "replace";
  return {
    ...(isInstead ? giveUp(context) : {}),
    taken: { ...taken, manual: at },
    queue: isInstead ? [slot] : [...queue, slot],
  };
}

/** What waits does so no more. */
function giveUp({ queue, counts }: ScheduleContext): Change {
  return { queue: [], counts: { ...counts, skipped: counts.skipped + ruleSlots(queue) } };
}

/** Nothing waits any more, and no slot comes: as behind the last run that it may do. */
function haveNone(context: ScheduleContext): Change {
  return { ...giveUp(context), nextSlot: null };
}

/** Whether a run may be asked for now. */
export function mayAsk({ context }: Args): boolean {
  if (hasRunAll(context)) return false;
  if (context.run === null && context.queue.length === 0) return true;
  const { overlap } = context.plan;
  return overlap === "replace" || overlap === "queue" && context.queue.length < MAX_WAITING_SLOTS;
}

/** Whether what waits may run. */
export function mayRun({ context }: Args): boolean {
  const [slot] = context.queue;
  return slot !== undefined && !hasRunAll(context) && (slot.isManual || !hasFailedOut(context));
}

export function hasRunAll({ plan, counts }: ScheduleContext): boolean {
  return plan.maxRuns !== null && counts.runs >= plan.maxRuns;
}

/** A job goes on whatever happens: nobody would look after what it looks after. */
export function hasFailedOut({ plan, counts }: ScheduleContext): boolean {
  return !("job" in plan.run) && counts.failuresInRow >= MAX_FAILURES_IN_ROW;
}

export function beginRun(args: Args): Change {
  const { queue: [slot, ...queue], counts, plan, id } = args.context;
  if (slot === undefined) throw new Error("Cannot begin a run: no slot waits");
  const run: ScheduleRunNow = {
    ...slot,
    task: "job" in plan.run ? null : runTaskAddress(id, slot),
    session: targetSession(args.context),
    isContinued: true,
    startedAt: timeOf(args),
    stopped: null,
  };
  const begun = { ...args.context, queue, counts: { ...counts, runs: counts.runs + 1 } };
  return { queue, counts: begun.counts, ...(hasRunAll(begun) ? haveNone(begun) : {}), run };
}

/** The session that the next run continues; null for a new one. Jobs have none. */
export function targetSession({ plan, lastSession }: ScheduleContext): string | null {
  return plan.fresh || "job" in plan.run ? null : lastSession ?? plan.session;
}

export function noteStop({ context }: Args, stopped: ScheduleRunNow["stopped"]): Change {
  return context.run === null ? {} : { run: { ...context.run, stopped } };
}

export function keepTaskEnd(args: Args): Change {
  const { event } = args;
  assertEvent(event, "actor.ended");
  const { result, error, sessionId, succeeded } = endOfTask(event);
  return endRun(args, {
    outcome: succeeded ? "succeeded" : "failed",
    result: tailOf(result),
    error: event.status === "missing" ? NOT_MADE : error,
    session: sessionId,
  });
}

export function keepJobReport(args: Args): Change {
  const { event } = args;
  assertEvent(event, "xstate.done.actor.job");
  const { summary, memory = null } = event.output;
  const ended = { outcome: "succeeded", result: summary, error: null, session: null } as const;
  return { ...endRun(args, ended), memory };
}

export function keepJobError(args: Args): Change {
  const { event } = args;
  assertEvent(event, "xstate.error.actor.job");
  const { message } = event.error;
  return endRun(args, { outcome: "failed", result: "", error: message, session: null });
}

export function remove(args: Args): Change {
  return { ...haveNone(args.context), deletedAt: timeOf(args) };
}

export function restore(): Change {
  return { deletedAt: null, paused: { reason: "person", detail: null } };
}

type Ended = Pick<ScheduleRunDone, "outcome" | "result" | "error" | "session">;

function endRun(args: Args, ended: Ended): Change {
  const { run, counts, lastSession } = args.context;
  if (run === null) return {};
  const { stopped, isContinued, ...kept } = run;
  const outcome = ended.outcome === "succeeded" ? "succeeded" : stopped ?? ended.outcome;
  const session = ended.session ?? run.session;
  const result = ended.result.slice(0, MAX_RESULT_CHARS);
  const error = ended.error?.slice(0, MAX_RESULT_CHARS) ?? null;
  return {
    run: null,
    last: { ...kept, ...ended, result, error, session, outcome, endedAt: timeOf(args) },
    lastSession: isContinued ? session ?? lastSession : lastSession,
    counts: {
      ...counts,
      succeeded: counts.succeeded + (outcome === "succeeded" ? 1 : 0),
      failed: counts.failed + (outcome === "failed" ? 1 : 0),
      failuresInRow: failuresInRow(counts.failuresInRow, outcome),
    },
  };
}

/** Who was called off has neither failed nor succeeded. */
function failuresInRow(before: number, outcome: ScheduleRunDone["outcome"]): number {
  if (outcome === "succeeded") return 0;
  return outcome === "failed" ? before + 1 : before;
}

function endOf(context: ScheduleContext, at: number): PauseReason {
  const { plan, anchor } = context;
  if (hasRunAll(context)) return "maxRuns";
  if (hasFailedOut(context)) return "failures";
  return hasExpired(plan.rule, at, anchor) ? "expired" : "finished";
}
