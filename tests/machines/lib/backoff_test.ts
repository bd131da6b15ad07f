import { assertEquals } from "@std/assert";
import { backoffMs } from "../../../machines/lib/backoff.ts";

const LIMITS = { baseMs: 1_000, maxMs: 300_000 };

const CASES: readonly [failures: number, spread: number, ms: number][] = [
  [1, 0, 1_000],
  [2, 0, 2_000],
  [3, 0, 4_000],
  [9, 0, 256_000],
  [10, 0, 300_000],
  [2_000, 0, 300_000],
  [0, 0, 1_000],
  [1, 0.5, 750],
  [1, 0.999999, 500],
  [2, 0.25, 1_750],
  // At the longest wait too, so that a crowd does not return as one.
  [10, 0.5, 225_000],
];

for (const [failures, spread, ms] of CASES) {
  Deno.test(`backoffMs() waits ${ms} ms after failure ${failures} with spread ${spread}`, () => {
    assertEquals(backoffMs(failures, spread, LIMITS), ms);
  });
}
