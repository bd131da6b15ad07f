/**
 * What must always hold of schedules, held against every commit and all work: each slot becomes
 * what its policies make of it, none runs twice, no two runs of a schedule overlap, one at a time
 * works in a session, counts are right, and nothing that is armed sleeps through its time.
 */
import type { Commit, JournalRow } from "../../actors/store/store.ts";
import { gateAddress, type GateContext } from "../../machines/gate.ts";
import type { ScheduleContext } from "../../machines/schedule_context.ts";
import type { ScheduleInput } from "../../machines/schedule_input.ts";
import type { Calendar } from "./schedule_calendar.ts";
import { GateModel } from "./schedule_gate_model.ts";
import { type Fact, ScheduleModel, type Word } from "./schedule_model.ts";
import { holdSchedule } from "./schedule_violation.ts";

/** How late a timer may be while a server is up, ms. */
const LATE_MS = 5_000;

export class ScheduleChecks {
  readonly schedules = new Map<string, ScheduleModel>();
  readonly gates = new Map<string, GateModel>();
  /** Tasks of schedules that have not ended. */
  readonly tasks = new Set<string>();
  /** Since when the present server has been up, or the clock was set forward last. */
  upSince = 0;
  slots = 0;
  runs = 0;
  #work = new Map<string, string>();

  constructor(
    readonly now: () => number,
    readonly options: { calendar: Calendar; outside?: boolean },
  ) {}

  committed(commit: Commit): void {
    const [created, words]: [string[], string[]] = [[], []];
    for (const row of commit.journal) {
      if (row.outcome !== "taken") continue;
      const fact = { ...JSON.parse(row.event) as Fact, at: row.at };
      const [kind] = row.address.split(":");
      if (kind === "schedule") this.#tookSchedule(row, fact);
      else if (kind === "gate") this.#gateOf(row.address).take(fact);
      else if (fact.type === "xstate.init") created.push(row.address);
      if (kind === "task") this.#tookTask(row);
      if (kind === "schedule") words.push(...wordsIn(row));
    }
    this.#sawRuns(created, words);
    if (this.options.outside) return;
    for (const { address, snapshot, state } of commit.actors) {
      const { context } = JSON.parse(snapshot) as { context: unknown };
      if (address.startsWith("gate:")) {
        this.#gateOf(address).agree(context as GateContext);
      } else if (address.startsWith("schedule:")) {
        this.#agree(address, state, context as ScheduleContext);
      }
    }
  }

  /** A worker begins an attempt of a task. */
  begins(task: string, work: string): void {
    const schedule = scheduleOf(task);
    const model = this.schedules.get(schedule);
    const other = this.#work.get(schedule);
    holdSchedule(other === undefined, () => `${work} begins while ${other} goes on`);
    holdSchedule(model !== undefined, () => `${work} is nobody's`);
    this.#work.set(schedule, work);
  }

  ends(task: string, work: string): void {
    const schedule = scheduleOf(task);
    if (this.#work.get(schedule) === work) this.#work.delete(schedule);
  }

  /** The server has died, and all work with it. */
  died(): void {
    this.#work.clear();
  }

  /** Nothing that is armed is late. */
  inTime(): void {
    const now = this.now();
    for (const { id, timers } of this.schedules.values()) {
      const late = now - Math.max(Math.min(...timers, Infinity), this.upSince);
      holdSchedule(late <= LATE_MS, () => `${id} is late by ${late} ms`);
    }
    for (const gate of this.gates.values()) {
      const late = now - Math.max(gate.heldUntil, this.upSince);
      holdSchedule(late <= LATE_MS, () => `gate ${gate.key} is held for ${late} ms too long`);
    }
  }

  /** Long after the last trouble: nothing runs that has ended, nobody holds what he does not need. */
  atRest(): void {
    this.inTime();
    for (const { id, run, isUnderwayAsJob } of this.schedules.values()) {
      if (run === null) continue;
      const isAlive = isUnderwayAsJob || this.tasks.has(taskOf(id, run));
      holdSchedule(isAlive, () => `${id} waits for the end of a run that has ended`);
    }
    for (const { key, holder } of this.gates.values()) {
      const model = this.schedules.get(holder ?? "");
      if (model === undefined) continue;
      const session = model.run?.session;
      holdSchedule(session === key, () => `${holder} holds ${key} and works in ${session}`);
    }
  }

  /** A schedule has the timers that it needs and no other, and its run is watched. */
  wakes(address: string, timers: readonly number[], watched: readonly string[]): void {
    if (this.options.outside) return;
    const model = this.schedules.get(address);
    holdSchedule(model !== undefined, () => `${address} comes from nowhere`);
    const [is, should] = [timers.toSorted().join(), model.timers.toSorted().join()];
    holdSchedule(is === should, () => `${address} is woken at ${is}, should be at ${should}`);
    const { run, id, isUnderwayAsJob } = model;
    const task = run === null || isUnderwayAsJob ? "" : taskOf(id, run);
    holdSchedule(watched.join() === task, () => `${address} watches ${watched}, should ${task}`);
  }

  #tookSchedule(row: JournalRow, fact: Fact): void {
    const known = this.schedules.get(row.address);
    if (fact.type === "session.granted" || fact.type === "session.busy") {
      const { holder, key } = this.#gateOf(gateAddress(String(fact["session"])));
      const isHis = holder === row.address;
      holdSchedule(isHis === (fact.type === "session.granted"), () => {
        return `${row.address} is told ${fact.type} of ${key}, which ${holder} holds`;
      });
    }
    if (known !== undefined) return known.take(fact);
    const { plan, id } = fact["input"] as ScheduleInput;
    this.schedules.set(row.address, new ScheduleModel(id, plan, row.at, this.options.calendar));
  }

