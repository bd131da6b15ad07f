import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ProblemError } from "../../routes/errors.ts";
import { createStreams, type Sink } from "../../routes/streams.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { readUntil } from "./support.ts";

const text = new TextEncoder();

function setUp(maxStreams = 2) {
  const clock = new ManualClock();
  const streams = createStreams({ maxStreams, heartbeatMs: 15_000, clock });
  const failures: unknown[] = [];
  const open = (source: (sink: Sink) => Promise<void>, method = "GET") =>
    streams.open(method, {
      headers: {},
      heartbeat: text.encode(": beat\n\n"),
      source,
      failed: (error) => failures.push(error),
    });
  return { clock, streams, open, failures };
}

/** A source that does nothing until the reader goes. */
function untilGone({ signal }: Sink): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  return promise;
}

function readerOf(response: Response) {
  if (response.body === null) throw new Error("Cannot read: there is no body");
  return response.body.getReader();
}

Deno.test("open() refuses more streams than the limit, and takes them again when one ends", async () => {
  const { streams, open } = setUp(2);
  const first = open(untilGone);
  const second = open(untilGone);
  const error = assertThrows(() => open(untilGone), ProblemError);
  assertEquals([error.slug, error.more.headers?.["retry-after"]], ["too-many-streams", "5"]);
  await first.body?.cancel();
  assertEquals(streams.count(), 1);
  const third = open(untilGone);
  await Promise.all([second.body?.cancel(), third.body?.cancel()]);
  assertEquals(streams.count(), 0);
});

Deno.test("open() ends the source when the reader goes", async () => {
  const { streams, open } = setUp();
  const ended = Promise.withResolvers<void>();
  const reader = readerOf(open(async (sink) => {
    await sink.write(text.encode("a"));
    await untilGone(sink);
    ended.resolve();
  }));
  await reader.read();
  await reader.cancel();
  await ended.promise;
  assertEquals(streams.count(), 0);
});

Deno.test("open() holds up the source of a reader that does not read", async () => {
  const { open, clock } = setUp();
  let written = 0;
  const frame = new Uint8Array(1024);
  const reader = readerOf(open(async ({ write, signal }) => {
    while (!signal.aborted) {
      await write(frame);
      written += frame.byteLength;
    }
  }));
  await reader.read();
  await clock.settle();
  assertEquals(written <= 128 * 1024, true, `${written} bytes were made for nobody`);
  await reader.cancel();
});

Deno.test("open() joins what piled up into one chunk", async () => {
  const { open } = setUp();
  const piled = Promise.withResolvers<void>();
  const reader = readerOf(open(async ({ write }) => {
    await write(text.encode("a"));
    await write(text.encode("b"));
    await write(text.encode("c"));
    piled.resolve();
  }));
  const first = await reader.read();
  await piled.promise;
  const rest = await readUntil(reader, () => false);
  assertEquals(new TextDecoder().decode(first.value) + rest, "abc");
});

Deno.test("open() shows that a quiet stream lives", async () => {
  const { clock, open } = setUp();
  const reader = readerOf(open(async (sink) => {
    await sink.write(text.encode("a"));
    await untilGone(sink);
  }));
  await reader.read();
  const next = reader.read();
  await clock.advance(15_000);
  assertStringIncludes(new TextDecoder().decode((await next).value), ": beat");
  await reader.cancel();
});

Deno.test("open() breaks off when the source fails, and says why to the log", async () => {
  const { open, failures, streams } = setUp();
  const reader = readerOf(open(() => Promise.reject(new Error("broken"))));
  const outcome = await reader.read().then(() => "read", (error: Error) => error.message);
  assertEquals(outcome, "broken");
  assertEquals(failures.length, 1);
  assertEquals(streams.count(), 0);
});

Deno.test("open() starts nothing for HEAD", () => {
  const { open, streams } = setUp();
  const response = open(() => Promise.reject(new Error("must not run")), "HEAD");
  assertEquals(response.body, null);
  assertEquals(streams.count(), 0);
});
