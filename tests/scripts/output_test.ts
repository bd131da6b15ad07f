import { assertEquals } from "@std/assert";
import { createOutput, type Stream, visible } from "../../scripts/lib/output.ts";

/** Streams that keep what is written. */
function outputTo(options: { json?: boolean; quiet?: boolean; terminal?: boolean }) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr"): Stream => ({
    writeSync(bytes) {
      written[name] += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    isTerminal: () => options.terminal ?? false,
  });
  const { json = false, quiet = false } = options;
  const streams = { stdout: stream("stdout"), stderr: stream("stderr") };
  return { output: createOutput({ json, quiet }, streams), written };
}

const ROWS = [{ id: "task_1", size: 5, note: null }, {
  id: "t2",
  size: 1_000,
  note: "a\x1b[2Jb\n",
}];
const COLUMNS = [
  { title: "ID", value: (row: typeof ROWS[number]) => row.id },
  { title: "SIZE", value: (row: typeof ROWS[number]) => row.size, align: "right" as const },
  { title: "NOTE", value: (row: typeof ROWS[number]) => row.note },
];

Deno.test("table() lines up columns, without what could drive a terminal", () => {
  const { output, written } = outputTo({});
  output.table(ROWS, COLUMNS);
  assertEquals(
    written.stdout,
    ["ID      SIZE  NOTE", "task_1     5  -", "t2      1000  a [2Jb", ""].join("\n"),
  );
});

Deno.test("table() prints JSON for programs and the first column when quiet", () => {
  const json = outputTo({ json: true });
  json.output.table(ROWS, COLUMNS);
  assertEquals(JSON.parse(json.written.stdout), ROWS);
  const quiet = outputTo({ quiet: true });
  quiet.output.table(ROWS, COLUMNS);
  assertEquals(quiet.written.stdout, "task_1\nt2\n");
});

Deno.test("line() prints one JSON value a line, or the text", () => {
  const json = outputTo({ json: true });
  json.output.line({ a: "b\nc" }, "text");
  assertEquals(json.written.stdout, '{"a":"b\\nc"}\n');
  const text = outputTo({});
  text.output.line({}, "text");
  assertEquals(text.written.stdout, "text\n");
});

Deno.test("note() and progress() are for people: on stderr, progress on a terminal alone", () => {
  const cases = [
    { options: { terminal: true }, stderr: "noted\n\r\x1b[Khalf way" },
    { options: {}, stderr: "noted\n" },
    { options: { quiet: true, terminal: true }, stderr: "" },
    { options: { json: true, terminal: true }, stderr: "" },
  ];
  for (const { options, stderr } of cases) {
    const { output, written } = outputTo(options);
    output.note("noted");
    output.progress("half way");
    assertEquals(written, { stdout: "", stderr });
  }
});

Deno.test("visible() keeps a text on one line and readable", () => {
  assertEquals(visible("a\r\n\tb\u202ec\u2028d é 漢"), "a b c d é 漢");
});