  #tookTask({ address, status }: JournalRow): void {
    if (status === "active") this.tasks.add(address);
    else this.tasks.delete(address);
  }

  /** Exactly the tasks that the policies want, and the feed says so. */
  #sawRuns(created: readonly string[], words: readonly string[]): void {
    const wanted: string[] = [];
    const said: string[] = [];
    for (const [address, model] of this.schedules) {
      for (const slot of model.begun.splice(0)) {
        this.runs += 1;
        if (!model.isUnderwayAsJob) wanted.push(taskOf(model.id, slot));
      }
      for (const word of model.words.splice(0)) {
        this.slots += word.count;
        said.push(textOf(address, word));
      }
    }
    const [is, should] = [[...created].sort().join(), wanted.sort().join()];
    holdSchedule(is === should, () => `tasks ${is} are made, should be ${should}`);
    const [heard, expected] = [[...words].sort().join("; "), said.sort().join("; ")];
    holdSchedule(heard === expected, () => `the feed says ${heard}, should say ${expected}`);
  }

  #agree(address: string, state: string, context: ScheduleContext): void {
    const model = this.schedules.get(address);
    holdSchedule(model !== undefined, () => `${address} comes from nowhere`);
    const { run, waiting, counts, clock, reason, lastSession } = model;
    const expected = {
      ...{ waiting, counts, reason, lastSession },
      run: run === null ? null : [run.at, run.isManual, run.session, run.stopped],
      clock: clock === "on" ? "active" : clock,
      next: clock === "on" && !model.hasRunAll ? model.next : null,
    };
    const isArmed = state.startsWith("active");
    const found = {
      ...{ waiting: context.queue, counts: context.counts },
      reason: context.paused?.reason ?? null,
      lastSession: context.lastSession,
      run: context.run &&
        [context.run.at, context.run.isManual, context.run.session, context.run.stopped],
      clock: state.split(".")[0],
      next: isArmed ? context.nextSlot : null,
    };
    const [is, should] = [JSON.stringify(found), JSON.stringify(expected)];
    holdSchedule(is === should, () => `${address} is ${is}, should be ${should}`);
    this.#agreeWithGate(address, model);
  }

  /** Who works in a session holds it, unless a person has just taken it away. */
  #agreeWithGate(address: string, { run }: ScheduleModel): void {
    if (run === null || run.session === null || run.stopped !== null) return;
    const { holder } = this.#gateOf(`gate:${run.session}`);
    holdSchedule(holder === address, () => `${address} works in a session that ${holder} holds`);
  }

  #gateOf(address: string): GateModel {
    const known = this.gates.get(address);
    if (known !== undefined) return known;
    const gate = new GateModel(address.slice("gate:".length));
    this.gates.set(address, gate);
    return gate;
  }
}

function wordsIn({ address, emitted }: JournalRow): string[] {
  if (emitted === null) return [];
  const events = JSON.parse(emitted) as (Word & { type: string })[];
  return events.map((event) => event.type === "schedule.due" ? textOf(address, event) : event.type);
}

function textOf(address: string, { count, isExact, slots, decision }: Word): string {
  return `${address} ${decision} ${count}${isExact ? "" : "+"} ${slots.join()}`;
}

function taskOf(schedule: string, { at, isManual }: { at: number; isManual: boolean }): string {
  return `task:task_${schedule}_${isManual ? "m" : ""}${at.toString(36)}`;
}

function scheduleOf(task: string): string {
  return `schedule:${task.split("_")[1]}`;
}
