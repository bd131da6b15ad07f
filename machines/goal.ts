/**
 * The statechart of a goal: an objective that is worked on, one iteration after the other, until an
 * audit finds it reached or its time is up. Between any two steps it decides anew what comes next,
 * in one place. What is remembered is in `goal_changes.ts`, what is asked of others in
 * `goal_requests.ts`.
 */
import { newContext } from "./goal_context.ts";
import { goalSetup } from "./goal_setup.ts";

const deciding = goalSetup.createStateConfig({
  description: "What comes next. It never stays here.",
  always: [
    { guard: "isCancelled", target: "cancelled" },
    { guard: "isPaused", target: "paused" },
    { guard: "isOver", target: "timeout" },
    { guard: "isBelieved", target: "complete" },
    { guard: "isOverBudget", target: "paused", actions: "pauseItself" },
    { guard: "deadlinePassed", target: "active.iterating.last" },
    { guard: "isClaimed", target: "active.auditing" },
    { guard: "mustStop", target: "paused", actions: "pauseItself" },
    { guard: "isDelayed", target: "active.delayed" },
    { guard: "hasNoSession", target: "active.iterating" },
    { target: "waitingForSession" },
  ],
});

const waitingForSession = goalSetup.createStateConfig({
  description: "Asks for its session, in which somebody else may be at work.",
  tags: ["waiting"],
  entry: "claimSession",
  // Meanwhile its budget may have been changed, and in a downtime its deadline have passed.
  after: { sessionRetry: { target: "deciding" } },
  on: {
    "session.granted": [
      { guard: "mayBegin", target: "active.iterating" },
      { target: "deciding", actions: "returnSession" },
    ],
    "session.busy": { actions: "doNothing" },
    "goal.delay": { target: "deciding", actions: "keepDelay" },
    "goal.complete": { target: "deciding", actions: "noteClaim" },
    "goal.pause": { target: "paused", actions: "pauseByPerson" },
    "goal.deadline": { target: "deciding" },
  },
});

const STOP_PAUSED = { type: "stopStep", params: { why: "paused" } } as const;
const STOP_DEADLINE = { type: "stopStep", params: { why: "deadline" } } as const;
const STOP_PREEMPTED = { type: "stopStep", params: { why: "preempted" } } as const;
const STOP_CANCELLED = { type: "stopStep", params: { why: "cancelled" } } as const;

/** Word of the step's task. */
const task = {
  src: "watch",
  id: "task",
  input: ({ context }: { context: { step: { task: string } | null } }) => ({
    addresses: [context.step?.task ?? ""],
  }),
} as const;

const stopping = goalSetup.createStateConfig({
  description: "Its task has been called off, and says at once that it has ended, if it can.",
  invoke: task,
  after: { stopLimit: { target: "#goal.deciding", actions: ["releaseSession", "keepStopped"] } },
  on: {
    "actor.ended": {
      guard: "isOfStep",
      target: "#goal.deciding",
      actions: ["releaseSession", "keepStopped"],
    },
  },
});

const usual = goalSetup.createStateConfig({
  description: "A task works on the objective.",
  entry: [{ type: "beginStep", params: { kind: "iteration" } }, "makeTask", "announceIteration"],
  invoke: task,
  on: {
    "actor.ended": {
      guard: "isOfStep",
      target: "#goal.deciding",
      actions: ["releaseSession", "keepIteration"],
    },
    "session.preempted": { target: "stopping", actions: STOP_PREEMPTED },
    "goal.delay": { actions: "keepDelay" },
    "goal.complete": { actions: "noteClaim" },
    "goal.pause": { target: "stopping", actions: ["pauseByPerson", STOP_PAUSED] },
    "goal.deadline": { guard: "deadlinePassed", target: "stopping", actions: STOP_DEADLINE },
    "goal.cancel": { target: "stopping", actions: ["cancel", STOP_CANCELLED] },
  },
});

