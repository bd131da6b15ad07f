/**
 * Proof that the checks see what they are there for: the runtime does its work well, and what the
 * checks are shown of its commits is changed. Each change must break the promise that it is about.
 */
import { assert, assertEquals, fail } from "@std/assert";
import type { Commit } from "../../actors/store/store.ts";
import { KIND_NAMES } from "./kinds.ts";
import type { Plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { type Result, simulate } from "./simulate.ts";
import type { InvariantNumber } from "./violation.ts";

type Tampering = {
  name: string;
  breaks: InvariantNumber;
  /** Changes the commit; false where there is nothing in it to change. */
  change: (commit: Commit) => boolean;
};

/** Changes the first of some rows. */
function first<Row>(rows: readonly Row[], change: (row: Row) => void): boolean {
  const [row] = rows;
  if (row === undefined) return false;
  change(row);
  return true;
}

const removed = <Row>(rows: Row[]): boolean => rows.shift() !== undefined;

const TAMPERINGS: readonly Tampering[] = [
  { name: "an event is lost", breaks: 7, change: ({ journal }) => removed(journal) },
  {
    name: "an event is written twice",
    breaks: 7,
    change: ({ journal }) => first([...journal], (row) => journal.unshift(row)),
  },
  {
    name: "a revision is left out",
    breaks: 6,
    change: ({ journal }) => first(journal, (row) => row.revision += 1),
  },
  { name: "a base is lost", breaks: 2, change: ({ bases }) => removed(bases) },
  {
    name: "a base is another one",
    breaks: 2,
    change: ({ bases }) => first(bases, (row) => row.snapshot = '{"context":{}}'),
  },
  {
    name: "a base stands too early in the journal",
    breaks: 2,
    change: ({ bases, actors }) =>
      // One event before it, and that of the same actor.
      first(bases.filter(() => actors.length === 1), (row) => row.seq -= 1),
  },
  {
    name: "a snapshot is another one",
    breaks: 2,
    change: ({ actors }) =>
      first(actors, (row) => row.snapshot = row.snapshot.replace('"status":', '"stat":')),
  },
  {
    name: "an actor is not written",
    breaks: 2,
    change: ({ actors }) => removed(actors),
  },
  {
    name: "a state has another name",
    breaks: 2,
    change: ({ journal }) => first(journal, (row) => row.state = "elsewhere"),
  },
  {
    name: "a transition is left out",
    breaks: 2,
    change: ({ journal }) =>
      first(journal.filter((row) => row.edges !== "[]"), (row) => row.edges = "[]"),
  },
  { name: "a timer is not set", breaks: 3, change: ({ timers }) => removed(timers) },
  {
    name: "a timer is set too early",
    breaks: 3,
    change: ({ timers }) => first(timers, (row) => row.dueAt -= 1),
  },
  {
    name: "a timer that fired stays",
    breaks: 3,
    change: ({ timersDeleted, timersCleared }) =>
      timersCleared.length === 0 && removed(timersDeleted),
  },
  {
    name: "an effect is not begun",
    breaks: 3,
    change: (commit) => {
      const [lost] = commit.effects.filter(({ type, attempt }) =>
        type === "invoke" && attempt === 1
      );
      commit.effects = commit.effects.filter((row) => row !== lost);
      return lost !== undefined;
    },
  },
  {
    name: "an effect that ended stays",
    breaks: 3,
    change: (commit) => {
      const { effectsDeleted, journal } = commit;
      const kept = effectsDeleted.find((key) =>
        journal.some((row) => row.cause === `effect/${key}`)
      );
      commit.effectsDeleted = effectsDeleted.filter((key) => key !== kept);
      return kept !== undefined;
    },
  },
  {
    name: "an effect that nobody wants is begun",
    breaks: 3,
    change: ({ effects }) =>
      first(effects.filter(({ type }) => type === "invoke"), (row) => row.key += "0"),
  },
  {
    name: "a result comes without work",
    breaks: 3,
    change: ({ journal }) =>
      first(
        journal.filter((row) => row.cause.startsWith("effect/")),
        (row) => row.cause += "0",
      ),
  },
  {
    name: "a place is held that was not granted",
    breaks: 4,
    change: ({ slots }) =>
      first(slots.filter((row) => row.grantedAt === null), (row) => row.grantedAt = 1),
  },
  {
    name: "an ended actor keeps its place",
    breaks: 4,
    change: ({ slotsDeleted }) => removed(slotsDeleted),
  },
  {
    name: "a message comes from nobody",
    breaks: 10,
    change: ({ journal }) =>
      first(
        journal.filter((row) => row.cause.startsWith("message/")),
        (row) => row.cause += "0",
      ),
  },
];

/** Everything at once, and nothing goes wrong. */
const CALM: Plan = {
  seed: 1,
  kinds: KIND_NAMES,
  events: 12,
  settings: {
    crashes: false,
    storeFailures: false,
    clockJumps: false,
    stops: false,
    archives: false,
  },
  aims: [],
};

/** Seeds that are tried until one has something to tamper with. */
const MAX_SEEDS = 30;

/** Tampers with one commit after some that are left as they are, and knows whether it has. */
function once(change: Tampering["change"]) {
  let seen = 0;
  let isDone = false;
  const tamper = (commit: Commit) => {
    seen += 1;
    if (!isDone && seen > 3) isDone = change(commit);
    return commit;
  };
  return { tamper, hasTampered: () => isDone };
}

/** The first run in which there was something to tamper with. */
async function tampered(change: Tampering["change"]): Promise<Result> {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    const { tamper, hasTampered } = once(change);
    const result = await simulate({ ...CALM, seed }, { tamper });
    if (hasTampered()) return result;
  }
  fail(`${MAX_SEEDS} seeds have nothing to tamper with`);
}

Deno.test("simulate() finds nothing to complain of where nothing is changed", async () => {
  const { violation } = await simulate(CALM, { tamper: once(() => false).tamper });
  assertEquals(violation, undefined);
});

for (const { name, breaks, change } of TAMPERINGS) {
  Deno.test(`simulate() sees that ${name}`, async () => {
    const { violation } = await tampered(change);
    assertEquals(violation?.invariant, breaks, violation?.message ?? "it was not seen");
  });
}

Deno.test("shrink() leaves out what the violation does not need", async () => {
  const lost = ({ timers }: Commit) => first(timers, (row) => row.dueAt -= 1);
  const run = (plan: Plan) => simulate(plan, { tamper: once(lost).tamper });
  const failure = await run({ ...CALM, settings: { ...CALM.settings, stops: true } });
  const { plan, violation } = await shrink(failure, run);
  assertEquals(violation?.invariant, 3);
  assertEquals(plan.kinds.length, 1);
  assert(plan.events < CALM.events);
  assertEquals(plan.settings.stops, false);
});
