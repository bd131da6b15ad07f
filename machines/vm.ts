/**
 * The statechart of a VM: a dev environment that is made, used, put to sleep when idle, woken on
 * use, and recycled in the end. It says which events a VM takes and when; what they change is in
 * `vm_changes.ts`, what it asks of others in `vm_requests.ts`, when its timers are due in
 * `vm_timing.ts`.
 *
 * Beside its life run the timers that end it and the watch over its link and its tasks, each in a
 * region of its own. Sleep's timer is a part of running: only who is up can be put to sleep.
 */
import { newContext } from "./vm_context.ts";
import { expiryRegion, idleRegion, linkRegion, tasksRegion } from "./vm_regions.ts";
import { createRequest, deleteRequest, handleRequest, slotRequest } from "./vm_requests.ts";
import { vmSetup } from "./vm_setup.ts";

const starting = vmSetup.createStateConfig({
  description: "Being made, or waiting for a place among those that are.",
  tags: ["holdsSlot"],
  invoke: { src: "slot", id: "slot", input: slotRequest },
  on: {
    "vm.wake": { actions: "doNothing" },
    "vm.attach": { actions: "holdForTask" },
    "vm.release": { actions: "letTaskRest" },
  },
  initial: "pending",
  states: {
    pending: {
      description: "Waits until fewer others are being made.",
      tags: ["waiting"],
      on: { "slot.granted": { target: "provisioning" } },
    },
    provisioning: {
      description: "Its provider makes it.",
      on: {
        "vm.condition": [{ guard: "isNews", actions: "keepCondition" }, { actions: "doNothing" }],
      },
      initial: "calling",
      states: {
        calling: {
          description: "The provider has been asked.",
          invoke: {
            src: "create",
            id: "create",
            input: createRequest,
            onDone: { target: "#running", actions: ["keepHandle", "forgetFailures"] },
            onError: [
              { guard: "mayTryAgain", target: "pausing", actions: "countFailure" },
              { target: "#failed", actions: "countFailure" },
            ],
          },
        },
        pausing: {
          description: "The provider could not. It is asked again.",
          after: { backoff: { target: "calling", actions: "endWait" } },
        },
      },
    },
  },
});

const running = vmSetup.createStateConfig({
  id: "running",
  description: "Up: commands run in it.",
  tags: ["active"],
  entry: ["startSleepClock", "dropWish"],
  on: {
    "vm.wake": { actions: "doNothing" },
    "vm.attach": { target: "#running.held", actions: ["holdForTask", "tellReady"] },
    "vm.release": [
      {
        guard: "endsLastHold",
        target: "#running.free",
        actions: ["letTaskRest", "startSleepClock"],
      },
      { actions: "letTaskRest" },
    ],
    "actor.ended": [
      {
        guard: "endsLastHold",
        target: "#running.free",
        actions: ["dropTask", "startSleepClock"],
      },
      { actions: "dropTask" },
    ],
    "vm.sleep": { guard: "mayBeSuspended", target: "suspending" },
    "vm.vanished": { target: "#failed", actions: "keepVanished" },
  },
  initial: "free",
  states: {
    free: {
      description: "Decides at once how long it may be idle.",
      always: [
        { guard: "isHeld", target: "held" },
        { guard: "neverSleeps", target: "sleepless" },
        { target: "idle" },
      ],
    },
    held: { description: "A task works in it: it never sleeps.", tags: ["waiting"] },
    sleepless: { description: "Its timer of sleep is turned off.", tags: ["waiting"] },
    idle: {
      description: "No task works in it. It sleeps unless it is used.",
      after: { untilSleep: { target: "#suspending" } },
      on: {
        "vm.used": { guard: "isNewUse", target: "idle", reenter: true, actions: "noteUse" },
      },
    },
  },
});

const suspending = vmSetup.createStateConfig({
  id: "suspending",
  description: "Its provider puts it to sleep. Who needs it meanwhile has it woken at once.",
  on: {
    "vm.sleep": { actions: "doNothing" },
    "vm.wake": { actions: "wantWake" },
    "vm.attach": { actions: ["holdForTask", "wantWake"] },
    "vm.vanished": { target: "#failed", actions: "keepVanished" },
    "vm.release": { actions: "letTaskRest" },
  },
  initial: "calling",
  states: {
    calling: {
      description: "The provider has been asked.",
      invoke: {
        src: "suspend",
        id: "suspend",
        input: handleRequest,
        onDone: [
          {
            guard: "isWanted",
            target: "#waking",
            actions: ["forgetFailures", { type: "markHibernated", params: { status: "true" } }],
          },
          {
            target: "#sleeping",
            actions: ["forgetFailures", { type: "markHibernated", params: { status: "true" } }],
          },
        ],
        onError: [
          { guard: "isGone", target: "#failed", actions: "countFailure" },
          { target: "undoing", actions: ["countFailure", "endWait"] },
        ],
      },
    },
    undoing: {
      description: "The provider could not, or does not say. Whatever it did is taken back, so " +
        "that nobody works in a VM that sleeps.",
      invoke: {
        src: "resume",
        id: "resume",
        input: handleRequest,
        // It is put to sleep when it has been idle for as long again.
        onDone: { target: "#running", actions: "endTries" },
        onError: [
          { guard: "isGone", target: "#failed", actions: "countFailure" },
          { target: "pausing", actions: "countFailure" },
        ],
      },
    },
    pausing: {
      description: "The provider does not answer. It is asked again, for as long as it takes.",
      after: { backoff: { target: "undoing", actions: "endWait" } },
    },
  },
});

