/** The schedule's statechart, walked through everything that it can do. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import type { Json } from "../../actors/runtime/json.ts";
import { scheduleState } from "../../actors/schedule.ts";
import { scheduleMachine } from "../../machines/schedule.ts";
import { targetSession } from "../../machines/schedule_changes.ts";
import { newContext, type ScheduleContext } from "../../machines/schedule_context.ts";
import {
  MAX_FAILURES_IN_ROW,
  type ScheduleInput,
  type SchedulePlan,
} from "../../machines/schedule_input.ts";
import { planOf } from "../actors/automation_stage.ts";
import { activeNodes, statesOf, walk, type WalkEvent } from "./walk.ts";

/** Some slots after the schedules were made. */
const NOW = 200_000;
const LATER = 1_000_000;
const JOB = { job: "sweep" } as const;

/** What each walk begins with, and what the schedule can be changed to. */
const PLANS: readonly { from: Partial<SchedulePlan>; to: Partial<SchedulePlan> }[] = [
  { from: {}, to: { session: "s", maxRuns: 1 } },
  { from: { overlap: "queue", catchUp: "all", maxRuns: 2 }, to: { rule: { at: LATER } } },
  { from: { overlap: "replace", maxRuns: 2 }, to: { overlap: "queue" } },
  { from: { session: "s", catchUp: "none" }, to: { fresh: true } },
  { from: { session: "s", overlap: "replace" }, to: { session: "t" } },
  { from: { run: JOB, overlap: "replace" }, to: {} },
  { from: { run: JOB, overlap: "queue" }, to: { rule: { at: 100_000 } } },
  { from: { rule: { at: 100_000 } }, to: { maxRuns: 2 } },
  { from: { rule: { at: 100_000 }, overlap: "replace" }, to: {} },
  { from: { rule: { at: 2 * NOW } }, to: { expiresAt: NOW } },
  { from: { expiresAt: 60_000, overlap: "queue" }, to: {} },
];

const ended = (address: string, state: string): WalkEvent => ({
  ...{ type: "actor.ended", address, status: "done", state },
  output: state === "succeeded" ? { result: { tail: "good" }, sessionId: "s2" } : null,
});

const EVENTS: readonly WalkEvent[] = [
  { type: "schedule.pause", reason: "Holidays" },
  { type: "schedule.resume" },
  { type: "schedule.run" },
  { type: "schedule.delete" },
  { type: "schedule.restore" },
  { type: "session.granted", session: "s" },
  { type: "session.busy", session: "s" },
  { type: "session.preempted", session: "s" },
  { type: "session.preempted", session: "other" },
  { type: "xstate.done.actor.job", output: { summary: "Swept", memory: { cursor: 1 } } },
  { type: "xstate.error.actor.job", error: { message: "No broom" } },
];

/** Every state by the name that users know, and the commands that it accepts. */
const MOST = ["schedule.configure", "schedule.delete", "schedule.pause", "schedule.run"];
const PAUSED = ["schedule.configure", "schedule.delete", "schedule.resume", "schedule.run"];
const STATES: { readonly [state: string]: readonly string[] } = {
  "active.armed": MOST,
  "active.running": MOST,
  "active.waitingForSession": MOST,
  deleted: ["schedule.restore"],
  "deleted.running": ["schedule.restore"],
  paused: PAUSED,
  "paused.running": PAUSED,
  "paused.waitingForSession": PAUSED,
  purged: [],
};

const walks = PLANS.map(({ from, to }) => {
  const inputs: ScheduleInput[] = [{ id: "a", plan: planOf(from), createdAt: 0 }];
  const configure = { type: "schedule.configure", plan: planOf({ ...from, ...to }) };
  const events = [...EVENTS, configure, ...endsOf(planOf(from))];
  return walk(scheduleMachine, { inputs, events, situation, at: NOW });
});
const situations = walks.flatMap((one) => one.situations);
const steps = walks.flatMap((one) => one.steps);
const active = situations.filter(({ status }) => status === "active");

/** What no walk has come to. */
function missedByAll(lists: readonly (readonly string[])[]): string[] {
  const [first = [], ...others] = lists;
  return first.filter((name) => others.every((list) => list.includes(name)));
}

Deno.test("schedule machine reaches every state", () => {
  // Left at once, and entered by no transition of its own.
  const beginning = "schedule.living.work.running.beginning";
  assertEquals(missedByAll(walks.map((one) => one.statesMissed)), [beginning]);
});

