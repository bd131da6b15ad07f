/** Fields that several resources take, and what is said of those that cannot be. */
import { assertEquals } from "@std/assert";
import { Instant, SessionKey } from "../../routes/fields.ts";

Deno.test("Instant takes times that have a zone, up to the year 9999", () => {
  for (const time of ["2030-01-31T18:00:00Z", "2030-01-31T19:00:00+01:00", 1_896_112_800_000]) {
    assertEquals(Instant.parse(time), 1_896_112_800_000);
  }
  const last = "9999-12-31T23:59:59.999Z";
  assertEquals(Instant.parse(Instant.parse(last)), Date.parse(last));
});

Deno.test("Instant says what to write instead", () => {
  const form = "want ISO 8601 with its zone, such as 2030-01-31T18:00:00Z, or ms since the epoch";
  const cases: [unknown, string][] = [
    ["tomorrow", form],
    ["2030-01-31", form],
    ["2030-01-31T18:00", form],
    ["+275760-09-13T00:00:00Z", form],
    [-1, form],
    [1.5, form],
    [Date.parse("9999-12-31T23:59:59.999Z") + 1, "want a time up to the year 9999"],
  ];
  for (const [time, message] of cases) {
    assertEquals([time, messageOf(Instant.safeParse(time).error)], [time, message]);
  }
});

Deno.test("SessionKey refuses what a URL folds", () => {
  for (const key of [".", ".."]) {
    assertEquals(
      messageOf(SessionKey.safeParse(key).error),
      "cannot stand in a URL, which folds . and ..",
    );
  }
  assertEquals(SessionKey.parse("..."), "...");
});

/** What the alternative says that the value came closest to. */
function messageOf(error: { issues: readonly object[] } | undefined): string | undefined {
  type Issue = { message: string; code: string; errors?: Issue[][] };
  const said = (issues: readonly Issue[]): string[] =>
    issues.flatMap(({ errors, message }) => errors ? errors.flatMap(said) : [message]);
  const all = said((error?.issues ?? []) as Issue[]);
  return all.find((message) => message.startsWith("want") || message.startsWith("cannot"));
}