const waking = vmSetup.createStateConfig({
  id: "waking",
  description: "Its provider wakes it. Whoever needs it meanwhile joins the same wake.",
  entry: "dropWish",
  on: {
    "vm.wake": { actions: "doNothing" },
    "vm.vanished": { target: "#failed", actions: "keepVanished" },
    "vm.attach": { actions: "holdForTask" },
    "vm.release": { actions: "letTaskRest" },
  },
  initial: "calling",
  states: {
    calling: {
      description: "The provider has been asked.",
      invoke: {
        src: "resume",
        id: "resume",
        input: handleRequest,
        onDone: {
          target: "#running",
          actions: ["forgetFailures", { type: "markHibernated", params: { status: "false" } }],
        },
        onError: [
          { guard: "isGone", target: "#failed", actions: "countFailure" },
          { guard: "mayWakeAgain", target: "pausing", actions: "countFailure" },
          { target: "#failed", actions: "countFailure" },
        ],
      },
    },
    pausing: {
      description: "The provider could not. It is asked again.",
      after: { backoff: { target: "calling", actions: "endWait" } },
    },
  },
});

const life = vmSetup.createStateConfig({
  description: "From its making until it is recycled.",
  on: {
    "actor.ended": { actions: "dropTask" },
    // Also where it cannot sleep now: the use may stand for others after it can.
    "vm.used": { guard: "isNewUse", actions: "noteUse" },
  },
  initial: "starting",
  states: {
    starting,
    running,
    suspending,
    sleeping: {
      id: "sleeping",
      description: "Suspended: it keeps its memory and files and costs no time.",
      tags: ["waiting"],
      on: {
        "vm.sleep": { actions: "doNothing" },
        "vm.wake": { target: "waking" },
        "vm.attach": { target: "waking", actions: "holdForTask" },
        "vm.vanished": { target: "#failed", actions: "keepVanished" },
        "vm.release": { actions: "letTaskRest" },
      },
    },
    waking,
    failed: {
      id: "failed",
      description: "Could not be made, woken, or found again. It can be made anew.",
      tags: ["waiting"],
      entry: "giveUp",
      on: {
        "vm.retry": { target: "starting", actions: "beginAgain" },
        "vm.attach": { actions: "tellFailed" },
        "vm.release": { actions: "letTaskRest" },
      },
    },
  },
});

const recycling = vmSetup.createStateConfig({
  id: "recycling",
  description: "Its provider deletes it.",
  on: {
    "vm.recycle": { actions: "doNothing" },
    "vm.attach": { actions: "tellRecycled" },
    "vm.used": { actions: "doNothing" },
  },
  initial: "calling",
  states: {
    calling: {
      description: "The provider has been asked.",
      invoke: {
        src: "delete",
        id: "delete",
        input: deleteRequest,
        onDone: { target: "#ended", actions: "settleCleanup" },
        onError: [
          { guard: "mayDeleteAgain", target: "pausing", actions: "countFailure" },
          { target: "#recycled", actions: ["oweCleanup", "countFailure"] },
        ],
      },
    },
    pausing: {
      description: "The provider could not. It is asked again.",
      after: { backoff: { target: "calling", actions: "endWait" } },
    },
  },
});

const recycled = vmSetup.createStateConfig({
  id: "recycled",
  description: "Over for its users; its clean-up is still owed and tried for as long as it takes.",
  entry: "markRecycled",
  on: {
    "vm.recycle": { actions: "doNothing" },
    "vm.attach": { actions: "tellRecycled" },
  },
  initial: "pausing",
  states: {
    pausing: {
      description: "The provider is asked again later.",
      after: { backoff: { target: "calling", actions: "endWait" } },
    },
    calling: {
      description: "The provider has been asked.",
      invoke: {
        src: "delete",
        id: "delete",
        input: deleteRequest,
        onDone: { target: "#ended", actions: "settleCleanup" },
        onError: { target: "pausing", actions: "countFailure" },
      },
    },
  },
});

/** A VM. Made with `VmInput`, ends with `VmOutput`. */
export const vmMachine = vmSetup.createMachine({
  id: "vm",
  description: "A dev environment for tasks.",
  context: ({ input }) => newContext(input),
  output: ({ context }) => ({ method: context.method, generation: context.generation }),
  initial: "live",
  states: {
    live: {
      description: "Made or being made, and not given up.",
      type: "parallel",
      on: {
        "vm.used": { actions: "doNothing" },
        "vm.recycle": {
          target: "recycling",
          actions: { type: "beginRecycling", params: { method: null } },
        },
      },
      states: {
        life,
        idle: idleRegion,
        expiry: expiryRegion,
        link: linkRegion,
        tasks: tasksRegion,
      },
    },
    recycling,
    recycled,
    ended: {
      id: "ended",
      description: "Deleted at its provider.",
      type: "final",
      entry: "markRecycled",
    },
  },
});
