/** The goal's statechart, walked through everything that it can do. */
import { assert, assertEquals } from "@std/assert";
import type { AnyMachineSnapshot } from "xstate";
import { goalState } from "../../actors/goal.ts";
import type { Json } from "../../actors/runtime/json.ts";
import { goalMachine } from "../../machines/goal.ts";
import { type GoalContext, newContext } from "../../machines/goal_context.ts";
import type { GoalInput, GoalPlan } from "../../machines/goal_input.ts";
import { activeNodes, statesOf, walk, type WalkEvent, type WalkStep } from "./walk.ts";

/** Long after the goals were made, and long before their deadline. */
const NOW = 10_000_000;
const LONG = 10 * NOW;
const DAY = 24 * 60 * 60_000;

const PLAN: GoalPlan = {
  objective: "All tests pass",
  deadlineAt: NOW + DAY,
  budget: { tokens: 1_000, usd: null },
  templates: { continue: "{{objective}}", timeout: "{{objective}}", audit: "{{claim}}" },
  task: { command: ["work"] },
  audit: { command: ["audit"] },
};

const INPUTS: readonly GoalInput[] = [
  { id: "g", plan: PLAN, createdAt: 0 },
  { id: "g", plan: PLAN, createdAt: 0, session: "s" },
  { id: "g", plan: { ...PLAN, audit: null }, createdAt: 0 },
];

const USED_UP = { tokens: 1_000 };

/** What anybody may say at any time. */
const EVENTS: readonly WalkEvent[] = [
  { type: "goal.complete", by: "ada", summary: "Done" },
  { type: "goal.delay", seconds: 60, reason: "CI is busy" },
  { type: "goal.delay", seconds: 0 },
  { type: "goal.pause", reason: "Lunch" },
  { type: "goal.resume" },
  { type: "goal.cancel", reason: "No use" },
  { type: "goal.deadline" },
  { type: "session.granted", session: "s" },
  { type: "session.busy", session: "s" },
  { type: "session.preempted", session: "s" },
  { type: "actor.ended", address: "task:other", status: "done", state: "succeeded" },
];

/** What a step's task may come to. */
const REPORTS: readonly object[] = [
  {},
  { goal: "complete", summary: "Done", audit: "confirmed" },
  { audit: "missing", findings: ["Docs"] },
  { delay: { seconds: 600, reason: "CI is busy" } },
  { usage: USED_UP },
];

const COMMANDS = [
  "goal.cancel",
  "goal.complete",
  "goal.configure",
  "goal.delay",
  "goal.pause",
  "goal.resume",
];

/** Every state by the name that users know: the commands that it accepts, and its tags. */
const ALWAYS = ["goal.cancel", "goal.configure"];
const STATES: { readonly [state: string]: { accepts: string[]; tags: string[] } } = {
  waitingForSession: {
    accepts: [...ALWAYS, "goal.complete", "goal.delay", "goal.pause"],
    tags: ["waiting"],
  },
  "active.iterating": {
    accepts: [...ALWAYS, "goal.complete", "goal.delay", "goal.pause"],
    tags: ["active", "waiting"],
  },
  "active.delayed": {
    accepts: [...ALWAYS, "goal.complete", "goal.delay", "goal.pause"],
    tags: ["waiting"],
  },
  "active.auditing": { accepts: [...ALWAYS, "goal.delay", "goal.pause"], tags: ["active"] },
  paused: { accepts: [...ALWAYS, "goal.complete", "goal.resume"], tags: ["waiting"] },
  complete: { accepts: [], tags: [] },
  timeout: { accepts: [], tags: [] },
  cancelled: { accepts: [], tags: [] },
};

const walked = walk(goalMachine, { inputs: INPUTS, events: eventsIn, situation, at: NOW });
const active = walked.situations.filter(({ status }) => status === "active");

Deno.test("goal machine reaches every state", () => {
  assertEquals(walked.statesMissed, []);
});

Deno.test("goal machine takes every transition", () => {
  assertEquals(walked.transitionsMissed, []);
});

Deno.test("goal machine has the states that users know, and no other", () => {
  assertEquals([...new Set(walked.situations.map(nameOf))].sort(), Object.keys(STATES).sort());
});

