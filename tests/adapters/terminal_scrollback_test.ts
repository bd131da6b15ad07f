import { assertEquals, assertRejects } from "@std/assert";
import { Scrollback } from "../../actors/adapters/vm/terminal_scrollback.ts";
import { PatternError, searchLines } from "../../actors/adapters/vm/terminal_search.ts";
import { plainText, textLines } from "../../actors/adapters/vm/terminal_text.ts";
import { MAX_LINE_CHARS } from "../../actors/adapters/vm/terminal_limits.ts";

const encoder = new TextEncoder();

/** A scrollback that got the bytes of a text in pieces of so many bytes. */
function scrollbackOf(text: string, pieceBytes: number, limits = {}): Scrollback {
  const scrollback = new Scrollback(limits);
  const bytes = encoder.encode(text);
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    scrollback.append(bytes.subarray(from, from + pieceBytes));
  }
  return scrollback;
}

function linesOf(scrollback: Scrollback): string[] {
  return [...textLines(scrollback.replay().pieces)];
}

function numbered(count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${i + 1}\r\n`).join("");
}

Deno.test("Scrollback.replay() gives back what came, whatever the pieces were", () => {
  const text = "größe ✓\r\n\x1b[31mred\x1b[0m\r\nno end";
  for (const pieceBytes of [1, 2, 3, 1000]) {
    const { pieces, lines } = scrollbackOf(text, pieceBytes).replay();
    const all = new Uint8Array(pieces.flatMap((piece) => [...piece]));
    assertEquals([new TextDecoder().decode(all), lines], [text, 3]);
  }
});

Deno.test("Scrollback.replay() begins with the first of the last lines", () => {
  const scrollback = scrollbackOf(numbered(20_000), 4_096, { maxLines: 5_000 });
  const lines = linesOf(scrollback);
  assertEquals([lines.length, scrollback.replay().lines], [5_000, 5_000]);
  assertEquals([lines[0], lines.at(-1)], ["line 15001", "line 20000"]);
});

Deno.test("Scrollback keeps no more bytes than it may, and begins with a whole line", () => {
  const scrollback = scrollbackOf(numbered(50_000), 4_096, { maxBytes: 100_000 });
  const { pieces, lines } = scrollback.replay();
  const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  assertEquals(bytes <= 100_000 && bytes > 50_000, true, String(bytes));
  assertEquals(linesOf(scrollback)[0], `line ${50_000 - lines + 1}`);
});

Deno.test("Scrollback begins with a whole character where one line is longer than all", () => {
  const scrollback = scrollbackOf("✓".repeat(200_000), 4_095, { maxBytes: 100_000 });
  assertEquals([...new Set(linesOf(scrollback).join(""))], ["✓"]);
});

Deno.test("plainText() takes escape sequences and control characters out", () => {
  const cases: [string, string][] = [
    ["plain\ttext ✓", "plain\ttext ✓"],
    ["\x1b[1;31mred\x1b[0m", "red"],
    ["\x1b]0;user@host: ~\x07$ ls", "$ ls"],
    ["\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["\x1b(B\x1b[?2004h$ ", "$ "],
    ["\x9b1mbold", "bold"],
    ["a\bb\r", "ab"],
    ["\x1bPq#0\x1b\\after", "after"],
    ["end \x1b[3", "end "],
    ["end \x1b", "end "],
    ["open \x1b]0;title", "open "],
  ];
  for (const [line, text] of cases) assertEquals(plainText(line), text, JSON.stringify(line));
});

Deno.test("textLines() cuts a line that is too long into several", () => {
  const lines = [...textLines([encoder.encode("x".repeat(MAX_LINE_CHARS + 1) + "\ny")])];
  assertEquals(lines.map((line) => line.length), [MAX_LINE_CHARS, 1, 1]);
});

const search = (text: string, query: { pattern: string; limit?: number; context?: number }) =>
  searchLines(text.split("\n"), { limit: 50, context: 0, ...query }, () => 0);

Deno.test("searchLines() tells where the pattern occurs, with lines before and after", async () => {
  assertEquals(await search("a\nb\nc\nb\ne", { pattern: "^b$", context: 1 }), {
    matches: [
      { line: 2, content: "b", before: ["a"], after: ["c"] },
      { line: 4, content: "b", before: ["c"], after: ["e"] },
    ],
    lines: 5,
    truncated: false,
  });
});

Deno.test("searchLines() says truncated only when there is another match", async () => {
  const found = async (limit: number) => {
    const { matches, truncated } = await search("b\nb\na", { pattern: "b", limit });
    return [matches.length, truncated];
  };
  assertEquals([await found(1), await found(2), await found(3)], [[1, true], [2, false], [
    2,
    false,
  ]]);
});

Deno.test("searchLines() refuses what is no pattern", async () => {
  for (const pattern of ["", "x".repeat(201), "(", "(?=a)", "a{5000}", "\\1"]) {
    await assertRejects(() => search("a", { pattern }), PatternError, "Cannot search", pattern);
  }
});

Deno.test("searchLines() takes patterns that would hold a backtracking engine up", async () => {
  const text = "a".repeat(10_000);
  for (const pattern of ["(a+)+$b", "(a|a)*b", "(a*)*[bc]", "(.?){30}(x+x+)+y"]) {
    assertEquals((await search(text, { pattern })).matches, [], pattern);
  }
});

Deno.test("searchLines() gives up after its time and says so", async () => {
  let now = 0;
  const lines = Array.from({ length: 100 }, () => "x".repeat(10_000));
  const result = await searchLines(
    lines,
    { pattern: "y", limit: 1, context: 0 },
    () => now += 3_000,
  );
  assertEquals(result, { matches: [], lines: 100, truncated: true });
});
