/**
 * What goes on beside a VM's life, a region each: the timers that end it, and the watch over its
 * link and over the tasks that work in it.
 */
import { watchRequest } from "./vm_requests.ts";
import { vmSetup } from "./vm_setup.ts";

/** Until nothing has happened in it for so long that it is recycled. */
export const idleRegion = vmSetup.createStateConfig({
  description: "Its time until it is recycled for idleness.",
  initial: "counted",
  states: {
    uncounted: {
      description: "The timer is turned off.",
      on: { "vm.used": { guard: "isNewActivity", actions: "noteActivity" } },
    },
    held: {
      description: "A task works in it: it is not idle.",
      on: {
        "vm.used": { guard: "isNewActivity", actions: "noteActivity" },
        "vm.release": { guard: "endsLastHold", target: "counted", actions: "startRecycleClock" },
        "actor.ended": { guard: "endsLastHold", target: "counted", actions: "startRecycleClock" },
      },
    },
    counted: {
      description: "It is recycled unless something happens in it.",
      always: { guard: "isNeverRecycled", target: "uncounted" },
      on: {
        "vm.used": {
          guard: "isNewActivity",
          target: "counted",
          reenter: true,
          actions: "noteActivity",
        },
        "vm.attach": { guard: "takesTasks", target: "held" },
      },
      after: {
        untilRecycling: [
          { guard: "wasUsedMeanwhile", target: "counted", reenter: true },
          {
            target: "#recycling",
            actions: { type: "beginRecycling", params: { method: "idle" } },
          },
        ],
      },
      initial: "quiet",
      states: {
        quiet: {
          description: "Nobody needs to be told yet.",
          always: { guard: "isNeverAnnounced", target: "silent" },
          after: { untilNotice: { target: "announced" } },
        },
        announced: {
          description: "Its users have been told that it will be recycled.",
          entry: ["markNotified", "announceExpiry"],
        },
        silent: { description: "Nobody is told." },
      },
    },
  },
});

/** Its absolute life, where one was asked for. */
export const expiryRegion = vmSetup.createStateConfig({
  description: "Its absolute life.",
  initial: "limited",
  states: {
    limited: {
      description: "It is recycled at a certain time, whatever happens in it.",
      always: { guard: "neverExpires", target: "unlimited" },
      after: {
        untilExpiry: {
          target: "#recycling",
          actions: { type: "beginRecycling", params: { method: "expired" } },
        },
      },
    },
    unlimited: { description: "None was asked for." },
  },
});

/** Whether it is heard of. */
export const linkRegion = vmSetup.createStateConfig({
  description: "Whether its provider sees it.",
  initial: "online",
  states: {
    online: {
      description: "It has been seen not long ago.",
      on: { "vm.heartbeatLost": { target: "offline", actions: "keepSilence" } },
    },
    offline: {
      description: "It has not been seen for three minutes.",
      on: { "vm.heartbeatFound": { target: "online", actions: "endSilence" } },
    },
  },
});

/** Learns when the tasks end that work in it. */
export const tasksRegion = vmSetup.createStateConfig({
  description: "The tasks that work in it.",
  initial: "watched",
  states: {
    watched: {
      description: "Their ends are told to it.",
      invoke: { src: "watch", id: "tasks", input: watchRequest },
      on: { "vm.attach": { target: "watched", reenter: true } },
    },
  },
});
