/**
 * The statechart of a task: one unit of work that runs once and ends in a result. It says which
 * events a task takes and when; what they change is in `task_changes.ts`, what a task asks of
 * others in `task_requests.ts`, and when it tries again in `task_policy.ts`.
 *
 * Two lives overlap while a task is active: the slot's, given back whenever a person is waited
 * for, and the executor's, which goes on meanwhile. Each has a region; the slot follows the work.
 */
import { newContext } from "./task_context.ts";
import { outputOf } from "./task_ending.ts";
import { attemptRequest, slotRequest, vmWatchRequest, watchRequest } from "./task_requests.ts";
import { taskSetup } from "./task_setup.ts";

const pending = taskSetup.createStateConfig({
  description: "Waits until it may start: for its start time, its dependencies and its approval.",
  tags: ["waiting"],
  type: "parallel",
  always: [
    { guard: "lacksOnlyVm", target: "awaitingVm" },
    { guard: "preconditionsMet", target: "active" },
  ],
  states: {
    startTime: {
      description: "When it may start.",
      initial: "awaited",
      states: {
        awaited: {
          description: "The start time is in the future.",
          always: { guard: "startTimeReached", target: "reached" },
          after: { startTime: { target: "reached" } },
        },
        reached: { description: "It may start now." },
      },
    },
    dependencies: {
      description: "Tasks that must succeed first.",
      initial: "awaited",
      states: {
        awaited: {
          description: "Some have not ended yet.",
          invoke: { src: "watch", id: "dependencies", input: watchRequest },
          always: { guard: "awaitsNoTask", target: "succeeded" },
          on: {
            "actor.ended": [
              { guard: "dependencySucceeded", actions: "dropDependency" },
              { target: "#task.cancelled", actions: "failDependency" },
            ],
          },
        },
        succeeded: { description: "All have succeeded." },
      },
    },
    approval: {
      description: "A person's approval, where it is required.",
      initial: "awaited",
      states: {
        awaited: {
          description: "A person has to approve it.",
          always: { guard: "needsNoApproval", target: "given" },
          on: {
            "task.approve": { target: "given" },
            "task.reject": { target: "#task.cancelled", actions: "reject" },
          },
        },
        given: { description: "It may start." },
      },
    },
  },
});

const awaitingVm = taskSetup.createStateConfig({
  description: "All it still needs is its VM, which is being made or woken.",
  tags: ["waiting"],
  entry: "attachToVm",
  invoke: { src: "watch", id: "vm", input: vmWatchRequest },
  on: {
    "vm.ready": { guard: "isOfVm", target: "active", actions: "keepVm" },
    "actor.ended": { guard: "isOfVm", target: "cancelled", actions: "keepVmEnd" },
  },
});

const slotRegion = taskSetup.createStateConfig({
  description: "The place in the pools that limit the task.",
  initial: "claimed",
  states: {
    claimed: {
      description: "Asked for, then held until the state is left.",
      tags: ["holdsSlot"],
      invoke: { src: "slot", id: "slot", input: slotRequest },
      always: { guard: "waitsForPerson", target: "released" },
    },
    released: {
      description: "Given back: a task that waits for a person holds no slot.",
      always: { guard: "needsSlot", target: "claimed" },
    },
  },
});

const queued = taskSetup.createStateConfig({
  description: "Waits for its slot.",
  tags: ["waiting"],
  entry: "enterQueue",
  exit: "leaveQueue",
  on: { "slot.granted": { target: "attempt" } },
  initial: "unlimited",
  states: {
    unlimited: {
      description: "May wait for as long as it takes.",
      always: { guard: "queueIsLimited", target: "limited" },
    },
    limited: {
      description: "Fails when its time in the queue is over.",
      after: {
        queueTtl: {
          target: "#task.failed",
          actions: { type: "keepLimit", params: { limit: "queue" } },
        },
      },
    },
  },
});

