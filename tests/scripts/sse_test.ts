import { assertEquals } from "@std/assert";
import { readEvents, readLines } from "../../scripts/lib/sse.ts";

/** A response whose body comes in these pieces. */
function inPieces(...pieces: string[]): Response {
  return new Response(ReadableStream.from(pieces.map((piece) => new TextEncoder().encode(piece))));
}

Deno.test("readLines() puts lines together however they are cut", async () => {
  const lines = await Array.fromAsync(readLines(inPieces("a", "b\nc\r", "\n", "\nd\ne")));
  assertEquals(lines, ["ab", "c", "", "d"]);
});

Deno.test("readEvents() keeps the last id, joins data and passes over comments", async () => {
  const events = await Array.fromAsync(readEvents(inPieces(
    ": hello\n\nid: 1\nevent: a\nda",
    "ta: x\ndata: y\n\ndata:z\n\n\nevent: b\n\n",
    "id: 2\ndata: cut",
  )));
  assertEquals(events, [
    { id: "1", event: "a", data: "x\ny" },
    { id: "1", event: "message", data: "z" },
  ]);
});

Deno.test("readEvents() gives a sign of life for each piece", async () => {
  let signs = 0;
  await Array.fromAsync(readEvents(inPieces(": 1\n", ": 2\n"), () => signs++));
  assertEquals(signs, 2);
});
