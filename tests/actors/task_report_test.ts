import { assertEquals } from "@std/assert";
import type { ExecutorResult } from "../../actors/adapters/executor/executor.ts";
import { readReport, withReport } from "../../actors/task_report.ts";

const RESULT: ExecutorResult = {
  exitCode: 0,
  signal: null,
  output: "",
  truncated: false,
  outputBytes: 0,
  workDir: null,
  durationMs: 1,
};

const line = (report: object) => `@holdfast ${JSON.stringify(report)}`;

const FOUND: readonly { of: string; output: string; report: object | undefined }[] = [
  { of: "an output without any", output: "all green\n", report: undefined },
  {
    of: "a line among others",
    output: `a\n${line({ summary: "s" })}\nb`,
    report: { summary: "s" },
  },
  { of: "a line with space around", output: "\t @holdfast  {} \r\nb", report: {} },
  {
    of: "several lines, the later members winning, none of them put together",
    output: [
      line({ summary: "1", usage: { tokens: 1, costUsd: 1 } }),
      line({ usage: { tokens: 2 }, goal: "complete" }),
    ].join("\n"),
    report: { summary: "1", usage: { tokens: 2 }, goal: "complete" },
  },
  {
    of: "every known member, and others",
    output: line({
      goal: "complete",
      summary: "",
      audit: "missing",
      findings: ["a"],
      delay: { seconds: 60, reason: "CI runs", until: "noon" },
      usage: { tokens: 0, costUsd: 0.5 },
      session: "s-1",
      mood: { x: [null] },
    }),
    report: {
      goal: "complete",
      summary: "",
      audit: "missing",
      findings: ["a"],
      delay: { seconds: 60, reason: "CI runs", until: "noon" },
      usage: { tokens: 0, costUsd: 0.5 },
      session: "s-1",
      mood: { x: [null] },
    },
  },
  {
    of: "known members of another form, which leave the earlier ones be",
    output: [
      line({ goal: "complete", session: "s-1" }),
      line({
        goal: "nearly",
        summary: 5,
        audit: true,
        findings: [1],
        delay: { seconds: -1, reason: "r" },
        usage: { tokens: "many" },
        session: "x".repeat(201),
        mood: "fine",
      }),
      '@holdfast {"usage": {"costUsd": 1e999}, "session": "a\\u0000b"}',
    ].join("\n"),
    report: { goal: "complete", session: "s-1", mood: "fine" },
  },
  {
    of: "what only looks like a line",
    output: [
      `say ${line({ goal: "complete" })}`,
      `${line({ goal: "complete" })} and more`,
      "@holdfast {goal: complete}",
      '@holdfast ["goal"]',
      '@holdfast{"goal": "complete"}',
      '@holdfast {"goal": "complete"',
    ].join("\n"),
    report: undefined,
  },
  {
    of: "a line that spells a reference to a stored text",
    output: line({ summary: { $blob: "0".repeat(64), bytes: 9 } }),
    report: undefined,
  },
  {
    of: "a line of more than 8 KiB",
    output: line({ note: "x".repeat(8 * 1024) }),
    report: undefined,
  },
  {
    of: "a line behind a gap, which may be the end of a longer one",
    output: [
      "[holdfast: 1,234 bytes cut here; the limit is 32,768 bytes]",
      line({ goal: "complete" }),
      line({ summary: "s" }),
    ].join("\n"),
    report: { summary: "s" },
  },
  {
    of: "lines that are not in the last 64 KiB",
    output: `${line({ goal: "complete" })}\n${"x".repeat(64 * 1024)}\n${line({ summary: "s" })}`,
    report: { summary: "s" },
  },
  {
    of: "a line whose beginning is not in the last 64 KiB",
    output: `say ${line({ goal: "complete" })}\n`.padEnd("say ".length + 64 * 1024, "x"),
    report: undefined,
  },
  {
    of: "a member that is named like a prototype",
    output: '@holdfast {"__proto__": {"goal": "complete"}}',
    report: JSON.parse('{"__proto__": {"goal": "complete"}}'),
  },
];

for (const { of, output, report } of FOUND) {
  Deno.test(`readReport() finds the report of ${of}`, () => {
    assertEquals<unknown>(readReport(output), report);
  });
}

Deno.test("readReport() takes a report up to its bounds, and says why it gives up a larger one", () => {
  const members = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, index]));
  assertEquals(readReport(line(members(20))), members(20));
  assertEquals(readReport(line(members(21))), {
    error: "Cannot keep the report: it has 21 members, the limit is 20",
  });
  const sized = (bytes: number) => ({ note: "x".repeat(bytes - '{"note":""}'.length) });
  assertEquals(readReport(line(sized(4_096))), sized(4_096));
  assertEquals(readReport(line(sized(4_097))), {
    error: "Cannot keep the report: it has 4097 bytes, the limit is 4096",
  });
});

Deno.test("withReport() leaves a short result without report lines as it is", () => {
  const result = { ...RESULT, output: "x".repeat(4_000) };
  assertEquals(withReport(result), result);
});

Deno.test("withReport() adds the end of a long output, in whole characters", () => {
  const whole = { ...RESULT, output: "a".repeat(4_001) };
  assertEquals(withReport(whole), { ...whole, tail: "a".repeat(2_000) });
  // Two units each, so that a cut after an even count from the end is between them.
  assertEquals(withReport({ ...RESULT, output: "😀".repeat(2_001) }).tail, "😀".repeat(1_000));
  const odd = withReport({ ...RESULT, output: `${"😀".repeat(2_001)}.` }).tail;
  assertEquals(odd, `${"😀".repeat(999)}.`);
});

Deno.test("withReport() takes secrets out before it cuts and reads", () => {
  const redact = (text: string) => text.replaceAll("hunter2", "***");
  const cutApart = `${"x".repeat(3_000)}hunter2${"y".repeat(1_996)}`;
  const { tail } = withReport({ ...RESULT, output: cutApart }, redact);
  assertEquals(tail, `x***${"y".repeat(1_996)}`);
  const output = line({ summary: "with hunter2" });
  assertEquals(withReport({ ...RESULT, output }, redact).report, { summary: "with ***" });
});
