/**
 * How each event changes what a VM remembers, one change a function. Which events it takes, and
 * when, is the statechart's to say.
 */
import { assertEvent } from "xstate";
import type { VmContext, VmTaskHold } from "./vm_context.ts";
import { SAME_CONDITION_MS } from "./vm_defaults.ts";
import type { RecycleMethod, VmCondition, VmConditionFact, VmEvent } from "./vm_events.ts";
import { debounceMs, retryDelayMs } from "./vm_timing.ts";

/** What a transition starts from. */
type Args<E = VmEvent> = { readonly context: VmContext; readonly event: E };
type Change = Partial<VmContext>;

/** The event's time. The event by which XState makes an actor has none. */
export function timeOf({ context, event }: Args<{ readonly at?: number }>): number {
  return event.at ?? context.settings.createdAt;
}

export function holdForTask({ context, event }: Args): Change {
  assertEvent(event, "vm.attach");
  return { tasks: withTask(context, event.task, "holds") };
}

export function letTaskRest({ context, event }: Args): Change {
  assertEvent(event, "vm.release");
  if (context.tasks[event.task] === undefined) return {};
  return { tasks: withTask(context, event.task, "rests") };
}

export function dropTask({ context, event }: Args): Change {
  assertEvent(event, "actor.ended");
  const { [event.address]: _, ...tasks } = context.tasks;
  return { tasks };
}

/** Whether the event ends the last task's hold on the VM. */
export function endsLastHold({ context, event }: Args): boolean {
  const task = event.type === "actor.ended"
    ? event.address
    : event.type === "vm.release"
    ? event.task
    : undefined;
  if (task === undefined || context.tasks[task] !== "holds") return false;
  return Object.entries(context.tasks).every(([name, hold]) => name === task || hold !== "holds");
}

/** Idle time counts from now on, or from the end of what a noted use stands for. */
export function startSleepClock(args: Args): Change {
  return { sleepFrom: Math.max(args.context.sleepFrom, timeOf(args)) };
}

export function startRecycleClock(args: Args): Change {
  return { recycleFrom: Math.max(args.context.recycleFrom, timeOf(args)), notifiedAt: null };
}

/** Whether a use puts sleep off further than those noted before. */
export function isNewUse({ context, event }: Args): boolean {
  return event.type === "vm.used" && event.at >= context.sleepFrom;
}

/** Whether an activity puts recycling off further than those noted before. */
export function isNewActivity({ context, event }: Args): boolean {
  return event.type === "vm.used" && event.use === "activity" && event.at >= context.recycleFrom;
}

export function noteUse({ context, event }: Args): Change {
  assertEvent(event, "vm.used");
  const sleepFrom = event.at + debounceMs(context.settings.idle);
  return event.use === "keepAwake" ? { sleepFrom, lastKeepAwakeAt: event.at } : { sleepFrom };
}

export function noteActivity({ context, event }: Args): Change {
  assertEvent(event, "vm.used");
  return {
    lastActivityAt: event.at,
    recycleFrom: event.at + debounceMs(context.settings.idle),
    notifiedAt: null,
  };
}

export function markNotified(args: Args): Change {
  return { notifiedAt: timeOf(args) };
}

/** Whether a condition says something that was not said in the last quarter of an hour. */
export function isNews({ context, event }: Args): boolean {
  if (event.type !== "vm.condition") return false;
  const { type, status } = event.condition;
  const last = context.conditions.find((condition) => condition.type === type);
  return last?.status !== status || event.at - last.at >= SAME_CONDITION_MS;
}

export function keepCondition({ context, event }: Args): Change {
  assertEvent(event, "vm.condition");
  return { conditions: withCondition(context.conditions, { ...event.condition, at: event.at }) };
}

/** A VM's own report, beside those of its provider. */
export function setCondition(args: Args, condition: VmConditionFact): Change {
  const { conditions } = args.context;
  return { conditions: withCondition(conditions, { ...condition, at: timeOf(args) }) };
}

export function keepHandle({ event }: Args): Change {
  assertEvent(event, "xstate.done.actor.create");
  return { handle: event.output };
}

/** An operation of the provider begins, or has come to a good end. */
export function forgetFailures(): Change {
  return { failures: 0, retryAt: null, error: null };
}

/** The operation is given up; why it could not be done is still to be seen. */
export function endTries(): Change {
  return { failures: 0, retryAt: null };
}

export function countFailure(args: Args): Change {
  const { context, event } = args;
  assertEvent(event, FAILURES);
  const { code, message } = event.error;
  const failed = { ...context, failures: context.failures + 1 };
  return {
    failures: failed.failures,
    error: { code: code ?? "failed", message },
    retryAt: timeOf(args) + retryDelayMs(failed),
  };
}

export function giveUp(args: Args): Change {
  return { ...endWait(), wakeWanted: false, ...setCondition(args, failedBecause(args.context)) };
}

export function keepVanished({ event }: Args): Change {
  assertEvent(event, "vm.vanished");
  return { error: { code: "vanished", message: event.reason } };
}

export function wantWake(): Change {
  return { wakeWanted: true };
}

export function dropWish(): Change {
  return { wakeWanted: false };
}

export function endWait(): Change {
  return { retryAt: null };
}

/** It is made anew; whatever was left of it is removed first. */
export function beginAgain({ context }: Args): Change {
  const { generation } = context;
  return { ...forgetFailures(), generation: generation + 1, handle: null, conditions: [] };
}

export function beginRecycling({ event }: Args, method: RecycleMethod | null): Change {
  const said = event.type === "vm.recycle" ? event.method ?? "manual" : "manual";
  return { ...forgetFailures(), method: method ?? said, silentSince: null };
}

export function oweCleanup(): Change {
  return { cleanup: "owed" };
}

export function settleCleanup(): Change {
  return { ...forgetFailures(), cleanup: "done", handle: null };
}

export function markRecycled(args: Args): Change {
  return { endedAt: args.context.endedAt ?? timeOf(args) };
}

export function keepSilence({ event }: Args): Change {
  assertEvent(event, "vm.heartbeatLost");
  return { silentSince: event.since };
}

export function endSilence(): Change {
  return { silentSince: null };
}

const FAILURES = [
  "xstate.error.actor.create",
  "xstate.error.actor.suspend",
  "xstate.error.actor.resume",
  "xstate.error.actor.delete",
] as const;

function failedBecause({ error }: VmContext): VmConditionFact {
  const { code, message } = error ?? { code: "failed", message: "" };
  return { type: "failed", status: "true", reason: code, message, progress: 100 };
}

function withTask(context: VmContext, task: string, hold: VmTaskHold): VmContext["tasks"] {
  return { ...context.tasks, [task]: hold };
}

function withCondition(
  conditions: readonly VmCondition[],
  condition: VmCondition,
): readonly VmCondition[] {
  return [...conditions.filter(({ type }) => type !== condition.type), condition];
}
