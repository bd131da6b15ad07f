/**
 * The project's files as text, for tests that hold rules on them. It knows as much of TypeScript
 * as such rules need: where comments and strings are, what is imported, where functions begin and
 * end. It is no parser; what it cannot tell it leaves out.
 */
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const SKIPPED = [".git", "node_modules", "coverage", "data", "dist"];

export type SourceFile = {
  /** From the root, with slashes. */
  path: string;
  text: string;
};

export type Import = {
  /** The file, from the root, or the name of a package. */
  target: string;
  isPackage: boolean;
  typeOnly: boolean;
};

export type FunctionSpan = { name: string; line: number; lines: number };

/** All files whose name ends so, by path. */
export function filesEnding(...endings: readonly string[]): SourceFile[] {
  return allPaths()
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: Deno.readTextFileSync(join(ROOT, path)) }));
}

/** Paths of all files, from the root. */
export function allPaths(): string[] {
  const paths: string[] = [];
  const walk = (directory: string) => {
    for (const entry of Deno.readDirSync(directory)) {
      if (SKIPPED.includes(entry.name)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory) walk(path);
      else if (entry.isFile) paths.push(relative(ROOT, path));
    }
  };
  walk(ROOT);
  return paths.sort();
}

/** What a file imports and re-exports, statically or not. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?[^"';]*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\("([^"]+)"/gm;
  return [...text.matchAll(pattern)].map(([, type, from, bare, dynamic]) => {
    const specifier = from ?? bare ?? dynamic ?? "";
    const isPackage = !specifier.startsWith(".");
    const target = isPackage ? specifier : normalize(join(dirname(path), specifier));
    return { target, isPackage, typeOnly: type !== undefined };
  });
}

/**
 * The text with comments, strings and regular expressions blanked, line breaks kept. What stands
 * in `${}` of a template is code and stays.
 */
export function codeOf(text: string): string {
  let code = "";
  /** Of each template under way, the braces that are open in its `${}`. */
  const templates: number[] = [];
  while (code.length < text.length) {
    const at = code.length;
    const character = text[at];
    const depth = templates.at(-1);
    const inTemplate = character === "`" || (character === "}" && depth === 0);
    if (inTemplate) {
      if (character === "}") templates.pop();
      const part = match(TEMPLATE_PART, text, at + 1);
      if (part.endsWith("${")) templates.push(0);
      code += blank(`.${part}`);
      continue;
    }
    if (depth !== undefined && character === "{") templates[templates.length - 1] = depth + 1;
    if (depth !== undefined && character === "}") templates[templates.length - 1] = depth - 1;
    const token = match(TOKEN, text, at) || regexpAt(code, text);
    code += token === "" ? character : blank(token);
  }
  return code;
}

/** Comments and strings. */
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;
const REGEXP = /\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;
/** A slash that comes after this is no division. */
const MAY_BEGIN = /(?:^|[(,=:[!&|?{};>+]|\breturn)$/;
/** No head of a function, and no gap before a regular expression, is longer. */
const LOOK_BACK_CHARS = 2_000;
/** Text of a template up to its end or the next `${`. */
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y;

/** The regular expression that begins where the code ends. */
function regexpAt(code: string, text: string): string {
  if (text[code.length] !== "/") return "";
  return MAY_BEGIN.test(code.slice(-LOOK_BACK_CHARS).trimEnd())
    ? match(REGEXP, text, code.length)
    : "";
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}

/** Functions and methods with a body in braces, from the line of their head to their last. */
export function functionsOf(text: string): FunctionSpan[] {
  const code = codeOf(text);
  const spans: FunctionSpan[] = [];
  for (const match of code.matchAll(/\{/g)) {
    const name = headBefore(code.slice(Math.max(0, match.index - LOOK_BACK_CHARS), match.index));
    if (name === undefined) continue;
    const line = lineAt(code, match.index);
    spans.push({ name, line, lines: lineAt(code, closingBrace(code, match.index)) - line + 1 });
  }
  return spans;
}

/** The number of the line, from 1, in which a place of a text lies. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

const CONTROL = ["if", "for", "while", "switch", "catch", "with"];

/** The name of the function whose body begins here; undefined where none does. */
function headBefore(code: string): string | undefined {
  if (/=>\s*$/.test(code)) return "(arrow)";
  const head = /\)\s*(?::\s*[\w.<>[\]|&, "']+)?\s*$/.exec(code);
  if (head === null) return undefined;
  const before = code.slice(0, openingParenthesis(code, head.index));
  const name = /([\w$#]+)\s*(?:<[^()]*>)?\s*$/.exec(before)?.[1] ?? "(function)";
  return CONTROL.includes(name) ? undefined : name;
}

function openingParenthesis(code: string, closing: number): number {
  let depth = 0;
  for (let at = closing; at >= 0; at--) {
    if (code[at] === ")") depth++;
    else if (code[at] === "(" && --depth === 0) return at;
  }
  return 0;
}

function closingBrace(code: string, opening: number): number {
  let depth = 0;
  for (let at = opening; at < code.length; at++) {
    if (code[at] === "{") depth++;
    else if (code[at] === "}" && --depth === 0) return at;
  }
  return code.length;
}
