/**
 * What `deno task new-kind` would write: the new files, and the lists in which the kind is named.
 * Working it out writes nothing, so that a name is refused before anything has changed.
 */
import { EXIT, ExitError } from "./exit_codes.ts";
import { UsageError } from "./args.ts";
import { TEMPLATES } from "./new_kind_templates.ts";

/** Longer ones would not fit the lines of the templates. */
const MAX_NAME_CHARS = 30;
/** As in deno.json. */
const LINE_WIDTH = 100;
const NAME = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/** The lists in which a kind is named: lines go in before a mark, imports behind the last one. */
const LISTS = [
  {
    path: "actors/kinds.ts",
    importLine: `import { {{camel}}Kind } from "./{{name}}.ts";`,
    line: "{{camel}}Kind,",
    mark: /^ *\/\/ New kinds go above this line\.$/m,
  },
  {
    path: "routes/app.ts",
    importLine: `import { mount{{Name}}s } from "./{{name}}.ts";`,
    line: "mount{{Name}}s,",
    mark: /^ *mountActors,$/m,
  },
] as const;

export type NewKind = {
  /** New files, by path. */
  created: { readonly [path: string]: string };
  /** Files that get a line, with their new text, by path. */
  changed: { readonly [path: string]: string };
};

/** What is there now. */
export type Checkout = {
  /** The text of a file, or undefined where there is none. */
  read(path: string): string | undefined;
  /** Names of the files in a folder. */
  list(folder: string): readonly string[];
};

/** Throws `UsageError` for a bad name, `ExitError` for one that is taken. */
export function newKind(name: string, checkout: Checkout): NewKind {
  if (!NAME.test(name) || name.length > MAX_NAME_CHARS) {
    const want = `lower-case words joined by _, at most ${MAX_NAME_CHARS} characters`;
    throw new UsageError(`Cannot name a kind "${name}": want ${want}`);
  }
  const fill = filler(name);
  const created = Object.fromEntries(
    Object.entries(TEMPLATES).map(([path, text]) => [fill(path), fill(text)]),
  );
  checkFree(name, Object.keys(created), checkout);
  const changed = Object.fromEntries(LISTS.map((list) => [list.path, addTo(list, fill, checkout)]));
  return { created, changed };
}

function filler(name: string): (text: string) => string {
  const words = name.split("_");
  const pascal = words.map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`).join("");
  const values: { readonly [token: string]: string } = {
    name,
    Name: pascal,
    camel: `${pascal.slice(0, 1).toLowerCase()}${pascal.slice(1)}`,
    words: words.join(" "),
  };
  return (text) =>
    joinShortImports(text.replaceAll(/\{\{(\w+)\}\}/g, (token, key) => values[key] ?? token));
}

/** An import that fits on a line stands on one, as the formatter wants it. */
function joinShortImports(text: string): string {
  return text.replaceAll(/^import \{\n([^}]+),\n\} from (.+;)$/gm, (whole, names, from) => {
    const line = `import { ${names.trim().split(/,\s+/).join(", ")} } from ${from}`;
    return line.length <= LINE_WIDTH ? line : whole;
  });
}

function checkFree(name: string, paths: readonly string[], { read, list }: Checkout): void {
  const taken = paths.find((path) => read(path) !== undefined);
  if (taken !== undefined) throw refusal(name, `${taken} exists`);
  const path = `/v1/${name}s`;
  const pattern = new RegExp(`["'\`]${path}["'\`/]`);
  const serves = list("routes").find((file) => pattern.test(read(`routes/${file}`) ?? ""));
  if (serves !== undefined) throw refusal(name, `routes/${serves} serves ${path}`);
}

function addTo(
  { path, importLine, line, mark }: typeof LISTS[number],
  fill: (text: string) => string,
  { read }: Checkout,
): string {
  const text = read(path) ?? "";
  const [found] = mark.exec(text) ?? [];
  const lastImport = [...text.matchAll(/^import .* from "\.\/[\w/]+\.ts";$/gm)].at(-1);
  if (found === undefined || lastImport === undefined) {
    throw new ExitError(EXIT.failed, `Cannot add to ${path}: want a line like ${mark} and imports`);
  }
  const indent = /^ */.exec(found)?.[0] ?? "";
  const importEnd = lastImport.index + lastImport[0].length;
  const imports = `${text.slice(0, importEnd)}\n${fill(importLine)}`;
  return `${imports}${text.slice(importEnd).replace(mark, `${indent}${fill(line)}\n${found}`)}`;
}

function refusal(name: string, reason: string): ExitError {
  return new ExitError(EXIT.failed, `Cannot make kind "${name}": ${reason}`);
}
