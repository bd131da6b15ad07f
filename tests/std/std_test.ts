import {
  assert,
  assertEquals,
  assertExists,
  assertInstanceOf,
  AssertionError,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { expect, fn } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";

Deno.test("assert stand-in fails what is false and narrows what is true", async () => {
  const found: string | undefined = ["a"][0];
  assertExists(found);
  assertEquals(found.length, 1);
  assertThrows(() => assertEquals(1, 2), AssertionError, "Values are not equal");
  const error: unknown = await assertRejects(
    () => Promise.reject(new TypeError("no")),
    TypeError,
    "no",
  );
  assertInstanceOf(error, TypeError);
  assert(error.message === "no");
});

Deno.test("expect stand-in fails what is false", async () => {
  expect({ a: 1, b: 2 }).toMatchObject({ a: 1 });
  expect(() => expect(1).toBe(2)).toThrow(AssertionError);
  await expect(Promise.resolve(1)).resolves.toBe(1);
  const double = fn((n: number) => 2 * n);
  expect(double(2)).toBe(4);
  expect(double).toHaveBeenCalledWith(2);
});

Deno.test("FakeTime() fires timers as its time moves, and puts the real ones back", async () => {
  const real = setTimeout;
  const fired: number[] = [];
  {
    using time = new FakeTime("2030-01-01T00:00:00Z");
    setTimeout(() => fired.push(Date.now()), 1_000);
    time.tick(999);
    assertEquals(fired, []);
    await time.tickAsync(1);
    assertEquals(fired, [time.start + 1_000]);
    assertEquals(time.next(), false);
  }
  assertEquals(setTimeout, real);
});

describe("bdd stand-in", () => {
  it("runs its tests", () => assert(true));
});
