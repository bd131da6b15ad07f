/**
 * The statechart of a schedule: a task, or a job of the system, that is made again and again. Two
 * lives overlap: its clock's, which says when a slot has come, and its work's, which runs one slot
 * at a time. Whatever the clock does, the run underway goes on to its end.
 *
 * What a slot is and what the policies make of it is in `schedule_slots.ts`, what is remembered in
 * `schedule_changes.ts`, what is asked of others in `schedule_requests.ts`.
 */
import { newContext } from "./schedule_context.ts";
import { jobRequest } from "./schedule_requests.ts";
import { scheduleSetup } from "./schedule_setup.ts";

const STOP_REPLACED = { type: "stopRun", params: { why: "replaced" } } as const;

/** Runs it now, as its policy for overlaps says. */
const runNow = [
  { guard: "mayAskInstead", actions: [STOP_REPLACED, "addManual"] },
  { guard: "mayAsk", actions: "addManual" },
] as const;

const clock = scheduleSetup.createStateConfig({
  description: "When the next slot comes, and whether it counts.",
  initial: "armed",
  states: {
    armed: {
      description: "Waits for the next slot.",
      tags: ["waiting"],
      always: [
        { guard: "mustPause", target: "paused", actions: "pauseItself" },
        { guard: "hasNoSlot", target: "spent" },
      ],
      after: {
        untilSlot: [
          { guard: "isEarly", target: "armed", reenter: true },
          {
            guard: "dueReplaces",
            target: "armed",
            reenter: true,
            actions: [STOP_REPLACED, "announceDue", "keepDue"],
          },
          { target: "armed", reenter: true, actions: ["announceDue", "keepDue"] },
        ],
      },
      on: {
        "schedule.configure": { target: "armed", reenter: true, actions: "configure" },
        "schedule.pause": { target: "paused", actions: "pauseByPerson" },
        "schedule.run": runNow,
        "schedule.delete": { target: "deleted", actions: "remove" },
      },
    },
    spent: {
      description: "No slot comes any more; it pauses when its last run has ended.",
      tags: ["waiting"],
      always: [
        { guard: "mustPause", target: "paused", actions: "pauseItself" },
        { guard: "isOver", target: "paused", actions: "pauseItself" },
      ],
      on: {
        "schedule.configure": { target: "armed", actions: "configure" },
        "schedule.pause": { target: "paused", actions: "pauseByPerson" },
        "schedule.run": runNow,
        "schedule.delete": { target: "deleted", actions: "remove" },
      },
    },
    paused: {
      description: "No slot counts until it is resumed; a run can be asked for.",
      tags: ["waiting"],
      on: {
        "schedule.configure": { actions: "configure" },
        "schedule.resume": { guard: "canResume", target: "armed", actions: "resume" },
        "schedule.run": runNow,
        "schedule.delete": { target: "deleted", actions: "remove" },
      },
    },
    deleted: {
      description: "Kept for a while, so that it can be brought back.",
      tags: ["waiting"],
      entry: { type: "stopRun", params: { why: "deleted" } },
      after: { untilPurge: { target: "#schedule.purged" } },
      on: { "schedule.restore": { target: "paused", actions: "restore" } },
    },
  },
});

const running = scheduleSetup.createStateConfig({
  description: "A run is underway.",
  tags: ["active"],
  entry: "beginRun",
  initial: "beginning",
  states: {
    beginning: {
      description: "What a run is depends on the plan.",
      always: [{ guard: "isJob", target: "job" }, { target: "task" }],
    },
    task: {
      description: "Its task is made in the same commit, and watched until it ends.",
      entry: "makeTask",
      invoke: {
        src: "watch",
        id: "task",
        input: ({ context }) => ({ addresses: [context.run?.task ?? ""] }),
      },
      on: {
        "actor.ended": {
          guard: "isOfRun",
          target: "#schedule.living.work.idle",
          actions: ["releaseSession", "keepTaskEnd"],
        },
        "session.preempted": {
          guard: "isOfSession",
          actions: { type: "stopRun", params: { why: "preempted" } },
        },
      },
    },
    job: {
      description: "A job of the system.",
      invoke: {
        src: "job",
        id: "job",
        input: jobRequest,
        onDone: { target: "#schedule.living.work.idle", actions: "keepJobReport" },
        onError: { target: "#schedule.living.work.idle", actions: "keepJobError" },
      },
    },
  },
});

/** Nothing is to run any more, or in no session any more. */
const WHEN_NOT_WANTED = [
  { guard: "mayNotRun", target: "idle" },
  { guard: "mayRunAtOnce", target: "running" },
] as const;

const work = scheduleSetup.createStateConfig({
  description: "The run of one slot at a time.",
  initial: "idle",
  on: {
    "session.granted": { actions: "returnSession" },
    "session.busy": { actions: "doNothing" },
    "session.preempted": { actions: "doNothing" },
  },
  states: {
    idle: {
      description: "Nothing runs.",
      tags: ["waiting"],
      always: [
        { guard: "mayRunAtOnce", target: "running" },
        { guard: "mayRun", target: "claiming" },
      ],
    },
    claiming: {
      description: "Asks for its session, in which a person may be at work.",
      tags: ["waiting"],
      entry: "claimSession",
      always: WHEN_NOT_WANTED,
      on: {
        "session.granted": { target: "running" },
        "session.busy": { target: "sessionBusy" },
      },
    },
    sessionBusy: {
      description: "The session is taken. The slot waits, and counts for nothing yet.",
      tags: ["waiting"],
      always: WHEN_NOT_WANTED,
      after: { sessionRetry: { target: "claiming" } },
    },
    running,
  },
});

/** A schedule. Made with `ScheduleInput`; it ends when it is purged after it was deleted. */
export const scheduleMachine = scheduleSetup.createMachine({
  id: "schedule",
  description: "A task, or a job of the system, that is made again and again.",
  context: ({ input }) => newContext(input),
  initial: "living",
  states: {
    living: {
      description: "Its clock, and its work.",
      type: "parallel",
      states: { clock, work },
    },
    purged: { description: "Was deleted long ago.", type: "final" },
  },
});
