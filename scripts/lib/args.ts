/**
 * Arguments of the scripts: one declarative spec gives the parser, the help text and the types.
 * Every script understands `--help`, `--json` and `--quiet`; an unknown flag is refused with exit
 * code 2. What a script does with its arguments is its own matter.
 */
import { parseArgs } from "node:util";
import { EXIT, ExitError } from "./exit_codes.ts";
import { print } from "./output.ts";

export type OptionSpec =
  | { readonly type: "boolean"; readonly short?: string; readonly help: string }
  | ValueOption<"string">
  | ValueOption<"integer">;

type ValueOption<T> = {
  readonly type: T;
  readonly short?: string;
  /** What the value is, in the help: `--state NAME`. */
  readonly value: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  readonly help: string;
};

export type PositionalSpec = {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** Takes all that follow; only the last may. */
  readonly rest?: boolean;
  /** What to say when it is missing. */
  readonly missing?: string;
};

export type CommandSpec = {
  /** The task's name in deno.json. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  readonly positionals?: readonly PositionalSpec[];
  /** By long name, as typed: `max-attempts`. */
  readonly options?: { readonly [name: string]: OptionSpec };
  /** What each exit code says, beside those that every script has. */
  readonly exitCodes?: { readonly [code: number]: string };
  readonly examples: readonly string[];
};

/** What was given, typed by the spec. Options that were not given are false, `[]` or undefined. */
export type Arguments<S extends CommandSpec> = {
  options: OptionValues<S["options"] & typeof COMMON>;
  positionals: string[];
};

type OptionValues<O> = { -readonly [K in keyof O]: OptionValue<O[K]> };
type OptionValue<O> = O extends { type: "boolean" } ? boolean
  : O extends { type: "integer"; multiple: true } ? number[]
  : O extends { type: "string"; multiple: true } ? string[]
  : O extends { type: "integer" } ? number | undefined
  : string | undefined;

/** The arguments cannot be understood. */
export class UsageError extends ExitError {
  override name = "UsageError";
  constructor(message: string) {
    super(EXIT.usage, message);
  }
}

/** Options of every script. */
const COMMON = {
  json: { type: "boolean", help: "Print JSON, for programs" },
  quiet: { type: "boolean", short: "q", help: "Print results only" },
  help: { type: "boolean", short: "h", help: "Print this help" },
} as const;

/** Exit codes of every script. */
const EXIT_CODES: { readonly [code: number]: string } = {
  [EXIT.ok]: "It is done",
  [EXIT.failed]: "It could not be done; stderr says why",
  [EXIT.usage]: "The arguments cannot be understood",
};

/**
 * Runs a script and ends the process: answers `--help`, refuses what it does not know, prints the
 * message of an error that `main` throws. `main` returns the exit code, or nothing for 0; it may
 * throw `ExitError` to choose one. `given` are the arguments, if not those of the process.
 */
export async function runScript<const S extends CommandSpec>(
  spec: S,
  main: (args: Arguments<S>) => Promise<number | void> | number | void,
  given: readonly string[] = Deno.args,
): Promise<never> {
  Deno.exit(await exitCodeOf(spec, main, given));
}

/** Reads arguments by a spec. Throws `UsageError`. */
export function parseArguments<const S extends CommandSpec>(
  spec: S,
  args: readonly string[],
): Arguments<S> {
  const specs = optionsOf(spec);
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(specs).map(([name, option]) => [name, {
        type: option.type === "boolean" ? "boolean" as const : "string" as const,
        ...(option.short === undefined ? {} : { short: option.short }),
      }]),
    ),
    allowPositionals: true,
    // Not strict, so that the messages are ours.
    strict: false,
    tokens: true,
  });
  const given = new Map<string, unknown[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const value = readOption(specs[token.name], token);
    given.set(token.name, [...given.get(token.name) ?? [], value]);
  }
  if (!given.has("help")) checkPositionals(spec, positionals);
  // The loop above built exactly what the spec's type says; the compiler cannot follow it.
  return { options: collect(specs, given), positionals } as Arguments<S>;
}

/** What `--help` prints. */
export function helpText(spec: CommandSpec): string {
  const positionals = spec.positionals ?? [];
  const usage = ["deno task", spec.name, "[options]", ...positionals.map(placeholder)].join(" ");
  const sections = [
    spec.summary,
    `Usage: ${usage}`,
    section("Arguments", positionals.map((one) => [one.name, one.help])),
    section("Options", Object.entries(optionsOf(spec)).map(optionRow)),
    section("Exit codes", Object.entries({ ...EXIT_CODES, ...spec.exitCodes })),
    spec.examples.length === 0 ? "" : `Examples:\n${spec.examples.map((e) => `  ${e}`).join("\n")}`,
  ];
  return sections.filter((text) => text !== "").join("\n\n");
}

async function exitCodeOf<const S extends CommandSpec>(
  spec: S,
  main: (args: Arguments<S>) => Promise<number | void> | number | void,
  given: readonly string[],
): Promise<number> {
  try {
    const args = parseArguments(spec, given);
    if (!args.options.help) return await main(args) ?? EXIT.ok;
    print(Deno.stdout, helpText(spec));
    return EXIT.ok;
  } catch (error) {
    // `| head` has read enough: that is nobody's fault and needs no words.
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.brokenPipe;
    print(Deno.stderr, error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) print(Deno.stderr, `See deno task ${spec.name} --help`);
    return error instanceof ExitError ? error.exitCode : EXIT.failed;
  }
}

function optionsOf(spec: CommandSpec): { readonly [name: string]: OptionSpec } {
  return { ...spec.options, ...COMMON };
}

function readOption(
  option: OptionSpec | undefined,
  token: { name: string; rawName: string; value: string | undefined },
): unknown {
  const { rawName, value } = token;
  if (option === undefined) throw new UsageError(`Cannot use ${rawName}: there is no such option`);
  if (option.type === "boolean") {
    if (value === undefined) return true;
    throw new UsageError(`Cannot use ${rawName}=${value}: it takes no value`);
  }
  if (value === undefined) throw new UsageError(`Cannot use ${rawName}: want ${option.value}`);
  if (option.type === "string") return value;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw new UsageError(`Cannot use ${rawName} "${value}": want a whole number`);
}

function collect(
  specs: { readonly [name: string]: OptionSpec },
  given: ReadonlyMap<string, unknown[]>,
): { [name: string]: unknown } {
  return Object.fromEntries(
    Object.entries(specs).map(([name, option]) => {
      const values = given.get(name) ?? [];
      if (option.type === "boolean") return [name, values.length > 0];
      return [name, option.multiple ? values : values.at(-1)];
    }),
  );
}

function checkPositionals(spec: CommandSpec, positionals: readonly string[]): void {
  const wanted = spec.positionals ?? [];
  const missing = wanted[positionals.length];
  if (missing !== undefined && !missing.optional) {
    throw new UsageError(missing.missing ?? `Cannot run ${spec.name}: want ${missing.name}`);
  }
  const extra = positionals[wanted.length];
  if (extra !== undefined && !wanted.at(-1)?.rest) {
    throw new UsageError(`Cannot use "${extra}": ${spec.name} takes no such argument`);
  }
}

function placeholder(positional: PositionalSpec): string {
  const name = positional.rest ? `${positional.name}…` : positional.name;
  return positional.optional ? `[${name}]` : name;
}

function optionRow([name, option]: [string, OptionSpec]): [string, string] {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.type === "boolean" ? "" : ` ${option.value}`;
  return [`${short}--${name}${value}`, option.help];
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return "";
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${title}:\n${rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`).join("\n")}`;
}
