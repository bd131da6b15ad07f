import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type CommandSpec, helpText, parseArguments, UsageError } from "../../scripts/lib/args.ts";

const SPEC = {
  name: "ls",
  summary: "Lists tasks.",
  positionals: [{ name: "ID", help: "Ids of tasks", optional: true, rest: true }],
  options: {
    state: { type: "string", value: "NAME", help: "Only those in this state" },
    label: { type: "string", value: "KEY=VALUE", multiple: true, help: "Only those with it" },
    limit: { type: "integer", value: "N", help: "At most so many" },
    follow: { type: "boolean", short: "f", help: "Go on" },
  },
  examples: ["deno task ls --state running"],
} as const satisfies CommandSpec;

const WANTS_ONE = { ...SPEC, positionals: [{ name: "ID", help: "The task" }] } as const;

Deno.test("parseArguments() gives each option in its type, and nothing for those not given", () => {
  const { options, positionals } = parseArguments(SPEC, [
    ...["--label", "a=1", "-fq", "task_1", "--limit=3", "--label=b=2", "--", "--state"],
  ]);
  assertEquals(positionals, ["task_1", "--state"]);
  assertEquals(options, {
    state: undefined,
    label: ["a=1", "b=2"],
    limit: 3,
    follow: true,
    json: false,
    quiet: true,
    help: false,
  });
});

Deno.test("parseArguments() takes the last of an option that was given twice", () => {
  assertEquals(parseArguments(SPEC, ["--limit", "1", "--limit", "2"]).options.limit, 2);
});

const REFUSED: readonly [args: string[], reason: string][] = [
  [["--lines"], "Cannot use --lines: there is no such option"],
  [["-x"], "Cannot use -x: there is no such option"],
  [["--state"], "Cannot use --state: want NAME"],
  [["--limit", "many"], `Cannot use --limit "many": want a whole number`],
  [["--limit=-1"], `Cannot use --limit "-1": want a whole number`],
  [["--follow=yes"], "Cannot use --follow=yes: it takes no value"],
];
for (const [args, reason] of REFUSED) {
  Deno.test(`parseArguments() refuses ${args.join(" ")}`, () => {
    const error = assertThrows(() => parseArguments(SPEC, args), UsageError);
    assertEquals([error.message, error.exitCode], [reason, 2]);
  });
}

Deno.test("parseArguments() wants just the arguments that the spec names", () => {
  assertThrows(() => parseArguments(WANTS_ONE, []), UsageError, "want ID");
  assertThrows(() => parseArguments(WANTS_ONE, ["a", "b"]), UsageError, `"b"`);
  assertEquals(parseArguments(WANTS_ONE, ["--help"]).options.help, true);
});

Deno.test("helpText() shows usage, every option and the examples", () => {
  const text = helpText(SPEC);
  const names = [
    "ID…",
    "--state NAME",
    "--label KEY=VALUE",
    "-f, --follow",
    "--json",
    "-h, --help",
  ];
  for (const part of [...names, "Lists tasks.", "deno task ls --state running"]) {
    assertStringIncludes(text, part);
  }
});