Deno.test("schedule machine takes every transition", () => {
  assertEquals(missedByAll(walks.map((one) => one.transitionsMissed)), []);
});

Deno.test("schedule machine has the states that users know, and no other", () => {
  assertEquals([...new Set(situations.map(nameOf))].sort(), Object.keys(STATES).sort());
});

for (const [state, accepts] of Object.entries(STATES)) {
  Deno.test(`schedule machine accepts ${accepts.join(", ") || "nothing"} in ${state}`, () => {
    const found = new Set<string>();
    for (const one of active.filter((one) => nameOf(one) === state)) {
      for (const event of [...EVENTS, { type: "schedule.configure", plan: planOf() }]) {
        if (event.type.startsWith("schedule.") && one.can({ ...event, at: NOW })) {
          found.add(event.type);
        }
      }
    }
    assertEquals([...found].sort(), [...accepts].sort());
  });
}

Deno.test("schedule machine runs exactly what its context says, and for a slot", () => {
  for (const one of active) {
    const { run } = contextOf(one);
    assertEquals(run !== null, nameOf(one).endsWith(".running"), JSON.stringify(one.value));
    if (run === null) continue;
    assert(run.isManual || run.at <= NOW);
    const child = "job" in contextOf(one).plan.run && run.task === null ? "job" : "task";
    const plan = Object.keys(one.children);
    assert(plan.length === 1 && (plan[0] === child || plan[0] === "job"), plan.join());
  }
});

Deno.test("schedule machine never begins a run while another is underway", () => {
  for (const { before, after, event } of steps) {
    const [was, is] = [contextOf(before), contextOf(after)];
    const begun = is.counts.runs - was.counts.runs;
    const ended = ["actor.ended", "xstate.done.actor.job", "xstate.error.actor.job"];
    if (begun === 0) continue;
    assertEquals(begun, 1, event.type);
    assert(was.run === null || ended.includes(event.type), event.type);
  }
});

Deno.test("schedule machine never takes a slot twice", () => {
  for (const { before, after } of steps) {
    const [was, is] = [contextOf(before), contextOf(after)];
    const [slots, known] = [slotsOf(is), slotsOf(was)];
    assertEquals(new Set(slots).size, slots.length);
    for (const { slot, name } of slots.map((name) => ({ slot: parseInt(name, 10), name }))) {
      if (known.includes(name) || name.endsWith("m") || "at" in was.plan.rule) continue;
      assert(slot > (was.taken.slot ?? 0), `${name} after ${was.taken.slot}`);
    }
    const { nextSlot, taken, plan } = is;
    const isOnce = "at" in plan.rule;
    if (taken.slot !== null && nextSlot !== null && !isOnce) assert(nextSlot > taken.slot);
  }
});

Deno.test("schedule machine arms no timer but the purge unless it is armed", () => {
  for (const one of active) {
    const clock = activeNodes(one).filter(({ id }) => id.includes(".clock."));
    const timers = clock.flatMap((node) => node.after.map(() => node.key));
    const expected = { armed: "armed", deleted: "deleted" }[clock[0]?.key ?? ""] ?? null;
    assertEquals([...new Set(timers)], expected === null ? [] : [expected]);
  }
});

Deno.test("schedule machine waits for a slot exactly while it is armed, and for one that may run", () => {
  for (const one of active) {
    const context = contextOf(one);
    const isArmed = JSON.stringify(one.value).includes('"clock":"armed"');
    if (!isArmed) continue;
    assert(context.nextSlot !== null);
    const { maxRuns } = context.plan;
    assert(maxRuns === null || context.counts.runs < maxRuns);
    if (context.run === null && !("job" in context.plan.run)) {
      assert(context.counts.failuresInRow < MAX_FAILURES_IN_ROW);
    }
  }
});

Deno.test("schedule machine has something to wake it where it works or waits for a session", () => {
  for (const one of active) {
    const work = activeNodes(one).filter(({ id }) => id.includes(".work."));
    const wakes = work.some((node) => node.invoke.length > 0 || node.after.length > 0);
    // The gate answers a claim in the same commit.
    const isAnswered = work.some(({ key }) => key === "claiming") &&
      targetSession(contextOf(one)) !== null;
    const isIdle = work.some(({ key }) => key === "idle");
    assertEquals(wakes || isAnswered, !isIdle, JSON.stringify(one.value));
    assertEquals(one.hasTag("active"), nameOf(one).endsWith(".running"));
  }
});