const dispatched = taskSetup.createStateConfig({
  description: "Handed to its executor, which has not begun the work yet.",
  initial: "unconfirmed",
  on: { "executor.started": { target: "running", actions: "keepStart" } },
  states: {
    unconfirmed: {
      description: "The executor has not answered. It goes back to the queue if none does in time.",
      on: { "executor.preparing": { target: "preparing" } },
      after: {
        dispatchTimeout: [
          { guard: "mayHandOut", target: "#task.active", actions: "countHandOut" },
          {
            target: "#task.judged",
            actions: { type: "keepLimit", params: { limit: "dispatch" } },
          },
        ],
      },
    },
    preparing: { description: "The executor gets the workspace ready, within its own limits." },
  },
});

const working = taskSetup.createStateConfig({
  description: "The work is being done. Only this time counts against its limit.",
  entry: "startClock",
  exit: "stopClock",
  initial: "responsive",
  on: {
    "executor.activity": { target: ".responsive", actions: "noteActivity" },
    "executor.progress": { target: ".responsive", actions: ["noteActivity", "noteProgress"] },
    "executor.inputRequested": { target: "waitingForInput", actions: "keepQuestion" },
    "executor.permissionRequested": { target: "waitingForPermission", actions: "keepQuestion" },
    "task.pause": { target: "paused", actions: "pauseExecutor" },
    "task.interrupt": { actions: "interruptExecutor" },
    "task.input": { guard: "isInteractive", actions: "passInput" },
  },
  after: {
    timeLimit: {
      target: "#task.judged",
      actions: { type: "keepLimit", params: { limit: "work" } },
    },
  },
  states: {
    responsive: {
      description: "It has shown a sign of life not long ago.",
      after: { stuckAfter: { target: "stuck" } },
    },
    stuck: {
      description: "No sign of life for long: an alert is raised, and it goes on.",
      entry: ["markStuck", "announceStuck"],
      exit: "unmarkStuck",
    },
  },
});

const running = taskSetup.createStateConfig({
  description: "The executor is at work, or waits for a person.",
  initial: "working",
  on: { "task.complete": { target: "#task.succeeded", actions: "keepReportedResult" } },
  states: {
    working,
    waitingForInput: {
      description: "The executor has asked a person something. Holds no slot.",
      tags: ["waiting"],
      entry: ["releaseVm", "forgetVm"],
      on: { "task.input": { target: "resuming", actions: "keepAnswer" } },
    },
    waitingForPermission: {
      description: "The executor has asked a person for permission. Holds no slot.",
      tags: ["waiting"],
      entry: ["releaseVm", "forgetVm"],
      on: {
        "task.approve": { target: "resuming", actions: "keepAnswer" },
        "task.reject": { target: "resuming", actions: "keepAnswer" },
      },
    },
    paused: {
      description: "Paused by a person. Holds no slot.",
      tags: ["waiting"],
      entry: ["releaseVm", "forgetVm"],
      on: {
        "task.resume": { target: "resuming" },
        "xstate.error.actor.executor": {
          guard: "mayBeginAnew",
          target: "#task.active.work.suspended",
          actions: "keepError",
        },
      },
    },
    resuming: {
      description: "A person has answered. Waits for what it needs to go on.",
      tags: ["waiting"],
      initial: "awaitingSlot",
      states: {
        wakingVm: {
          description: "Its VM may have gone to sleep. Holds no slot.",
          entry: "attachToVm",
          on: { "vm.ready": { guard: "isOfVm", target: "awaitingSlot", actions: "keepVm" } },
        },
        awaitingSlot: {
          description: "Waits for a slot.",
          always: { guard: "lacksVm", target: "wakingVm" },
          on: {
            "slot.granted": {
              target: "#task.active.work.attempt.running.working",
              actions: ["passAnswer", "dropAnswer"],
            },
          },
        },
      },
    },
  },
});

