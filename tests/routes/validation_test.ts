import { assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { ProblemError } from "../../routes/errors.ts";
import { parseInput, pointerOf } from "../../routes/validation.ts";
import { withIsoTimes } from "../../routes/lib/times.ts";

const Workspace = z.union([
  z.strictObject({ path: z.string() }),
  z.strictObject({ repo: z.string(), ref: z.string().optional() }),
]);
const Schema = z.strictObject({ count: z.int().min(1), workspace: Workspace.optional() });

function faults(value: unknown) {
  const error = assertThrows(() => parseInput(Schema, value, "body"), ProblemError);
  return error.more.errors?.map((fault) => "pointer" in fault ? fault.pointer : fault.name);
}

Deno.test("parseInput() points at every fault", () => {
  assertEquals(faults({ count: 0, extra: 1, "a/b": 2 }), ["/count", "/extra", "/a~1b"]);
  assertEquals(faults({}), ["/count"]);
  assertEquals(faults([]), [""]);
});

Deno.test("parseInput() points into the alternative that was meant", () => {
  assertEquals(faults({ count: 1, workspace: { repo: 7 } }), ["/workspace/repo"]);
  assertEquals(faults({ count: 1, workspace: { path: "/a", more: 1 } }), ["/workspace/more"]);
});

Deno.test("pointerOf() escapes as RFC 6901 says", () => {
  assertEquals(pointerOf(["a/b", "m~n", 0]), "/a~1b/m~0n/0");
  assertEquals(pointerOf([]), "");
});

Deno.test("withIsoTimes() turns times into text at any depth, and nothing else", () => {
  const shown = withIsoTimes({
    startedAt: 0,
    endedAt: null,
    countAt: 1.5,
    timeoutMs: 1000,
    inner: [{ dueAt: 1 }],
  });
  assertEquals(shown, {
    startedAt: "1970-01-01T00:00:00.000Z",
    endedAt: null,
    countAt: 1.5,
    timeoutMs: 1000,
    inner: [{ dueAt: "1970-01-01T00:00:00.001Z" }],
  });
});
