import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createLogger, type LoggerOptions } from "../../scripts/lib/logger.ts";
import type { Stream } from "../../scripts/lib/output.ts";

/** A stream that keeps what is written; it takes seven bytes at a time, as pipes may. */
function memoryStream(terminal: boolean): Stream & { lines(): string[] } {
  const bytes: number[] = [];
  return {
    writeSync(chunk) {
      bytes.push(...chunk.subarray(0, 7));
      return Math.min(chunk.length, 7);
    },
    isTerminal: () => terminal,
    lines: () => new TextDecoder().decode(new Uint8Array(bytes)).split("\n").slice(0, -1),
  };
}

function logTo(terminal: boolean, options: Partial<LoggerOptions> = {}) {
  const stream = memoryStream(terminal);
  const clock = { now: () => Date.parse("2030-01-02T03:04:05.678Z") };
  const log = createLogger({ level: "info", format: "auto", stream, clock, ...options });
  return { log, stream };
}

Deno.test("logger writes one JSON line an entry where nobody watches", () => {
  const { log, stream } = logTo(false);
  log("info", "Task ended", { ms: 5, event: "task.ended", address: "task:1", skipped: undefined });
  assertEquals(stream.lines(), [
    '{"time":"2030-01-02T03:04:05.678Z","level":"info","message":"Task ended",' +
    '"address":"task:1","event":"task.ended","ms":5}',
  ]);
});

Deno.test("logger writes columns on a terminal, address and event first", () => {
  const { log, stream } = logTo(true, { colour: false });
  log("warn", "Slow", { ms: 5, event: "task.ended", address: "task:1" });
  assertEquals(stream.lines(), ["03:04:05.678 WARN  Slow task:1 task.ended ms=5"]);
});

Deno.test("logger colours text when told to, and never JSON", () => {
  const text = logTo(true, { colour: true });
  text.log("error", "Broken");
  assertStringIncludes(text.stream.lines()[0] ?? "", "\x1b[31mERROR\x1b[0m");
  const json = logTo(true, { colour: true, format: "json" });
  json.log("error", "Broken");
  assertEquals(json.stream.lines()[0]?.includes("\x1b"), false);
});

Deno.test("logger leaves out what is below its level", () => {
  const { log, stream } = logTo(false, { level: "warn" });
  log("debug", "a");
  log("info", "b");
  log("warn", "c");
  log("error", "d");
  assertEquals(stream.lines().length, 2);
});

Deno.test("logger redacts messages, fields and what is deep inside of them", () => {
  const redact = (text: string) => text.replaceAll("s3cret", "[redacted]");
  for (const terminal of [false, true]) {
    const { log, stream } = logTo(terminal, { redact });
    log("info", "Token s3cret", {
      url: "http://s3cret@x",
      nested: { list: ["s3cret"] },
      error: new Error("no s3cret", { cause: new Error("s3cret") }),
    });
    const [line = ""] = stream.lines();
    assertEquals(line.includes("s3cret"), false);
    assertEquals(line.split("[redacted]").length > 4, true);
  }
});

Deno.test("logger keeps an entry on one line, whatever is in it", () => {
  for (const terminal of [false, true]) {
    const { log, stream } = logTo(terminal, { colour: false });
    log("info", "one\n2030 ERROR two\x1b[2J", { address: "task:1\r\nfake" });
    assertEquals(stream.lines().length, 1);
    assertEquals(/\p{Cc}/u.test(stream.lines()[0] ?? ""), false);
  }
});

Deno.test("logger shows errors with their cause, big integers and cycles", () => {
  const { log, stream } = logTo(false);
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  log("error", "Failed", {
    error: new TypeError("outer", { cause: new RangeError("inner") }),
    big: 2n ** 60n,
    cycle,
  });
  const entry = JSON.parse(stream.lines()[0] ?? "");
  assertEquals([entry.error.name, entry.error.cause.message], ["TypeError", "inner"]);
  assertEquals(entry.big, "1152921504606846976");
  assertMatch(entry.cycle, /Circular/);
});

Deno.test("logger outlives the reader of its stream", () => {
  let tried = false;
  const stream: Stream = {
    writeSync() {
      tried = true;
      throw new Deno.errors.BrokenPipe("gone");
    },
    isTerminal: () => false,
  };
  createLogger({ level: "info", format: "json", stream })("info", "Anyone there?");
  assert(tried);
});
