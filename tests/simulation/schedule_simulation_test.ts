/** The simulator's run in the gate: schedules with crashes, and that each broken promise is seen. */
import { assert, assertEquals, assertMatch, fail } from "@std/assert";
import { assign } from "xstate";
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { gateMachine } from "../../machines/gate.ts";
import { scheduleMachine } from "../../machines/schedule.ts";
import * as change from "../../machines/schedule_changes.ts";
import { Calendar } from "./schedule_calendar.ts";
import { type ScheduleResult, simulateSchedules } from "./schedule_simulate.ts";

const SEEDS = 25;
/** Seeds that are tried until a broken schedule is seen. */
const MAX_SEEDS = 60;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const calendar = new Calendar();

/** The statechart with another way to take slots. */
function takes(keepDue: typeof change.keepDue): KindDefinition["machine"] {
  return scheduleMachine.provide({ actions: { keepDue: assign(keepDue) } });
}

/** Schedules that break one promise each, and what the checks say of it. */
const BROKEN: readonly { name: string; machine: KindDefinition["machine"]; says: RegExp }[] = [
  {
    name: "an interval counts from when it was picked up",
    machine: takes((args) => {
      const kept = change.keepDue(args);
      const { rule } = args.context.plan;
      if (!("everySeconds" in rule)) return kept;
      return { ...kept, nextSlot: args.event.at + rule.everySeconds * 1_000 };
    }),
    says: /tasks|the feed says|is late/,
  },
  {
    name: "a slot is due again after a downtime",
    machine: takes((args) => {
      const kept = change.keepDue(args);
      const { nextSlot } = args.context;
      const isLate = args.event.at - (nextSlot ?? 0) > HOUR;
      return isLate && args.context.taken.slot !== nextSlot
        ? { ...kept, nextSlot, taken: { slot: nextSlot, manual: null } }
        : kept;
    }),
    says: /tasks|the feed says/,
  },
  {
    name: "catching up leaves one out",
    machine: takes((args) => {
      const kept = change.keepDue(args);
      const { queue = [] } = kept;
      return args.context.plan.catchUp === "all" && queue.length > 1
        ? { ...kept, queue: queue.slice(1) }
        : kept;
    }),
    says: /tasks|the feed says/,
  },
  {
    name: "a cron does not follow its zone's clock",
    machine: takes((args) => {
      const kept = change.keepDue(args);
      const slot = kept.taken?.slot ?? 0;
      if (!("cron" in args.context.plan.rule) || !kept.nextSlot) return kept;
      // As long after the slot as on a day on which no clock changes.
      const days = Math.round((kept.nextSlot - slot) / DAY);
      return days === 0 ? kept : { ...kept, nextSlot: slot + days * DAY };
    }),
    says: /tasks|the feed says|is late/,
  },
  {
    name: "a run does not ask for its session",
    machine: scheduleMachine.provide({ guards: { mayRunAtOnce: (args) => change.mayRun(args) } }),
    says: /tasks .* are made/,
  },
  {
    name: "a run keeps its session when it has ended",
    machine: scheduleMachine.provide({ actions: { releaseSession: () => {} } }),
    says: /holds s\d and works in/,
  },
  {
    name: "a gate gives a person's session away",
    machine: gateMachine.provide({ delays: { untilLeft: 1 } }),
    says: /loses s\d early/,
  },
  {
    name: "a gate grants a session that another run holds",
    machine: gateMachine.provide({
      guards: {
        isHolder: ({ context, event }) =>
          event.type === "gate.claim" || JSON.stringify(event).includes(`"${context.holder}"`),
      },
    }),
    says: /is told session.granted of s\d, which .* holds/,
  },
];

Deno.test(`simulateSchedules() finds every promise kept in ${SEEDS} seeds`, async () => {
  let slots = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation, trace, slots: due } = await simulateSchedules(seed, { calendar });
    slots += due;
    if (violation === undefined) continue;
    const again = `deno task sim --schedules --seed ${seed} --verbose`;
    throw new Error([violation.message, ...trace, again].join("\n"));
  }
  assert(slots > 100, `${slots} slots came due, which shows nothing`);
});

Deno.test("simulateSchedules() finds nothing to complain of where nothing is changed", async () => {
  const tamper = (kind: KindDefinition) =>
    kind.name === "schedule" ? { ...kind, machine: takes(change.keepDue) } : kind;
  for (let seed = 1; seed <= 5; seed++) {
    assertEquals((await simulateSchedules(seed, { calendar, tamper })).violation, undefined);
  }
});

for (const { name, machine, says } of BROKEN) {
  Deno.test(`simulateSchedules() sees that ${name}`, async () => {
    const { violation } = await firstBroken(machine);
    assertMatch(violation?.message ?? "", says);
  });
}

async function firstBroken(machine: KindDefinition["machine"]): Promise<ScheduleResult> {
  const tamper = (kind: KindDefinition) =>
    kind.machine.id === machine.id ? { ...kind, machine } : kind;
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    const result = await simulateSchedules(seed, { calendar, tamper, outside: true });
    if (result.violation !== undefined) return result;
  }
  fail(`${MAX_SEEDS} seeds do not see it`);
}
