import { assertEquals } from "@std/assert";
import { whyOf } from "../../actors/goal_why.ts";
import { type GoalContext, newContext } from "../../machines/goal_context.ts";
import type { GoalPlan } from "../../machines/goal_input.ts";

const AT = Date.UTC(2030, 0, 1);
const PLAN: GoalPlan = {
  objective: "All tests pass",
  deadlineAt: AT,
  budget: { tokens: null, usd: null },
  templates: { continue: "c", timeout: "t", audit: "a" },
  task: { command: ["work"] },
  audit: { command: ["audit"] },
};
const STEP = { task: "task:t", startedAt: AT, session: null, stopped: null };
const CLAIM = { at: AT, by: "ann", summary: "" };
const GUARD = { shortInRow: 0, unchanged: 0 };

/** What is said of a goal that differs so from one that is new. */
function said(
  state: string,
  change: Partial<GoalContext> = {},
  { plan = {}, holder }: { plan?: Partial<GoalPlan>; holder?: string } = {},
): string {
  const made = newContext({ id: "goal_1", plan: { ...PLAN, ...plan }, createdAt: AT });
  return whyOf({ ...made, ...change }, state, holder);
}

Deno.test("whyOf() says who works, and what for", () => {
  const step = { ...STEP, kind: "iteration" } as const;
  const iteration = 2;
  assertEquals(said("active.iterating", { step, iteration }), "task:t works on iteration 2");
  const findings = ["No tests", "No docs", "No form"];
  assertEquals(
    said("active.iterating", { step, iteration, guard: { ...GUARD, findings } }),
    "task:t works on iteration 2; the last audit found: No tests (and 2 more)",
  );
  assertEquals(
    said("active.iterating", { step, iteration, claim: CLAIM }, { plan: { audit: null } }),
    "task:t works on iteration 2; ann claims that the objective is reached: when it ends, that is " +
      "believed",
  );
  assertEquals(
    said("active.iterating", { step: { ...step, stopped: "preempted" }, iteration, claim: CLAIM }),
    "task:t works on iteration 2; it is called off: a person took its session",
  );
  const own = { ...CLAIM, by: "task:task_goal_1_iteration_7_abc" };
  assertEquals(
    said("active.auditing", { step: { ...STEP, kind: "audit" }, claim: own }),
    "task:t checks whether the objective is reached, as iteration 7 claims",
  );
});

Deno.test("whyOf() says what it waits for", () => {
  const session = "web";
  assertEquals(said("waitingForSession", { session }), 'Waits for session "web"');
  assertEquals(
    said("waitingForSession", { session }, { holder: "ann" }),
    'Waits for session "web", which ann holds',
  );
  assertEquals(
    said("active.iterating", { session }, { holder: "ann" }),
    'Its deadline has passed: before its last iteration it waits for session "web", which ann holds',
  );
  const delay = { until: AT, reason: null };
  assertEquals(said("active.delayed", { delay }), "Waits until 2030-01-01T00:00:00.000Z");
  assertEquals(
    said("active.delayed", { delay: { ...delay, reason: "the build runs" } }),
    "Waits until 2030-01-01T00:00:00.000Z: the build runs",
  );
});

Deno.test("whyOf() says why it is paused", () => {
  const paused = { reason: "person", detail: null } as const;
  assertEquals(said("paused", { paused }), "Paused by a person");
  assertEquals(
    said("paused", { paused: { reason: "runaway", detail: "5 in a row" }, claim: CLAIM }),
    "Paused by itself: 5 in a row; when it is resumed, an audit decides what ann claims",
  );
});

Deno.test("whyOf() says how it ended", () => {
  assertEquals(
    said("complete", { claim: CLAIM }),
    "Reached: an audit has confirmed what ann claims",
  );
  assertEquals(
    said("complete", { claim: CLAIM }, { plan: { audit: null } }),
    "Reached, as ann claims; no audit was asked for",
  );
  assertEquals(said("timeout"), "Its deadline passed at 2030-01-01T00:00:00.000Z");
  assertEquals(
    said("timeout", { guard: { ...GUARD, findings: ["No tests"] } }),
    "Its deadline passed at 2030-01-01T00:00:00.000Z; the last audit had found: No tests",
  );
  assertEquals(said("cancelled"), "Cancelled by a person");
  assertEquals(said("cancelled", { reason: "enough" }), "Cancelled by a person: enough");
});
