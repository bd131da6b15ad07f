import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { createOutput, type OutputOptions } from "../../actors/adapters/executor/output.ts";
import { createRedactor } from "../../actors/adapters/redact.ts";
import { ManualClock } from "../testing/manual_clock.ts";

function open(changes: Partial<OutputOptions> = {}) {
  const clock = new ManualClock();
  const pieces: string[] = [];
  const output = createOutput({
    append: (text) => pieces.push(text),
    redactor: createRedactor({ values: [] }),
    clock,
    maxBytes: 40_000,
    tailBytes: 1_000,
    ...changes,
  });
  const sink = output.pipe();
  const write = (text: string | Uint8Array) =>
    sink(typeof text === "string" ? new TextEncoder().encode(text) : text);
  return { clock, output, write, stored: () => pieces.join("") };
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}\n`).join("");

Deno.test("createOutput() stores what fits as it is", () => {
  const { output, write, stored } = open();
  write("one\ntwo");
  assertEquals(stored(), "one\n");
  assertEquals(output.end(), { output: "one\ntwo", truncated: false, outputBytes: 7 });
  assertEquals(stored(), "one\ntwo");
});

Deno.test("createOutput() shows an unfinished line when nothing follows for a while", async () => {
  const { clock, write, stored } = open();
  write("Continue? ");
  await clock.advance(400);
  write("[y/n] ");
  await clock.advance(400);
  assertEquals(stored(), "", "it has not been quiet for long");
  await clock.advance(200);
  assertEquals(stored(), "Continue? [y/n] ");
});

Deno.test("createOutput() puts together characters that were cut, for each pipe", () => {
  const { output, write } = open();
  const other = output.pipe();
  const [first, ...rest] = new TextEncoder().encode("ž\n");
  write(new Uint8Array([first ?? 0]));
  other(new TextEncoder().encode("between\n"));
  write(new Uint8Array(rest));
  assertEquals(output.end().output, "between\nž\n");
});

Deno.test("createOutput() makes binary output harmless", () => {
  const { output, write } = open();
  write(new Uint8Array([0x61, 0, 1, 0xff, 0xc3, 0x7f, 0x0e, 0x1b, 0x09, 0x0d, 0x0a, 0xe2, 0x82]));
  assertEquals(output.end().output, "a����\ufffd\ufffd\u001b\t\r\n�");
});

Deno.test("createOutput() keeps beginning and end of what is too long, and says what is cut", () => {
  const { output, write, stored } = open();
  const text = numbered(20_000);
  for (let at = 0; at < text.length; at += 777) write(text.slice(at, at + 777));
  const result = output.end();
  const all = stored();
  assertLessOrEqual(bytesOf(all), 40_000);
  const [, head = "", cut = "", tail = ""] =
    /^([\s\S]*)\n\[holdfast: ([\d,]+) bytes cut here; the limit is 40,000 bytes\]\n([\s\S]*)$/
      .exec(all) ?? [];
  assert(text.startsWith(head) && text.endsWith(tail));
  assertEquals(bytesOf(tail), 1_000);
  assertEquals(head.length + Number(cut.replaceAll(",", "")) + tail.length, text.length);
  assertEquals([result.truncated, result.outputBytes], [true, text.length]);
});

Deno.test("createOutput() puts beginning and end into the result", () => {
  const { output, write, stored } = open({ maxBytes: 1_000_000 });
  const text = numbered(20_000);
  write(text);
  const result = output.end();
  assertEquals(stored(), text);
  assert(result.truncated);
  const cut = text.length - 32 * 1024;
  assertEquals(
    result.output,
    text.slice(0, 8 * 1024) +
      `\n[holdfast: ${cut.toLocaleString("en-US")} bytes cut here; the limit is 32,768 bytes]\n` +
      text.slice(-24 * 1024),
  );
});

Deno.test("createOutput() stays within its bounds and loses nothing, at every length", () => {
  for (let length = 36_000; length < 60_000; length += 97) {
    const { output, write, stored } = open();
    const text = numbered(10_000).slice(0, length);
    for (let at = 0; at < length; at += 5_000) write(text.slice(at, at + 5_000));
    const { truncated } = output.end();
    const all = stored();
    assertLessOrEqual(bytesOf(all), 40_000);
    assert(all === text || (truncated && all.includes("bytes cut here")), `lost at ${length}`);
    assert(all.endsWith(text.slice(-900)));
  }
});

Deno.test("createOutput() stays within its bounds when every byte grows", () => {
  const { output, write, stored } = open();
  for (let n = 0; n < 100; n++) write(new Uint8Array(1_000).fill(0xff));
  assertEquals(output.end().outputBytes, 100_000);
  assertLessOrEqual(bytesOf(stored()), 40_000);
  assert(stored().isWellFormed());
});

Deno.test("createOutput() redacts secrets at the cut and in the end", () => {
  const secret = `ghp_${"a1".repeat(18)}`;
  for (let offset = 0; offset < 120; offset++) {
    const { output, write, stored } = open();
    write("x".repeat(offset));
    for (let n = 0; n < 2_500; n++) write(`${secret} `);
    const { output: result } = output.end();
    for (const text of [stored(), result]) {
      assert(!/a1a1/.test(text), `shown at offset ${offset}: ${/.{9}a1a1.*/.exec(text)?.[0]}`);
    }
  }
});

Deno.test("note() begins a line of its own", async () => {
  const { output, write, clock, stored } = open();
  write("unfinished");
  await clock.advance(1_000);
  output.note("something happened");
  assertEquals(stored(), "unfinished\n[holdfast: something happened]\n");
});
