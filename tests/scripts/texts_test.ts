import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../scripts/lib/args.ts";
import { parseDuration, showDuration } from "../../scripts/lib/durations.ts";
import { parseMetrics } from "../../scripts/lib/metrics_text.ts";
import { inspectionText } from "../../scripts/lib/render_inspection.ts";
import { changeLine, taskColumns } from "../../scripts/lib/render_lists.ts";
import { layOut } from "../../scripts/lib/output.ts";

Deno.test("parseDuration() reads one number with its unit", () => {
  const read = ["5ms", "90s", "10m", "2h", "30d"].map((text) => parseDuration(text, "--for"));
  assertEquals(read, [5, 90_000, 600_000, 7_200_000, 2_592_000_000]);
  for (const text of ["", "10", "0s", "-1s", "1.5h", "1w", "99999999999999d"]) {
    assertThrows(() => parseDuration(text, "--for"), UsageError, `Cannot use --for "${text}"`);
  }
});

Deno.test("showDuration() shows the two largest units that are not nothing", () => {
  const shown = [-5, 0, 999, 1_000, 61_000, 3_600_000, 3_661_000, 90_061_000].map(showDuration);
  assertEquals(shown, ["0ms", "0ms", "999ms", "1s", "1m 1s", "1h", "1h 1m", "1d 1h"]);
});

Deno.test("parseMetrics() reads what /metrics writes", () => {
  const text = [
    "# HELP a Something.",
    "a 3",
    String.raw`b{kind="x",state="a\"b\\c\nd"} 0.5`,
    `c_bucket{le="+Inf"} 7`,
    "",
  ].join("\n");
  assertEquals(parseMetrics(text), [
    { name: "a", labels: {}, value: 3 },
    { name: "b", labels: { kind: "x", state: 'a"b\\c\nd' }, value: 0.5 },
    { name: "c_bucket", labels: { le: "+Inf" }, value: 7 },
  ]);
});

const TASK = {
  id: "task_1",
  state: "running.working",
  status: "active",
  revision: 3,
  createdAt: "2026-01-01T00:00:00.000Z",
  startedAt: "2026-01-01T00:00:01.000Z",
  title: "Build\x1b[31m it\nnow",
  priority: 3,
};

Deno.test("a list of tasks shows age and time at work, and no control characters", () => {
  const now = () => Date.parse("2026-01-01T00:02:00.000Z");
  const [titles = "", row = ""] = layOut([TASK], taskColumns(now));
  assertEquals(titles.split(/ {2,}/), ["ID", "STATE", "PRIORITY", "AGE", "TOOK", "TITLE"]);
  const cells = row.split(/ {2,}/);
  assertEquals(cells, ["task_1", "running.working", "high", "2m", "1m 59s", "Build [31m it now"]);
  assertEquals(changeLine(TASK), "task_1  running.working  Build [31m it now");
});

Deno.test("an inspection has a section for each thing that the actor has, and no other", () => {
  const text = inspectionText({
    address: "k:1",
    kind: "k",
    id: "1",
    version: "1.abc",
    revision: 2,
    status: "active",
    state: "on",
    value: "on",
    context: { note: "x".repeat(500), n: 1 },
    tags: [],
    parent: null,
    blocked: null,
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    accepts: ["go", "stop"],
    timers: [{ id: "t", dueAt: "2026-01-02T00:00:00.000Z", target: "k:1" }],
    effects: [],
    slots: [],
    watches: [],
    children: [],
  }, []);
  const titles = text.split("\n").filter((line) => /^[A-Z]/.test(line));
  assertEquals(titles, ["Timers", "Context"]);
  assertEquals(text.includes("accepts   go, stop"), true);
  assertEquals(text.includes("--json shows all"), true);
  assertEquals(text.split("\n").every((line) => line.length < 500), true);
});