const attempt = taskSetup.createStateConfig({
  description: "One hand-out to an executor. Leaving it stops whatever still runs.",
  tags: ["active"],
  entry: "beginAttempt",
  exit: "closeAttempt",
  invoke: {
    src: "executor",
    id: "executor",
    input: attemptRequest,
    onDone: [
      { guard: "exitedCleanly", target: "#task.succeeded", actions: "keepResult" },
      { target: "#task.judged", actions: "keepExit" },
    ],
    onError: { target: "#task.judged", actions: "keepError" },
  },
  on: {
    "executor.activity": { actions: "noteActivity" },
    "executor.progress": { actions: ["noteActivity", "noteProgress"] },
    "task.fail": { target: "#task.judged", actions: "keepReport" },
  },
  initial: "dispatched",
  states: { dispatched, running },
});

const suspended = taskSetup.createStateConfig({
  description: "Paused by a person, and cut off since by a restart of the server. Nothing of the " +
    "attempt is left, and it counts for none. Holds no slot.",
  tags: ["waiting"],
  on: {
    "task.resume": [
      { guard: "needsVm", target: "#task.awaitingVm", actions: "countHandOut" },
      { target: "queued", actions: "countHandOut" },
    ],
  },
});

/** A task. Made with `TaskInput`, ends with `TaskOutput`. */
export const taskMachine = taskSetup.createMachine({
  id: "task",
  description: "One unit of work that runs once and ends in a result.",
  context: ({ input }) => newContext(input),
  output: ({ context, event }) => outputOf(context, String((event as { output?: unknown }).output)),
  on: {
    "task.cancel": { target: ".cancelled", actions: "cancel" },
    "vm.failed": { guard: "isOfVm", target: ".failed", actions: "keepVmFailure" },
    "vm.recycled": { guard: "isOfVm", target: ".cancelled", actions: "keepVmEnd" },
  },
  initial: "accepted",
  states: {
    accepted: {
      description: "Just made. With nothing to wait for it is in the queue at once.",
      always: [
        { guard: "needsNothing", target: "active" },
        { guard: "ownsVm", target: "equipped" },
        { guard: "hasNoPreconditions", target: "awaitingVm" },
        { target: "pending" },
      ],
    },
    equipped: {
      description: "Its VM is made in the same commit as itself.",
      entry: "makeVm",
      always: [{ guard: "hasNoPreconditions", target: "awaitingVm" }, { target: "pending" }],
    },
    pending,
    awaitingVm,
    active: {
      description: "In the queue or in the hands of an executor.",
      type: "parallel",
      states: {
        slot: slotRegion,
        work: {
          description: "What is being done.",
          initial: "queued",
          states: { queued, attempt, suspended },
        },
      },
    },
    judged: {
      description: "An attempt has failed. The retry policy decides at once what comes of it.",
      always: [
        { guard: "mayRetry", target: "retrying" },
        { guard: "ranOutOfTime", target: "timedOut" },
        { target: "failed" },
      ],
    },
    retrying: {
      description: "Waits before the next attempt. Holds no slot.",
      tags: ["waiting"],
      entry: "planRetry",
      // One that failed while it waited for a person has let go of its VM.
      after: {
        retryBackoff: [
          { guard: "lacksVm", target: "awaitingVm", actions: "countRetry" },
          { target: "active", actions: "countRetry" },
        ],
      },
      on: {
        "task.retry": [
          { guard: "lacksVm", target: "awaitingVm", actions: "countRetry" },
          { target: "active", actions: "countRetry" },
        ],
      },
    },
    succeeded: {
      description: "Ended with a result.",
      type: "final",
      entry: "end",
      output: "succeeded",
    },
    failed: {
      description: "Ended with an error.",
      type: "final",
      entry: "end",
      output: "failed",
    },
    cancelled: {
      description: "Called off: by a person, a dependency that did not succeed, or its VM's end.",
      type: "final",
      entry: ["end", "recycleOwnVm"],
      output: "cancelled",
    },
    timedOut: {
      description: "Worked longer than it may, with no attempt left.",
      type: "final",
      entry: "end",
      output: "timedOut",
    },
  },
});
