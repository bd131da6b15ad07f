/**
 * What a schedule should do, written anew and plainly: told of each event that a schedule took, and
 * when, it says which slots run, wait, are skipped or missed, and what is counted. It shares no
 * code with the statechart; when slots come is the calendar's.
 */
import type { SchedulePlan } from "../../machines/schedule_input.ts";
import type { Calendar } from "./schedule_calendar.ts";
import { holdSchedule } from "./schedule_violation.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** The bounds that a schedule's users are told. */
const [WAITING, FAILURES, LATE, COUNTED] = [100, 3, 2 * MINUTE, 10_000];
export const RETRY = 10_000;
export const PURGE = 30 * DAY;

export type ModelSlot = { at: number; isManual: boolean };

/** An event as the journal has it. */
export type Fact = { type: string; at: number; [field: string]: unknown };

/** What the feed is told of slots that came due. */
export type Word = { count: number; isExact: boolean; slots: number[]; decision: string };

export class ScheduleModel {
  clock: "on" | "paused" | "deleted" | "purged" = "on";
  reason: string | null = null;
  waiting: ModelSlot[] = [];
  run: ModelSlot & { session: string | null; isOwn: boolean; stopped: string | null } | null = null;
  /** `asks`: the gate has not answered yet; a time: when it is asked again. */
  gate: "asks" | number | null = null;
  next: number | null;
  lastSession: string | null = null;
  counts = { runs: 0, succeeded: 0, failed: 0, skipped: 0, missed: 0, failuresInRow: 0 };
  purgeAt = Infinity;
  /** Runs that began since somebody looked, and words that were said. */
  begun: ModelSlot[] = [];
  words: Word[] = [];
  /** Every slot that has ever begun to run. */
  readonly ran = new Set<string>();
  #anchor: number;
  #newest: number | null = null;
  #newestManual = -Infinity;

  constructor(
    readonly id: string,
    public plan: SchedulePlan,
    now: number,
    readonly calendar: Calendar,
  ) {
    this.#anchor = now;
    this.next = this.#first(now);
    this.#settle(now);
  }

  get isJob(): boolean {
    return "job" in this.plan.run;
  }

  get hasRunAll(): boolean {
    return this.plan.maxRuns !== null && this.counts.runs >= this.plan.maxRuns;
  }

  /** What wakes it while a server is up: its next slot or its purge, and its next claim. */
  get timers(): number[] {
    const isArmed = this.clock === "on" && !this.hasRunAll && this.next !== null;
    return [
      ...(isArmed ? [this.next ?? 0] : this.clock === "deleted" ? [this.purgeAt] : []),
      ...(typeof this.gate === "number" ? [this.gate] : []),
    ];
  }

  take(fact: Fact): void {
    this.#take(fact);
    if (this.clock !== "purged") this.#settle(fact.at);
  }

