/**
 * Which slots of a schedule run: what comes due, what its policies make of it, and what is next.
 * When a rule has slots is in `lib/schedule_rule.ts`.
 */
import { dueSlots, nextSlot, type ScheduleRule } from "./lib/schedule_rule.ts";
import type { ScheduleContext, Slot } from "./schedule_context.ts";
import type { ScheduleEmitted } from "./schedule_events.ts";
import {
  type CatchUp,
  MAX_SET_BACK_MS,
  MAX_WAITING_SLOTS,
  MISSED_AFTER_MS,
  type SchedulePlan,
} from "./schedule_input.ts";

type Rules = Pick<SchedulePlan, "rule" | "expiresAt">;

/**
 * The first slot of a rule that begins to hold at `now`; null where there is none. `taken` is the
 * newest that was taken of another rule: the same slot is not taken twice.
 */
export function firstSlot(
  { rule, expiresAt }: Rules,
  now: number,
  taken: number | null,
): number | null {
  if ("at" in rule) return rule.at === taken ? null : within(rule.at, expiresAt);
  return within(nextSlot(rule, newFrom(taken, now), { anchor: now }), expiresAt);
}

/** From when on a slot is a new one: from now, or after the newest taken if the clock was set back. */
export function newFrom(taken: number | null, now: number): number {
  const isLater = taken !== null && taken > now && taken - now <= MAX_SET_BACK_MS;
  return isLater || taken === now ? taken : now;
}

/** How many of these are slots of the rule. */
export function ruleSlots(queue: readonly Slot[]): number {
  return queue.filter((slot) => !slot.isManual).length;
}

/** The first slot after `after`; null where there is none. */
export function slotAfter(
  { rule, expiresAt }: Rules,
  after: number,
  anchor: number,
): number | null {
  return within(nextSlot(rule, after, { anchor }), expiresAt);
}

/** Whether an end of the rule's slots is due to its expiry alone. */
export function hasExpired(rule: ScheduleRule, after: number, anchor: number): boolean {
  return nextSlot(rule, after, { anchor }) !== null;
}

/** What the slots that came due at a time change, and what the feed is told of them. */
export type Due = {
  readonly nextSlot: number | null;
  /** The newest slot that has been taken. */
  readonly newest: number | null;
  readonly queue: readonly Slot[];
  readonly skipped: number;
  readonly missed: number;
  /** The run underway makes room. */
  readonly replaces: boolean;
  readonly word: ScheduleEmitted;
};

/** Takes all slots that have come due by `at`. */
export function takeDue(context: ScheduleContext, at: number): Due {
  const { plan, nextSlot: first, anchor, queue, taken } = context;
  if (first === null) throw new Error("Cannot take slots: there is none");
  const upTo = Math.min(at, plan.expiresAt ?? at);
  const { slots, count, exact } = dueSlots(plan.rule, { first, upTo, limit: MAX_WAITING_SLOTS });
  const chosen = chooseOf(slots, plan.catchUp, at);
  const last = slots.at(-1);
  const base = {
    nextSlot: last === undefined ? first : slotAfter(plan, last, anchor),
    newest: last ?? taken.slot,
    queue,
    skipped: 0,
    missed: count - chosen.length,
    replaces: false,
  };
  const word = { type: "schedule.due", count, isExact: exact, slots: chosen } as const;
  if (chosen.length === 0) {
    return { ...base, word: { ...word, decision: "miss" } };
  }
  const wanted = chosen.map((slot) => ({ at: slot, isManual: false }));
  if (context.run === null && queue.length === 0) {
    return { ...base, queue: wanted, word: { ...word, decision: "run" } };
  }
  switch (plan.overlap) {
    case "skip":
      return { ...base, skipped: chosen.length, word: { ...word, decision: "skip" } };
    case "replace": {
      const newest = wanted.slice(-1);
      return {
        ...base,
        queue: newest,
        skipped: chosen.length - 1 + ruleSlots(queue),
        replaces: true,
        word: { ...word, slots: newest.map((slot) => slot.at), decision: "replace" },
      };
    }
    case "queue": {
      const room = Math.max(0, MAX_WAITING_SLOTS - queue.length);
      const added = wanted.slice(0, room);
      return {
        ...base,
        queue: [...queue, ...added],
        skipped: wanted.length - added.length,
        word: { ...word, slots: added.map((slot) => slot.at), decision: "queue" },
      };
    }
  }
}

/** A slot is missed when a later one has come due too, or when it is much too late. */
function chooseOf(slots: readonly number[], catchUp: CatchUp, at: number): readonly number[] {
  switch (catchUp) {
    case "all":
      return slots;
    case "latest":
      return slots.slice(-1);
    case "none":
      return slots.slice(-1).filter((slot) => at - slot <= MISSED_AFTER_MS);
  }
}

function within(slot: number | null, expiresAt: number | null): number | null {
  return slot !== null && expiresAt !== null && slot > expiresAt ? null : slot;
}
