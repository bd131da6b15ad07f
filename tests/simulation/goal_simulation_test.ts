/** The simulator's run in the gate: goals through crashes, and that broken promises are seen. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { JournalRow } from "../../actors/store/store.ts";
import type { GoalPlan } from "../../machines/goal_input.ts";
import type { TaskOutput } from "../../machines/task_setup.ts";
import { GoalModel, type StepKind } from "./goal_model.ts";
import { simulateGoals } from "./goal_simulate.ts";

const SEEDS = 60;

Deno.test(`simulateGoals() finds every promise kept in ${SEEDS} seeds`, async () => {
  const ends = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation, trace, ends: seen } = await simulateGoals(seed);
    for (const end of Object.keys(seen)) ends.add(end);
    if (violation === undefined) continue;
    const again = `deno task sim --goals --seed ${seed} --verbose`;
    throw new Error([violation.message, ...trace, again].join("\n"));
  }
  for (const end of ["complete", "timeout", "cancelled"]) assert(ends.has(end), end);
});

const PLAN: GoalPlan = {
  objective: "All tests pass",
  deadlineAt: 1_000,
  budget: { tokens: 10, usd: null },
  templates: { continue: "go on", timeout: "stop", audit: "audit" },
  task: { command: ["work"] },
  audit: { command: ["audit"] },
};

for (
  const [name, broken, message] of [
    ["two steps at once", (goal) => begins(begins(goal, "iteration"), "iteration"), /begins while/],
    ["an iteration after the deadline", (goal) => begins(goal, "iteration", 1_000), /too late/],
    ["a last iteration before it", (goal) => begins(goal, "last"), /too late/],
    [
      "two last iterations",
      (goal) => begins(ends(begins(goal, "last", 1_000)), "last", 2_000),
      /begins after the last iteration/,
    ],
    [
      "an iteration over the budget",
      (goal) => begins(ends(begins(goal, "iteration"), { tokens: 10 }), "iteration"),
      /budget of goal:g is used up/,
    ],
    ["an iteration in a pause", (goal) => begins(goesTo(goal, "paused"), "iteration"), /is paused/],
    [
      "a sixth short iteration",
      (goal) => {
        for (let count = 0; count < 5; count++) ends(begins(goal, "iteration"));
        return begins(goal, "iteration");
      },
      /begins after 5 short ones/,
    ],
    ["an audit of no claim", (goal) => begins(goal, "audit"), /without a claim/],
    ["an end without a claim", (goal) => goesTo(goal, "complete"), /nobody claims so/],
    [
      "an end without an audit",
      (goal) => goesTo(claimed(goal), "complete"),
      /without an audit that confirms it/,
    ],
    [
      "an end by an audit that failed",
      (goal) => {
        const audited = begins(claimed(goal), "audit");
        return goesTo(ends(audited, { state: "failed", audit: "confirmed" }), "complete");
      },
      /nobody claims so/,
    ],
    [
      "an end by an audit of an earlier claim",
      (goal) => {
        const audited = ends(begins(claimed(goal), "audit"), { audit: "confirmed" });
        return goesTo(claimed(audited), "complete");
      },
      /by an audit before the claim/,
    ],
    ["an end before its time", (goal) => goesTo(goal, "timeout"), /before its deadline/],
    [
      "an end while somebody works",
      (goal) => goesTo(begins(goal, "iteration"), "cancelled"),
      /while task:1 works/,
    ],
  ] as [string, (goal: GoalModel) => GoalModel, RegExp][]
) {
  Deno.test(`GoalModel sees ${name}`, () => {
    seq = 0;
    assertMatch(thrownBy(() => broken(new GoalModel("goal:g", PLAN))), message);
  });
}

Deno.test("GoalModel lets a goal come to its end", () => {
  seq = 0;
  const goal = new GoalModel("goal:g", PLAN);
  claimed(ends(begins(goal, "iteration")));
  goesTo(ends(begins(goal, "audit"), { audit: "confirmed" }), "complete");
  assertEquals([goal.isEnded, goal.iterations], [true, 1]);
});

let seq = 0;

function begins(goal: GoalModel, kind: StepKind, at = 0): GoalModel {
  seq += 1;
  goal.begins({ task: `task:${seq}`, kind, session: null, at, seq });
  return goal;
}

function ends(
  goal: GoalModel,
  { tokens = 0, state = "succeeded", ...report }: {
    tokens?: number;
    state?: string;
    audit?: "confirmed";
  } = {},
): GoalModel {
  const output: TaskOutput = {
    state,
    result: { report },
    error: null,
    sessionId: null,
    usage: { tokens, costUsd: 0 },
    workedMs: 0,
  };
  goal.ends(row({ address: goal.step?.task ?? "" }), output);
  return goal;
}

function claimed(goal: GoalModel): GoalModel {
  goal.claim(row({}));
  return goal;
}

function goesTo(goal: GoalModel, state: string): GoalModel {
  goal.goesTo(state, row({}));
  return goal;
}

function row(given: { address?: string }): JournalRow {
  seq += 1;
  const same = { address: "goal:g", revision: 1, at: 0, event: "{}", key: null, cause: "api" };
  const rest = {
    edges: "[]",
    state: "",
    status: "active",
    emitted: null,
    outcome: "taken",
  } as const;
  return { seq, ...same, ...rest, ...given };
}

function thrownBy(work: () => void): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  return "";
}