  #take(fact: Fact): void {
    const { type, at } = fact;
    if (type.includes("untilSlot")) return this.#due(at);
    if (type.includes("sessionRetry")) {
      holdSchedule(typeof this.gate === "number" && at >= this.gate, () => `${this.id} asks early`);
      this.gate = null;
      return;
    }
    if (type.includes("untilPurge")) {
      holdSchedule(at >= this.purgeAt, () => `${this.id} is purged early`);
      this.clock = "purged";
      return;
    }
    switch (type) {
      case "schedule.configure":
        return this.#configure(fact["plan"] as SchedulePlan, at);
      case "schedule.pause":
        return this.#pause("person");
      case "schedule.resume":
        this.clock = "on";
        this.reason = null;
        this.counts.failuresInRow = 0;
        this.next = this.#nextFrom(at);
        return;
      case "schedule.run":
        return this.#ask(at);
      case "schedule.delete":
        this.#pause(this.reason);
        this.clock = "deleted";
        this.purgeAt = at + PURGE;
        this.next = null;
        return this.#callOff("deleted");
      case "schedule.restore":
        this.clock = "paused";
        this.reason = "person";
        return;
      case "session.granted":
        if (this.gate === "asks") this.#begin();
        return;
      case "session.busy":
        if (this.gate === "asks") this.gate = at + RETRY;
        return;
      case "session.preempted":
        if (fact["session"] === this.run?.session) this.#callOff("preempted");
        return;
      case "actor.ended":
        return this.#end(fact["state"] === "succeeded", sessionIn(fact["output"]));
      case "xstate.done.actor.job":
        return this.#end(true, null);
      case "xstate.error.actor.job":
        return this.#end(false, null);
      default:
        holdSchedule(false, () => `${this.id} takes ${type}, of which nobody knows`);
    }
  }

  #due(at: number): void {
    const { next, plan, run, waiting } = this;
    if (next !== null && at < next) return;
    holdSchedule(next !== null && this.clock === "on" && !this.hasRunAll, () => {
      return `${this.id} looks at slots of which none may run`;
    });
    const upTo = Math.min(at, plan.expiresAt ?? at);
    const all = this.calendar.slots(plan.rule, { anchor: this.#anchor, from: next, upTo });
    const last = all.at(-1) ?? next;
    const isExact = all.length <= COUNTED || "everySeconds" in plan.rule;
    const count = isExact ? all.length : COUNTED;
    const chosen = plan.catchUp === "all"
      ? all.slice(-WAITING)
      : plan.catchUp === "latest" || at - last <= LATE
      ? [last]
      : [];
    this.counts.missed += count - chosen.length;
    this.#newest = last;
    this.next = this.#within(this.calendar.next(plan.rule, this.#anchor, last + 1));
    const say = (decision: string, slots: number[]) => {
      this.words.push({ count, isExact, slots, decision });
      return slots.map((slot) => ({ at: slot, isManual: false }));
    };
    if (chosen.length === 0) return void say("miss", []);
    if (run === null && waiting.length === 0) this.waiting = say("run", chosen);
    else if (plan.overlap === "skip") {
      say("skip", chosen);
      this.counts.skipped += chosen.length;
    } else if (plan.overlap === "replace") {
      this.#drop();
      this.counts.skipped += chosen.length - 1;
      this.waiting = say("replace", [last]);
      this.#callOff("replaced");
    } else {
      const room = WAITING - waiting.length;
      this.waiting = [...waiting, ...say("queue", chosen.slice(0, room))];
      this.counts.skipped += Math.max(0, chosen.length - room);
    }
  }

  #configure(plan: SchedulePlan, at: number): void {
    const before = this.plan;
    const hadRunAll = this.hasRunAll;
    this.plan = plan;
    if (this.hasRunAll) this.#drop();
    if (plan.session !== before.session) {
      this.lastSession = null;
      if (this.run !== null) this.run.isOwn = false;
    }
    if (JSON.stringify(plan.rule) !== JSON.stringify(before.rule)) {
      this.#anchor = at;
      this.next = this.#first(at);
    } else if (this.next === null || hadRunAll) this.next = this.#nextFrom(at);
    else this.next = this.#within(this.next);
  }

  #ask(at: number): void {
    const isNew = this.#newestManual < at || this.#newestManual > at + DAY;
    const slot = { at: isNew ? at : this.#newestManual + 1, isManual: true };
    this.#newestManual = slot.at;
    if (this.plan.overlap === "replace") {
      this.#drop();
      this.#callOff("replaced");
    }
    this.waiting.push(slot);
  }

  #pause(reason: string | null): void {
    this.#drop();
    this.clock = "paused";
    this.reason = reason;
  }

  /** What waits never runs. */
  #drop(): void {
    this.counts.skipped += this.waiting.filter(({ isManual }) => !isManual).length;
    this.waiting = [];
  }

  #callOff(why: string): void {
    if (this.run !== null && !this.isUnderwayAsJob) this.run.stopped = why;
  }

  /** Jobs are never called off, whatever the plan says by now. */
  isUnderwayAsJob = false;

  #end(succeeded: boolean, session: string | null): void {
    const { run, counts } = this;
    holdSchedule(run !== null, () => `${this.id} hears of the end of a run that is not`);
    if (run.isOwn) this.lastSession = session ?? run.session ?? this.lastSession;
    this.run = null;
    if (succeeded) {
      counts.succeeded += 1;
      counts.failuresInRow = 0;
    } else if (run.stopped === null) {
      counts.failed += 1;
      counts.failuresInRow += 1;
    }
  }

  /** What follows of itself. */
  #settle(at: number): void {
    const hasFailed = !this.isJob && this.counts.failuresInRow >= FAILURES;
    if (this.clock === "on" && this.run === null) {
      const isOver = this.next === null && (this.waiting.length === 0 || hasFailed);
      if (this.hasRunAll) this.#pause("maxRuns");
      else if (hasFailed || isOver) {
        const asked = this.waiting.filter(({ isManual }) => isManual);
        const isMore = this.calendar.next(this.plan.rule, this.#anchor, at + 1) !== null;
        this.#pause(hasFailed ? "failures" : isMore ? "expired" : "finished");
        this.waiting = asked;
      }
    }
    if (this.run !== null) return;
    const [slot] = this.waiting;
    if (slot === undefined || this.hasRunAll || !slot.isManual && hasFailed) this.gate = null;
    else if (this.#session() === null) this.#begin();
    else this.gate ??= "asks";
  }

  #begin(): void {
    const slot = this.waiting.shift();
    holdSchedule(slot !== undefined, () => `${this.id} runs and has no slot`);
    const key = `${slot.at} ${slot.isManual}`;
    holdSchedule(!this.ran.has(key), () => `${this.id} runs ${key} again`);
    this.ran.add(key);
    this.begun.push(slot);
    this.isUnderwayAsJob = this.isJob;
    this.run = { ...slot, session: this.#session(), isOwn: true, stopped: null };
    this.gate = null;
    this.counts.runs += 1;
    if (this.hasRunAll) this.#drop();
  }

  #session(): string | null {
    return this.plan.fresh || this.isJob ? null : this.lastSession ?? this.plan.session;
  }

  #first(at: number): number | null {
    const { rule } = this.plan;
    if ("at" in rule) return rule.at === this.#newest ? null : this.#within(rule.at);
    return this.#nextFrom(at);
  }

  /** Set back by a day at most, the clock shows times whose slots were taken. */
  #nextFrom(at: number): number | null {
    const newest = this.#newest ?? -Infinity;
    const after = newest > at && newest <= at + DAY ? newest : at;
    return this.#within(this.calendar.next(this.plan.rule, this.#anchor, after + 1));
  }

  #within(slot: number | null): number | null {
    const { expiresAt } = this.plan;
    return slot !== null && expiresAt !== null && slot > expiresAt ? null : slot;
  }
}

function sessionIn(output: unknown): string | null {
  const { sessionId } = (output ?? {}) as { sessionId?: unknown };
  return typeof sessionId === "string" ? sessionId : null;
}
