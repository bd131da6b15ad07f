import { assertEquals } from "@std/assert";
import { dateIn, isoOf, spanOf, timeIn } from "../../../machines/lib/times.ts";

Deno.test("dateIn() and timeIn() read the local calendar and clock of a zone", () => {
  const at = Date.UTC(2026, 2, 29, 22, 30);
  assertEquals([dateIn("UTC", at), timeIn("UTC", at)], ["2026-03-29", "22:30"]);
  assertEquals([dateIn("Europe/Berlin", at), timeIn("Europe/Berlin", at)], ["2026-03-30", "00:30"]);
  assertEquals(isoOf(at), "2026-03-29T22:30:00.000Z");
});

Deno.test("spanOf() says the two largest units", () => {
  const spans = [0, 999, 1_000, 61_000, 3_600_000, 90_061_000, 172_800_000, -5];
  assertEquals(spans.map(spanOf), [
    "0 s",
    "0 s",
    "1 s",
    "1 min 1 s",
    "1 h",
    "1 d 1 h",
    "2 d",
    "0 s",
  ]);
});
