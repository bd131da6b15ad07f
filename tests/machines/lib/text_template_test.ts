import { assertEquals } from "@std/assert";
import { MAX_RENDERED_CHARS, render, variablesIn } from "../../../machines/lib/text_template.ts";

Deno.test("render() puts values in, once, and leaves other braces alone", () => {
  const variables = { name: "Ann", code: "{{name}}" };
  assertEquals(render("{{name}}, {{ name }}: {{code}}", variables), "Ann, Ann: {{name}}");
  assertEquals(
    render("{{other}} {name} ${{name}} {{a b}}", variables),
    "{{other}} {name} $Ann {{a b}}",
  );
  assertEquals(render("{{toString}} {{constructor}}", variables), "{{toString}} {{constructor}}");
  assertEquals(render("{{name}}", { name: "$& $1 $$" }), "$& $1 $$");
});

Deno.test("render() ends a text that becomes too long", () => {
  const made = render("{{a}}".repeat(5), { a: "😀".repeat(10_000) });
  assertEquals(made.length, MAX_RENDERED_CHARS);
  assertEquals([made.endsWith("…"), made.isWellFormed()], [true, true]);
});

Deno.test("variablesIn() names each variable once", () => {
  assertEquals(variablesIn("{{a}} {{ b }} {{a}} {{}} {{1}} {c}"), ["a", "b"]);
  assertEquals(variablesIn("{{#if x}} {{a.b}} {{.Name}} {{a b}}"), []);
});

Deno.test("variablesIn() names what only looks like a variable, so that it can be refused", () => {
  assertEquals(variablesIn("{{last_result}} {{last-result}} {{__proto__}}"), [
    "last_result",
    "last-result",
    "__proto__",
  ]);
});