for (const [state, { accepts, tags }] of Object.entries(STATES)) {
  Deno.test(`goal machine accepts ${accepts.join(", ") || "nothing"} in ${state}`, () => {
    const found = new Set<string>();
    for (const { before, event, after } of walked.steps) {
      if (nameOf(before) === state && COMMANDS.includes(event.type) && after !== before) {
        if (before.can(event)) found.add(event.type);
      }
    }
    assertEquals([...found].sort(), accepts.toSorted());
  });

  Deno.test(`goal machine tags ${state} with ${tags.join(", ") || "nothing"} at most`, () => {
    const found = active.filter((one) => nameOf(one) === state).flatMap((one) => [...one.tags]);
    assertEquals([...new Set(found)].sort(), tags);
  });
}

Deno.test("goal machine is complete by a confirmed audit that nobody called off, or by a claim alone without audits", () => {
  const ways = walked.steps.filter(({ before, after }) =>
    nameOf(before) !== "complete" && nameOf(after) === "complete"
  );
  assert(ways.length > 0);
  for (const { before, event, after } of ways) {
    const { plan, claim } = contextOf(after);
    assert(claim !== null);
    if (plan.audit === null) continue;
    assertEquals([nameOf(before), event.type], ["active.auditing", "actor.ended"]);
    const { step } = contextOf(before);
    assertEquals([step?.kind, step?.stopped, step?.task], ["audit", null, event["address"]]);
    assertEquals(reportOf(event)["audit"], "confirmed");
    assert((step?.startedAt ?? 0) >= claim.at);
  }
});

Deno.test("goal machine has a step exactly while a task works for it, and one at a time", () => {
  for (const situation of walked.situations) {
    const text = JSON.stringify(situation.value);
    const isAtWork = /"(usual|working|stopping|underway)"/.test(text);
    assertEquals(contextOf(situation).step !== null, isAtWork, text);
  }
  for (const { before, after } of walked.steps) {
    const [was, is] = [contextOf(before).step, contextOf(after).step];
    // A step goes on, or it has ended before the next begins.
    if (was === null || is === null || was.task === is.task) continue;
    assertEquals(contextOf(after).last?.task, was.task);
  }
});

Deno.test("goal machine counts each step once, and keeps what each used", () => {
  for (const { before, event, after } of walked.steps) {
    const [was, is] = [contextOf(before), contextOf(after)];
    const begun = is.iteration - was.iteration + is.audits - was.audits;
    const isNew = is.step !== null && is.step.task !== was.step?.task;
    assertEquals(begun, isNew ? 1 : 0);
    const isEnd = event.type === "actor.ended" && event["address"] === was.step?.task;
    const { tokens = 0 } = (reportOf(event)["usage"] ?? {}) as { tokens?: number };
    if (was.step === null || !isEnd) assertEquals(is.spent, was.spent);
    else assertEquals(is.spent.tokens - was.spent.tokens, tokens);
  }
});

Deno.test("goal machine begins nothing but the last iteration once the deadline has passed", () => {
  for (const { after } of begins()) {
    const { step, plan } = contextOf(after);
    assertEquals(step?.kind === "last", plan.deadlineAt <= NOW, JSON.stringify(after.value));
  }
});

Deno.test("goal machine begins nothing while it is paused, over its budget, or stopped by its guard", () => {
  for (const { after } of begins()) {
    const { paused, spent, plan, guard, step } = contextOf(after);
    assertEquals([paused, spent.tokens < (plan.budget.tokens ?? Infinity)], [null, true]);
    if (step?.kind === "iteration") assert(guard.shortInRow < 5 && guard.unchanged < 5);
  }
});

Deno.test("goal machine never rests without a timer, a child or a reason to wait", () => {
  for (const situation of active) {
    const nodes = activeNodes(situation);
    const timer = nodes.some((node) => node.after.length > 0);
    const child = nodes.some((node) => node.invoke.length > 0);
    assert(timer || child || nameOf(situation) === "paused", JSON.stringify(situation.value));
    assert(nameOf(situation) !== "deciding");
  }
});

Deno.test("goal machine remembers what is open only while it is", () => {
  for (const situation of walked.situations) {
    const name = nameOf(situation);
    const { paused, delay, endedAt, step, claim } = contextOf(situation);
    const text = JSON.stringify(situation.value);
    const isStopping = text.includes('"stopping"');
    if (!isStopping) assertEquals(paused !== null, name === "paused", text);
    assertEquals(endedAt !== null, situation.status === "done", text);
    assertEquals((step?.stopped ?? null) !== null, isStopping, text);
    if (name === "paused" || situation.status === "done") assertEquals(delay, null, text);
    if (name === "active.delayed") assert(delay !== null);
    if (name === "active.auditing" && !isStopping) assert(claim !== null);
  }
});

