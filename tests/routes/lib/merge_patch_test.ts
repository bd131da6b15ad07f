import { assertEquals } from "@std/assert";
import type { Json, JsonObject } from "../../../actors/runtime/json.ts";
import { mergePatch, patchBetween } from "../../../routes/lib/merge_patch.ts";

/** The examples of RFC 7396, appendix A. */
const EXAMPLES: readonly [value: Json, patch: Json, merged: Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [["a", "b"], ["c", "d"], ["c", "d"]],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

Deno.test("mergePatch() does what RFC 7396 says", () => {
  for (const [value, patch, merged] of EXAMPLES) assertEquals(mergePatch(value, patch), merged);
});

Deno.test("mergePatch() takes names of the language for names like others", () => {
  const patch = JSON.parse('{"__proto__": {"a": 1}, "constructor": "x"}');
  const merged = mergePatch({}, patch);
  assertEquals(JSON.stringify(merged), '{"__proto__":{"a":1},"constructor":"x"}');
  assertEquals(Object.getPrototypeOf(merged), Object.prototype);
});

Deno.test("patchBetween() makes one value of the other", () => {
  const values: JsonObject[] = [
    {},
    { a: 1, b: { c: "x", d: [1, 2] } },
    { a: 1, b: { c: "y" } },
    { b: ["x"], e: { f: {} } },
    { a: { b: 1 }, e: "x" },
  ];
  for (const from of values) {
    for (const to of values) assertEquals(mergePatch(from, patchBetween(from, to)), to);
  }
  assertEquals(patchBetween({ a: 1, b: { c: 1, d: 2 } }, { a: 1, b: { c: 1, d: 3 } }), {
    b: { d: 3 },
  });
});
