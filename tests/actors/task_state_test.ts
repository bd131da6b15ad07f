import { assertEquals, assertThrows } from "@std/assert";
import type { Json } from "../../actors/runtime/json.ts";
import { taskState } from "../../actors/task_state.ts";

const working = { working: "stuck" };

const CASES: readonly [value: Json, name: string][] = [
  [{ pending: { startTime: "awaited", dependencies: "awaited", approval: "given" } }, "pending"],
  [active("claimed", { queued: "limited" }), "queued"],
  [active("claimed", { attempt: { dispatched: "preparing" } }), "dispatched"],
  [active("claimed", { attempt: { running: working } }), "running.working"],
  [active("released", { attempt: { running: "paused" } }), "running.paused"],
  [active("released", "suspended"), "running.paused"],
  [active("claimed", { attempt: { running: "resuming" } }), "running.resuming"],
  ["retrying", "retrying"],
  ["timedOut", "timedOut"],
];

for (const [value, name] of CASES) {
  Deno.test(`taskState() names ${JSON.stringify(value)} "${name}"`, () => {
    assertEquals(taskState(value), name);
  });
}

Deno.test("taskState() refuses what is no state", () => {
  assertThrows(() => taskState({}), TypeError, "Cannot name state {}");
});

function active(slot: string, work: Json): Json {
  return { active: { slot, work } };
}
