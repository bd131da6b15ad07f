/**
 * Our style, as far as a program can check it: rules on single files, each with an example that
 * must be caught, and rules on the whole, where files meet.
 */
import { assert, assertEquals } from "@std/assert";
import { dirname, join, normalize } from "node:path";
import {
  allPaths,
  codeOf,
  filesEnding,
  functionsOf,
  importsOf,
  lineAt,
  type SourceFile,
} from "./testing/source_tree.ts";

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 70;

const SOURCES = filesEnding(".ts");
const TEXTS = filesEnding(".ts", ".js", ".json", ".lock", ".md", ".css", ".html", ".svg", "/run");

type Rule = {
  name: string;
  /** Which files it is for. */
  applies: (path: string) => boolean;
  /** What is wrong, as `line: what`. */
  check: (file: SourceFile) => string[];
  /** A file that breaks the rule. */
  broken: SourceFile;
};

const isTest = (path: string) => path.startsWith("tests/");
const isProduct = (path: string) => path.endsWith(".ts") && !isTest(path);
const isMachine = (path: string) => path.startsWith("machines/");

/** Finds a pattern in the code, comments and strings left out. */
function banned(pattern: RegExp): (file: SourceFile) => string[] {
  return ({ text }) => {
    const code = codeOf(text);
    return [...code.matchAll(pattern)].map((m) => `${lineAt(code, m.index)}: ${m[0].trim()}`);
  };
}

/** Finds a pattern anywhere in the text. */
function bannedText(pattern: RegExp): (file: SourceFile) => string[] {
  return ({ text }) => [...text.matchAll(pattern)].map((m) => `${lineAt(text, m.index)}: ${m[0]}`);
}