Deno.test("goal machine is cancelled by goal.cancel from everywhere, and its task with it", () => {
  const cancels = walked.steps.filter(({ event, before }) =>
    event.type === "goal.cancel" && before.status === "active"
  );
  for (const { before, after } of cancels) {
    const isCalledOff = contextOf(after).step?.stopped === "cancelled";
    assert(nameOf(after) === "cancelled" || isCalledOff, JSON.stringify(before.value));
  }
});

Deno.test("goal machine resumes with a new count of what went wrong, and only within its budget", () => {
  const resumed = walked.steps.filter(({ event, before }) =>
    event.type === "goal.resume" && nameOf(before) === "paused"
  );
  assert(resumed.length > 0);
  for (const { before, after } of resumed) {
    const { spent, plan, guard } = contextOf(after);
    const isSpent = spent.tokens >= (plan.budget.tokens ?? Infinity);
    if (isSpent) assertEquals(after.value, before.value);
    else assertEquals([guard.shortInRow, guard.unchanged], [0, 0]);
  }
});

Deno.test("goal machine keeps nothing in its context that JSON cannot hold", () => {
  for (const { context } of walked.situations) {
    assertEquals(JSON.parse(JSON.stringify(context)), context);
  }
});

Deno.test("goal machine remembers so few things that they are copied fast", () => {
  assert(INPUTS.every((input) => Object.keys(newContext(input)).length < 20));
});

Deno.test("goal machine describes every state", () => {
  for (const { id, description = "" } of statesOf(goalMachine)) assert(description.length > 10, id);
});

/** Steps by which a task begins. */
function begins(): WalkStep[] {
  return walked.steps.filter(({ before, after }) => {
    const [was, is] = [contextOf(before).step, contextOf(after).step];
    return is !== null && is.task !== was?.task;
  });
}

function eventsIn(snapshot: AnyMachineSnapshot): readonly WalkEvent[] {
  const { step, plan } = contextOf(snapshot);
  const change = (plan: GoalPlan) => ({ type: "goal.configure", plan });
  const plans = [
    change({ ...plan, deadlineAt: NOW - 1 }),
    change({ ...plan, deadlineAt: NOW + DAY }),
    change({ ...plan, budget: { tokens: 1_000_000_000, usd: null } }),
    change({ ...plan, budget: { tokens: 1, usd: null } }),
  ];
  return [...EVENTS, ...plans, ...step === null ? [] : endsOf(step.task)];
}

function endsOf(address: string): WalkEvent[] {
  const ended = { type: "actor.ended", address };
  const outputOf = (report: { usage?: object }, workedMs: number) => ({
    ...{ result: { output: "Did it", report }, usage: report.usage, workedMs },
    ...{ error: null, sessionId: "s" },
  });
  return [
    ...REPORTS.map((report) => ({
      ...{ ...ended, status: "done", state: "succeeded", output: outputOf(report, LONG) },
    })),
    { ...ended, status: "done", state: "succeeded", output: outputOf({}, 1) },
    { ...ended, status: "done", state: "failed", output: outputOf({}, 1) },
    { ...ended, status: "missing", state: "missing" },
  ];
}

function situation(snapshot: AnyMachineSnapshot): unknown {
  if (snapshot.status !== "active") return null;
  const { step, claim, paused, delay, guard, spent, last, plan } = contextOf(snapshot);
  const isSpent = spent.tokens >= (plan.budget.tokens ?? Infinity);
  const isLate = plan.deadlineAt < NOW;
  if (paused !== null) return [step?.kind, paused.reason, isSpent, isLate];
  if (step?.kind === "last" || isLate) return [step?.kind, step?.stopped, last?.kind];
  // Long iterations alone are enough to come to the one limit, short ones to the other.
  const { shortInRow, unchanged } = guard;
  const counts = shortInRow > 0 ? Math.min(shortInRow, 5) : -Math.min(unchanged, 5);
  return [step?.kind, step?.stopped, claim !== null, delay !== null, isSpent, counts];
}

function reportOf(event: WalkEvent): { [name: string]: unknown } {
  const { output } = event as { output?: { result?: { report?: { [name: string]: unknown } } } };
  return output?.result?.report ?? {};
}

function contextOf(snapshot: AnyMachineSnapshot): GoalContext {
  return snapshot.context as GoalContext;
}

function nameOf(snapshot: AnyMachineSnapshot): string {
  return goalState(snapshot.value as Json);
}