const last = goalSetup.createStateConfig({
  description: "The deadline has passed: one last iteration, to leave things in order.",
  initial: "claiming",
  after: {
    lastLimit: [
      { guard: "hasStep", target: "stopping", actions: STOP_DEADLINE },
      { target: "#goal.timeout" },
    ],
  },
  states: {
    claiming: {
      description: "Asks for its session.",
      tags: ["waiting"],
      always: [
        { guard: "hasNoSession", target: "working" },
        // Somebody has moved the deadline.
        { guard: "hasTime", target: "#goal.deciding" },
      ],
      entry: "claimSession",
      after: { sessionRetry: { target: "claiming", reenter: true } },
      on: {
        "session.granted": { target: "working" },
        "session.busy": { actions: "doNothing" },
      },
    },
    working: {
      description: "A task leaves things in order.",
      entry: [{ type: "beginStep", params: { kind: "last" } }, "makeTask", "announceIteration"],
      invoke: task,
      on: {
        "actor.ended": {
          guard: "isOfStep",
          target: "#goal.deciding",
          actions: ["releaseSession", "keepIteration"],
        },
        "session.preempted": { target: "#goal.active.iterating.stopping", actions: STOP_PREEMPTED },
        "goal.cancel": {
          target: "#goal.active.iterating.stopping",
          actions: ["cancel", STOP_CANCELLED],
        },
      },
    },
  },
});

const underway = goalSetup.createStateConfig({
  description: "The audit's task looks.",
  entry: [{ type: "beginStep", params: { kind: "audit" } }, "makeTask"],
  invoke: task,
  on: {
    "actor.ended": [
      { guard: "isConfirmed", target: "#goal.complete", actions: ["keepAudit", "announceAudit"] },
      { guard: "isOfStep", target: "#goal.deciding", actions: ["keepAudit", "announceAudit"] },
    ],
    "goal.delay": { actions: "keepDelay" },
    "goal.pause": { target: "stopping", actions: ["pauseByPerson", STOP_PAUSED] },
    "goal.deadline": { guard: "deadlinePassed", target: "stopping", actions: STOP_DEADLINE },
    "goal.cancel": { target: "stopping", actions: ["cancel", STOP_CANCELLED] },
  },
});

const active = goalSetup.createStateConfig({
  description: "Is worked on.",
  initial: "iterating",
  states: {
    iterating: {
      description: "An iteration is underway, in its session.",
      tags: ["active"],
      initial: "usual",
      states: { usual, last, stopping },
    },
    delayed: {
      description: "Waits before the next iteration, since the worker or a person said so.",
      tags: ["waiting"],
      after: { untilDelayOver: { target: "#goal.deciding", actions: "clearDelay" } },
      on: {
        "goal.delay": { target: "#goal.deciding", actions: "keepDelay" },
        "goal.complete": { target: "#goal.deciding", actions: "noteClaim" },
        "goal.pause": { target: "#goal.paused", actions: "pauseByPerson" },
        "goal.deadline": { target: "#goal.deciding" },
      },
    },
    auditing: {
      description: "A task of its own looks for what is missing.",
      tags: ["active"],
      initial: "underway",
      states: { underway, stopping },
    },
  },
});

/** A goal. Made with `GoalInput`, ends with `GoalOutput`. */
export const goalMachine = goalSetup.createMachine({
  id: "goal",
  description: "An objective that is worked on until it is reached or its time is up.",
  context: ({ input }) => newContext(input),
  output: ({ context, event }) => ({
    state: String((event as { output?: unknown }).output),
    summary: context.claim?.summary ?? context.reason,
  }),
  entry: "armDeadline",
  on: {
    "goal.configure": { actions: ["configure", "disarmDeadline", "armDeadline"] },
    "goal.cancel": { target: ".cancelled", actions: ["cancel", STOP_CANCELLED, "releaseSession"] },
    "goal.deadline": { actions: "doNothing" },
    "session.granted": { actions: "returnSession" },
    "session.busy": { actions: "doNothing" },
    "session.preempted": { actions: "doNothing" },
  },
  initial: "deciding",
  states: {
    deciding,
    waitingForSession,
    active,
    paused: {
      description: "By a person, or by itself, for a reason that it says.",
      tags: ["waiting"],
      on: {
        "goal.resume": { guard: "isWithinBudget", target: "deciding", actions: "resume" },
        "goal.complete": { target: "deciding", actions: "noteClaim" },
      },
    },
    complete: {
      description: "Reached, as the audit has confirmed.",
      type: "final",
      entry: "end",
      output: "complete",
    },
    timeout: {
      description: "Its time was up.",
      type: "final",
      entry: "end",
      output: "timeout",
    },
    cancelled: {
      description: "Called off by a person.",
      type: "final",
      entry: "end",
      output: "cancelled",
    },
  },
});
