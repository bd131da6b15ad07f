/**
 * Scripts that have subcommands, as `deno task vm create`: what each subcommand is made of, and how
 * the one that was named is run.
 */
import { type Arguments, type CommandSpec, runScript, UsageError } from "./args.ts";
import type { Client } from "./client.ts";
import { resolveAddress } from "./resolve_id.ts";

export type Subcommand = {
  spec: CommandSpec;
  /** Runs it and ends the process. */
  run(args: readonly string[]): Promise<never>;
};

/** All of a script's, by name, in the order in which its help lists them. */
export type Subcommands = { readonly [name: string]: Subcommand };

export function subcommand<const S extends CommandSpec>(
  spec: S,
  main: (args: Arguments<S>) => Promise<number | void> | number | void,
): Subcommand {
  return { spec, run: (args) => runScript(spec, main, args) };
}

/** Runs the subcommand that the first argument names, or says which there are. */
export async function runSubcommand(
  name: string,
  summary: string,
  commands: Subcommands,
): Promise<never> {
  const [first = "", ...args] = Deno.args;
  const command = Object.hasOwn(commands, first) ? commands[first] : undefined;
  if (command !== undefined) return await command.run(args);
  return await runScript(specOf(name, summary, commands), ({ positionals: [unknown = ""] }) => {
    throw new UsageError(
      `Cannot run ${name} "${unknown}": there are ${Object.keys(commands).join(", ")}`,
    );
  });
}

/** The id of an actor from its id, its address or the beginning of either, with its kind or not. */
export async function resolveIdOf(client: Client, kind: string, text: string): Promise<string> {
  const prefix = `${kind}:`;
  const id = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  return (await resolveAddress(client, `${prefix}${id}`)).slice(prefix.length);
}

function specOf(name: string, summary: string, commands: Subcommands) {
  const width = Math.max(...Object.keys(commands).map((command) => command.length));
  return {
    name,
    summary,
    positionals: [
      {
        name: "command",
        help: "One of those below",
        missing: `Cannot run ${name}: want a command`,
      },
      {
        name: "arguments",
        help: "Its own; --help after it says which",
        rest: true,
        optional: true,
      },
    ],
    examples: Object.entries(commands).map(([command, { spec }]) =>
      `deno task ${name} ${command.padEnd(width)}  ${spec.summary.split("\n")[0]}`
    ),
  } as const;
}
