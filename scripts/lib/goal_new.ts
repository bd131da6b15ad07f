/** What the options of `deno task goal create` and `edit` say of a goal, as the server takes it. */
import { resolve } from "node:path";
import { UsageError } from "./args.ts";
import { callersDirectory } from "./callers_directory.ts";
import { parseMoment } from "./moments.ts";

export const PLAN_OPTIONS = {
  deadline: { type: "string", value: "WHEN", help: "A time, or a span from now: 8h" },
  "budget-tokens": { type: "string", value: "N", help: "Tokens that its tasks may report" },
  "budget-usd": { type: "string", value: "N", help: "US dollars that its tasks may report" },
  "no-audit": { type: "boolean", help: "Believe a claim, without an audit" },
  "audit-command": {
    type: "string",
    value: "LINE",
    help: "What audits run, by sh -c, in place of the command",
  },
  "template-continue": { type: "string", value: "FILE", help: "The prompt of each iteration" },
  "template-timeout": { type: "string", value: "FILE", help: "That of the one after the deadline" },
  "template-audit": { type: "string", value: "FILE", help: "The prompt of an audit" },
} as const;

type Options = {
  deadline: string | undefined;
  "budget-tokens": string | undefined;
  "budget-usd": string | undefined;
  "no-audit": boolean;
  "audit-command": string | undefined;
  "template-continue": string | undefined;
  "template-timeout": string | undefined;
  "template-audit": string | undefined;
};

/** Takes a limit or a template away, where `edit` is given it. */
export const NOTHING = "none";

const TEMPLATES = ["continue", "timeout", "audit"] as const;

/** Fields that are given; the others are undefined. `now` is ms since the epoch. */
export async function planFields(
  options: Options,
  now: number,
): Promise<{ [field: string]: unknown }> {
  const { deadline } = options;
  const budget = {
    tokens: amountOf(options["budget-tokens"], "--budget-tokens", /^[1-9]\d{0,12}$/),
    usd: amountOf(options["budget-usd"], "--budget-usd", /^\d{1,9}(\.\d{1,6})?$/),
  };
  return {
    deadlineAt: deadline === undefined ? undefined : parseMoment(deadline, "--deadline", now),
    budget: orNothing(budget),
    templates: orNothing(await templatesOf(options)),
    audit: auditOf(options),
  };
}

function amountOf(text: string | undefined, name: string, form: RegExp): number | null | undefined {
  if (text === undefined) return undefined;
  if (text === NOTHING) return null;
  if (form.test(text) && Number(text) > 0) return Number(text);
  throw new UsageError(`Cannot use ${name} "${text}": want a number above 0, or ${NOTHING}`);
}

function auditOf(options: Options): unknown {
  const line = options["audit-command"];
  if (!options["no-audit"]) return line === undefined ? undefined : { command: ["sh", "-c", line] };
  if (line === undefined) return "none";
  throw new UsageError("Cannot use --audit-command with --no-audit: there is no audit to run it");
}

async function templatesOf(options: Options): Promise<{ [name: string]: unknown }> {
  const entries = await Promise.all(TEMPLATES.map(async (name) => {
    const file = options[`template-${name}`];
    const text = file === undefined || file === NOTHING
      ? file === NOTHING ? null : undefined
      : await readTemplate(file, `--template-${name}`);
    return [name, text];
  }));
  return Object.fromEntries(entries);
}

async function readTemplate(file: string, name: string): Promise<string> {
  try {
    return await Deno.readTextFile(resolve(callersDirectory(), file));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot use ${name} "${file}": ${reason}`);
  }
}

/** An object in which nothing is given is not sent. */
function orNothing(fields: { [name: string]: unknown }): object | undefined {
  return Object.values(fields).every((value) => value === undefined) ? undefined : fields;
}
