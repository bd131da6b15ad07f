import { assertEquals } from "@std/assert";
import { boundedCalls } from "../../routes/lib/bounded_calls.ts";

Deno.test("boundedCalls() runs so many at once, lets so many wait, and refuses the rest", async () => {
  const calls = boundedCalls({ running: 2, waiting: 1 });
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const begun: number[] = [];
  const added = gates.map((gate, i) =>
    calls.add(async () => {
      begun.push(i);
      await gate.promise;
    })
  );
  assertEquals([added, begun], [[true, true, true, false], [0, 1]]);
  gates[1]?.resolve();
  await new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(null))));
  await Promise.resolve();
  assertEquals(begun, [0, 1, 2]);
});
