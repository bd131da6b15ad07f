import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  BUILT_IN_TEMPLATES,
  MAX_TEMPLATE_BYTES,
  resolveTemplates,
  templateFaults,
  TemplateFileError,
} from "../../actors/goal_templates.ts";
import { readReport } from "../../actors/task_report.ts";
import { GOAL_VARIABLES } from "../../machines/goal_requests.ts";
import { render } from "../../machines/lib/text_template.ts";

async function withFiles(
  files: { [name: string]: string | Uint8Array<ArrayBuffer> },
  run: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${dir}/${name}`, bytes);
    }
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("The templates of Holdfast are without a fault, and report nothing when repeated", () => {
  const variables = Object.fromEntries(GOAL_VARIABLES.map((name) => [name, `<${name}>`]));
  for (const text of Object.values(BUILT_IN_TEMPLATES)) {
    assertEquals(templateFaults(text), []);
    assert(text.includes("{{objective}}"));
    assertEquals(readReport(render(text, variables)), undefined);
  }
});

Deno.test("The templates of Holdfast name the report lines that their programs may write", () => {
  const said = (text: string) =>
    [...text.matchAll(/`(@holdfast \{.*?\})`/gs)].map(([, line = ""]) => readReport(line));
  assertEquals(said(BUILT_IN_TEMPLATES.continue), [
    { summary: "…" },
    { goal: "complete", summary: "…" },
    { delay: { seconds: 300, reason: "…" } },
    { usage: { tokens: 12345, costUsd: 0.12 } },
  ]);
  assertEquals(said(BUILT_IN_TEMPLATES.audit).slice(0, 2), [
    { audit: "confirmed" },
    { audit: "missing", findings: ["…", "…"] },
  ]);
});

Deno.test("templateFaults() says what is wrong", () => {
  assertEquals(templateFaults("{{objective}} {{ now }} {other} {{not one}}"), []);
  assertEquals(templateFaults(" \n"), ["must not be empty"]);
  assertEquals(templateFaults("é".repeat(MAX_TEMPLATE_BYTES / 2)), []);
  assertEquals(templateFaults("é".repeat(MAX_TEMPLATE_BYTES / 2) + "x"), ["at most 8000 bytes"]);
  const [unknown = "", ...more] = templateFaults("{{objektive}} {{now}}");
  assertMatch(unknown, /^there is no variable {{objektive}}; there are objective, now, /);
  assertEquals(more, []);
  const report = '@holdfast {"goal": "complete"}';
  assertMatch(templateFaults(`a\r\n  ${report}\nb`)[0] ?? "", /^line 2 is a report/);
  assertEquals(templateFaults(`- \`${report}\` claims it`), []);
});

Deno.test("resolveTemplates() takes what is given, then the file, then its own", async () => {
  await withFiles({ "continue.md": "file", "audit.md": "file" }, async (dir) => {
    assertEquals(await resolveTemplates({ audit: "given" }, dir), {
      continue: "file",
      timeout: BUILT_IN_TEMPLATES.timeout,
      audit: "given",
    });
    await Deno.writeTextFile(`${dir}/continue.md`, "edited");
    assertEquals((await resolveTemplates({}, dir)).continue, "edited");
  });
  assertEquals(await resolveTemplates({}, null), BUILT_IN_TEMPLATES);
  assertEquals(await resolveTemplates({}, "nowhere/at/all"), BUILT_IN_TEMPLATES);
});

Deno.test("resolveTemplates() names the file that cannot be used", async () => {
  const bad: [content: string | Uint8Array<ArrayBuffer>, reason: RegExp][] = [
    ["Do {{this}}", /there is no variable {{this}}/],
    ["x".repeat(8_001), /at most 8000 bytes/],
    ["", /must not be empty/],
    [new Uint8Array([0xff, 0xfe]), /not UTF-8/],
  ];
  for (const [content, reason] of bad) {
    await withFiles({ "timeout.md": content }, async (dir) => {
      const error = await assertRejects(() => resolveTemplates({}, dir), TemplateFileError);
      assertEquals(error.file, "timeout.md");
      assertMatch(error.message, /^Cannot use the template templates\/timeout.md of the data dir/);
      assertMatch(error.message, reason);
      // A goal that brings its own is not held up by it.
      await resolveTemplates({ timeout: "own" }, dir);
    });
  }
  await withFiles({}, async (dir) => {
    await Deno.mkdir(`${dir}/audit.md`);
    const error = await assertRejects(() => resolveTemplates({}, dir), TemplateFileError);
    assertMatch(error.message, /it is no file/);
  });
});
