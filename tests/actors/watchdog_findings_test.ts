/** What the watchdog reads of timers and effects, from a system that says what a test wants. */
import { assertEquals } from "@std/assert";
import { lateTimers, lostEffects } from "../../actors/watchdog_findings.ts";

const LATE = [
  { address: "alert:alert_1", timer: "sinceTold", dueAt: 0 },
  { address: "task:task_1", timer: "retry", dueAt: 0 },
] as const;
const LOST = [
  { address: "alert:alert_1", key: "alert:alert_1/1/0", src: "tell", attempt: 1 },
  { address: "task:task_1", key: "task:task_1/2/0", src: "gone", attempt: 1 },
] as const;

Deno.test("an alert is not raised about an alert", async () => {
  const timers = await lateTimers({ overdue: () => Promise.resolve([...LATE]) });
  const effects = await lostEffects({ orphanedEffects: () => Promise.resolve([...LOST]) });
  const found = [...timers.findings, ...effects.findings];
  assertEquals(found.map(({ actor, kind }) => [actor, kind]), [
    ["task:task_1", "overdue"],
    ["task:task_1", "orphaned"],
  ]);
});

Deno.test("what may not be all is said to be not all", async () => {
  const many = Array.from({ length: 200 }, () => LATE[1]);
  const { isAll } = await lateTimers({ overdue: () => Promise.resolve(many) });
  assertEquals(isAll, false);
  assertEquals((await lateTimers({ overdue: () => Promise.resolve([]) })).isAll, true);
});