Deno.test("schedule machine lets nothing wait that may not run, and rests with nothing to do", () => {
  for (const one of active) {
    const { queue, run, plan, counts } = contextOf(one);
    const name = nameOf(one);
    if (run !== null || queue.length === 0) {
      if (name.endsWith("waitingForSession")) assert(queue.length > 0);
      continue;
    }
    assert(name.endsWith("waitingForSession"), `${name} ${JSON.stringify(queue)}`);
    assert(plan.maxRuns === null || counts.runs < plan.maxRuns);
  }
});

Deno.test("schedule machine accounts for every run", () => {
  for (const one of situations) {
    const { counts, run, last } = contextOf(one);
    const open = run === null ? 0 : 1;
    assert(counts.succeeded + counts.failed + open <= counts.runs);
    if (counts.runs > open) assert(last !== null);
    if (counts.failuresInRow > 0) assert(counts.failed > 0);
  }
});

Deno.test("schedule machine counts a run that was called off neither as failed nor as done", () => {
  for (const { before, after, event } of steps) {
    const [was, is] = [contextOf(before), contextOf(after)];
    const stopped = was.run?.stopped ?? null;
    if (stopped === null || event.type !== "actor.ended" || is.run?.at === was.run?.at) continue;
    const outcome = event["state"] === "succeeded" ? "succeeded" : stopped;
    assertEquals(is.last?.outcome, outcome);
    if (outcome === "succeeded") continue;
    assertEquals(is.counts.failed, was.counts.failed);
    assertEquals(is.counts.succeeded, was.counts.succeeded);
    assertEquals(is.counts.failuresInRow, was.counts.failuresInRow);
  }
});

Deno.test("schedule machine calls no run off because another session was taken", () => {
  for (const { before, after, event } of steps) {
    if (event["session"] === "other") assertEquals(contextOf(after).run, contextOf(before).run);
  }
});

Deno.test("schedule machine keeps nothing in its context that JSON cannot hold", () => {
  for (const { context } of situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

Deno.test("schedule machine remembers so few things that they are copied fast", () => {
  assert(Object.keys(newContext({ id: "a", plan: planOf(), createdAt: 0 })).length < 20);
});

Deno.test("schedule machine describes every state", () => {
  for (const { id, description = "" } of statesOf(scheduleMachine)) {
    assert(description.length > 10, id);
  }
});

/** Ends of the tasks of the slots that a schedule has come to by now, and of one asked for. */
function endsOf({ rule, catchUp, expiresAt, run }: SchedulePlan): WalkEvent[] {
  if ("job" in run) return [];
  const latest = "at" in rule ? rule.at : expiresAt ?? 180_000;
  const slots = catchUp === "all" ? [60_000, 120_000] : [latest];
  const tasks = [...slots.map((at) => at.toString(36)), `m${NOW.toString(36)}`];
  return tasks.flatMap((slot) =>
    ["succeeded", "failed"].map((state) => ended(`task:task_a_${slot}`, state))
  );
}

function situation(snapshot: AnyMachineSnapshot): unknown {
  const { run, queue, counts, plan, nextSlot, last, lastSession, paused } = contextOf(snapshot);
  const left = plan.maxRuns === null ? null : Math.max(0, plan.maxRuns - counts.runs);
  const failures = "job" in plan.run ? 0 : counts.failuresInRow;
  // Without a bound, every run that a person asks for would be a situation of its own.
  const place = run === null ? null : run.isManual ? Math.min(run.at - NOW, 1) : run.at;
  return [
    ...[place, run?.task === null, run?.stopped, run?.isContinued],
    ...[queue.slice(0, 2).map(({ isManual }) => isManual), left, failures, lastSession],
    ...[nextSlot === null ? null : nextSlot > NOW, last === null, paused?.reason === "failures"],
    ...[plan.session, plan.fresh, plan.overlap, "at" in plan.rule],
  ];
}

function contextOf(snapshot: AnyMachineSnapshot): ScheduleContext {
  return snapshot.context as ScheduleContext;
}

function nameOf(snapshot: AnyMachineSnapshot): string {
  return scheduleState(snapshot.value as Json);
}

/** What runs and waits: `60000`, or `60000m` where a person asked for it. */
function slotsOf({ run, queue }: ScheduleContext): string[] {
  return [...run === null ? [] : [run], ...queue].map(({ at, isManual }) =>
    `${at}${isManual ? "m" : ""}`
  );
}
