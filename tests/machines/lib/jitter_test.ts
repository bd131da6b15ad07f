import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { jitter } from "../../../machines/lib/jitter.ts";

Deno.test("jitter() is the same for the same parts", () => {
  assertEquals(jitter("task_a", 1), jitter("task_a", 1));
  // A stored delay must be found again by later versions.
  assertEquals(Math.floor(jitter("task_a", 1) * 1_000), 397);
});

Deno.test("jitter() tells parts apart, and where one ends", () => {
  assertNotEquals(jitter("task_a", 1), jitter("task_a", 2));
  assertNotEquals(jitter("task_a", 1), jitter("task_b", 1));
  assertNotEquals(jitter("ab", "c"), jitter("a", "bc"));
  assertNotEquals(jitter("1"), jitter(1));
});

Deno.test("jitter() spreads neighbours evenly over [0, 1)", () => {
  const tenths = new Array<number>(10).fill(0);
  for (let task = 0; task < 1_000; task++) {
    for (let attempt = 1; attempt <= 10; attempt++) {
      const value = jitter(`task_${task}`, attempt);
      assert(value >= 0 && value < 1, `jitter is ${value}`);
      const tenth = Math.floor(value * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
  }
  for (const count of tenths) assert(count > 900 && count < 1_100, `a tenth has ${count} of 10000`);
});