const RULES: readonly Rule[] = [
  {
    name: `files have at most ${MAX_FILE_LINES} lines`,
    applies: (path) => path.endsWith(".ts"),
    check: ({ text }) => {
      const lines = text.split("\n").length - 1;
      return lines > MAX_FILE_LINES ? [`${lines} lines`] : [];
    },
    broken: { path: "routes/a.ts", text: "\n".repeat(MAX_FILE_LINES + 1) },
  },
  {
    name: `functions have at most ${MAX_FUNCTION_LINES} lines`,
    applies: isProduct,
    check: ({ text }) =>
      functionsOf(text)
        .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
        .map(({ name, line, lines }) => `${line}: ${name} has ${lines} lines`),
    broken: {
      path: "routes/a.ts",
      text: `function a(b: string): string {\n  return \`{\${b}\`;${
        "\n".repeat(MAX_FUNCTION_LINES)
      }}`,
    },
  },
  {
    name: "files are named in snake_case after their idea",
    applies: (path) => path.endsWith(".ts"),
    check: ({ path }) =>
      /\/(?:index|utils?|types|helpers|common|misc)\.ts$/.test(`/${path}`) ||
        !/^(?:[a-z0-9_]+\/)*[a-z0-9_]+(?:\.d)?\.ts$/.test(path)
        ? [path]
        : [],
    broken: { path: "routes/utils.ts", text: "" },
  },
  {
    name: "files open with what they own",
    applies: isProduct,
    check: ({ text }) => text.startsWith("/**") ? [] : ["1: no opening paragraph"],
    broken: { path: "routes/a.ts", text: `import "b";\n` },
  },
  {
    name: "machines are pure",
    applies: isMachine,
    // A date made of a given time is a calculation; without one it asks the clock.
    check: banned(
      /(?<!\.)\b(?:Deno|crypto|fetch|console|await)\b|\bMath\.random\b|(?<!new )\bDate\b|\bnew Date\b(?!\((?!\)))/g,
    ),
    broken: { path: "machines/a.ts", text: "const at = Date.now();" },
  },
  {
    name: "the runtime asks its clock for the time",
    applies: (path) => path.startsWith("actors/runtime/") && !path.endsWith("/clock.ts"),
    check: banned(/\bDate\.now\b|\bnew Date\(\)|(?<![.\w])set(?:Timeout|Interval)\(/g),
    broken: { path: "actors/runtime/a.ts", text: "setTimeout(run, 5);" },
  },
  {
    name: "nothing is any",
    applies: isProduct,
    check: banned(/(?<![.\w$])any\b(?!\s*[:(?=])/g),
    broken: { path: "routes/a.ts", text: "const a = b as any;" },
  },
  {
    name: "nothing is asserted not to be null",
    applies: isProduct,
    check: banned(/[\w$)\]]!(?![=\w])/g),
    broken: { path: "routes/a.ts", text: "const a = b[0]!.c;" },
  },
  {
    name: "there is no enum",
    applies: isProduct,
    check: banned(/\benum\s+\w+\s*\{/g),
    broken: { path: "routes/a.ts", text: "const enum A { B }" },
  },
  {
    name: "nothing is caught to be ignored",
    applies: isProduct,
    check: (file) => [
      ...banned(/\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}/g)(file),
      // A promise that is awaited later may be kept from counting as unhandled: said just above.
      ...bannedText(/(?<!\/\/[^\n]*\n[^\n]*)\.catch\(\(?\w*\)?\s*=>\s*\{\s*\}\)/g)(file),
    ],
    broken: { path: "routes/a.ts", text: "try { a(); } catch { /* never mind */ }" },
  },
  {
    name: "a lint rule is switched off with its reason",
    applies: (path) => path.endsWith(".ts"),
    check: bannedText(/\/\/ deno-lint-ignore(?!.* -- \S).*/g),
    broken: { path: "routes/a.ts", text: "// deno-lint-" + "ignore no-explicit-any" },
  },
  {
    // XState marks what is internal with an underscore; ours is `#private`. The methods are those
    // of its actor logic, which only a runtime calls.
    name: "XState's insides are touched in actors/runtime/step.ts alone",
    applies: (path) => isProduct(path) && path !== "actors/runtime/step.ts",
    check: banned(
      /\.\??_(?!_)[a-z]\w*|\.(?:getInitialSnapshot|restoreSnapshot|getPersistedSnapshot)\(/g,
    ),
    broken: { path: "actors/a.ts", text: "machine.root._nodes" },
  },
  {
    name: "tests wait for what happens, not for time to pass",
    // The simulator's time is its own.
    applies: (path) => isTest(path) && !/^tests\/(?:testing|std|simulation)\//.test(path),
    check: banned(/\b(?:setTimeout|setInterval)\b|(?<!\.)\b(?:sleep|delay)\(/g),
    broken: { path: "tests/a_test.ts", text: "await new Promise((r) => setTimeout(r, 50));" },
  },
  {
    name: "nothing names a path of one machine",
    applies: () => true,
    check: bannedText(/(?<![\w.~*$}])\/(?:work|root|home\/\w+|Users\/\w+)\//g),
    broken: { path: "docs/a.md", text: "See /ro" + "ot/x." },
  },
  {
    name: "nothing names a package registry's host",
    applies: () => true,
    check: bannedText(/\bregistry\.[a-z]+\.[a-z]+|\bjsr\.(?:io)\b|\bdeb\.debian\.\w+/g),
    broken: { path: "deno.json", text: "https://registry" + ".example.org" },
  },
  {
    name: "mod.ts lists its exports by name",
    applies: (path) => path === "mod.ts",
    check: banned(/\bexport\s+(?:type\s+)?\*/g),
    broken: { path: "mod.ts", text: `export * from "./actors/kinds.ts";` },
  },
];

for (const { name, applies, check, broken } of RULES) {
  Deno.test(`tidy: ${name}`, () => {
    assert(applies(broken.path) && check(broken).length > 0, "the rule catches nothing");
    const found = TEXTS.filter(({ path }) => applies(path)).flatMap((file) =>
      check(file).map((what) => `${file.path}:${what}`)
    );
    assertEquals(found, []);
  });
}

/** What each part may import of ours. The first prefix that fits a file counts. */
const LAYERS: readonly { part: string; mayImport: readonly RegExp[] }[] = [
  { part: "machines/", mayImport: [/^machines\//] },
  {
    part: "actors/adapters/",
    mayImport: [
      /^actors\/adapters\//,
      /^actors\/runtime\/(?:address|clock|errors|json|kind|limits)\.ts$/,
      /^machines\/lib\//,
    ],
  },
  {
    part: "actors/store/",
    mayImport: [/^actors\/store\//, /^actors\/runtime\/(?:address|clock|errors|json|limits)\.ts$/],
  },
  {
    part: "actors/runtime/",
    mayImport: [/^actors\/runtime\//, /^actors\/store\/store\.ts$/, /^machines\/lib\//],
  },
  { part: "actors/", mayImport: [/^actors\//, /^machines\//] },
  {
    part: "routes/",
    mayImport: [
      /^routes\//,
      /^actors\/(?!store\/|adapters\/)|_limits\.ts$/,
      // What VMs refuse is told to callers, and nothing secret is.
      /^actors\/adapters\/(?:vm\/provider|redact)\.ts$/,
      /^machines\//,
      /^web\//,
    ],
  },
  { part: "web/", mayImport: [/^web\//] },
  { part: "mod.ts", mayImport: [/^(?:actors|machines|routes)\//] },
  { part: "scripts/bench.ts", mayImport: [/^(?!tests\/)/] },
  { part: "scripts/sim.ts", mayImport: [/^(?!bench\/)/] },
  { part: "scripts/", mayImport: [/^(?!tests\/|bench\/)/] },
  { part: "bench/", mayImport: [/^(?!tests\/)/] },
];

/** The packages that machines are made with. */
const MACHINE_PACKAGES = ["croner", "xstate", "zod"];

/** Imports that go against the direction routes → actors → machines. Types alone may cross. */
function strayImports(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const layer = LAYERS.find(({ part }) => file.path.startsWith(part));
    if (layer === undefined) return [];
    const strays = importsOf(file).filter(({ target, isPackage, typeOnly }) => {
      if (isPackage) return isMachine(file.path) && !MACHINE_PACKAGES.includes(target);
      if (typeOnly && file.path.startsWith("routes/")) return false;
      return !layer.mayImport.some((pattern) => pattern.test(target));
    });
    return strays.map(({ target }) => `${file.path} imports ${target}`);
  });
}

/** Circles of imports, types left out: those are gone when the program runs. */
function importCircles(files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [
    file.path,
    importsOf(file).filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
  ]));
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const met = trail.indexOf(path);
    if (met >= 0) circles.push([...trail.slice(met), path].join(" → "));
    if (met >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return circles;
}

Deno.test("tidy: imports flow routes → actors → machines", () => {
  const stray = [
    { path: "machines/a.ts", text: `import { b } from "../actors/b.ts";` },
    { path: "machines/a.ts", text: `import { b } from "nanoid";` },
    { path: "actors/adapters/vm/a.ts", text: `import { b } from "../../runtime/system.ts";` },
    { path: "routes/a.ts", text: `import {\n  b,\n} from "../actors/store/open.ts";` },
  ];
  assertEquals(strayImports(stray).length, stray.length);
  assertEquals(strayImports(SOURCES), []);
});

Deno.test("tidy: imports make no circle", () => {
  const circle = [
    { path: "actors/a.ts", text: `import { b } from "./b.ts";` },
    { path: "actors/b.ts", text: `export { a } from "./a.ts";` },
  ];
  assertEquals(importCircles(circle), ["actors/a.ts → actors/b.ts → actors/a.ts"]);
  assertEquals(importCircles(SOURCES), []);
});

/** Links in Markdown to files that are not there. */
function deadLinks({ path, text }: SourceFile, paths: readonly string[]): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\((?![a-z]+:|#)([^)\s#]+)[^)]*\)/g)].flatMap(([, link = ""]) => {
    const target = normalize(join(dirname(path), link)).replace(/\/$/, "");
    const alive = paths.some((known) => known === target || known.startsWith(`${target}/`));
    return alive ? [] : [`${path} links ${link}`];
  });
}

Deno.test("tidy: links in Markdown lead somewhere", () => {
  const paths = allPaths();
  const dead = { path: "docs/a.md", text: "[here](../nowhere.md) and [there](../deno.json#tasks)" };
  assertEquals(deadLinks(dead, paths), ["docs/a.md links ../nowhere.md"]);
  assertEquals(filesEnding(".md").flatMap((file) => deadLinks(file, paths)), []);
});

Deno.test("tidy: there is no package.json", () => {
  // It would change how Deno resolves every module.
  assertEquals(allPaths().filter((path) => /(?:^|\/)package\.json$/.test(path)), []);
});

Deno.test("tidy: every script is a task and every task has its script", () => {
  const commands = TEXTS.find(({ path }) => path === "deno.json")?.text ?? "";
  const named = [...commands.matchAll(/\bscripts\/\w+\.ts\b/g)].map(([script]) => script);
  const there = allPaths().filter((path) => /^scripts\/\w+\.ts$/.test(path));
  // The server itself is started by scripts/start.ts.
  assertEquals([...new Set(named), "scripts/serve.ts"].sort(), there);
});
