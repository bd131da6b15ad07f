/**
 * The texts of which a goal's prompts are made: those that come with Holdfast, and the files in the
 * data directory that go before them. What a goal itself says goes before both.
 */
import { join } from "node:path";
import { GOAL_VARIABLES } from "../machines/goal_requests.ts";
import type { GoalTemplates } from "../machines/goal_input.ts";
import { variablesIn } from "../machines/lib/text_template.ts";
import auditText from "./templates/audit.md" with { type: "text" };
import continueText from "./templates/continue.md" with { type: "text" };
import timeoutText from "./templates/timeout.md" with { type: "text" };

/** Longest template: machines cannot read longer texts. */
export const MAX_TEMPLATE_BYTES = 8_000;

export type TemplateName = keyof GoalTemplates;

export const BUILT_IN_TEMPLATES: GoalTemplates = {
  continue: continueText,
  timeout: timeoutText,
  audit: auditText,
};

/** A file in the data directory that cannot be used as a template. */
export class TemplateFileError extends Error {
  override name = "TemplateFileError";

  /** `file` is its name, `reason` what is wrong with it. */
  constructor(readonly file: string, readonly reason: string, options?: ErrorOptions) {
    super(`Cannot use the template templates/${file} of the data directory: ${reason}`, options);
  }
}

/** The three texts. What is not given is read anew, so that an edited file counts at once. */
export async function resolveTemplates(
  given: Partial<GoalTemplates>,
  dir: string | null,
): Promise<GoalTemplates> {
  const textOf = async (name: TemplateName) => given[name] ?? await readTemplate(name, dir);
  return {
    continue: await textOf("continue"),
    timeout: await textOf("timeout"),
    audit: await textOf("audit"),
  };
}

/** What is wrong with a template, as sentences that say what to write instead. */
export function templateFaults(text: string): string[] {
  if (text.trim() === "") return ["must not be empty"];
  if (new TextEncoder().encode(text).length > MAX_TEMPLATE_BYTES) {
    return [`at most ${MAX_TEMPLATE_BYTES} bytes`];
  }
  const unknown = variablesIn(text).filter((name) => !GOAL_VARIABLES.includes(name))
    .map((name) => `there is no variable {{${name}}}; there are ${GOAL_VARIABLES.join(", ")}`);
  const line = text.split("\n").findIndex((line) => REPORT_LINE.test(line));
  if (line === -1) return unknown;
  const trap =
    `line ${line + 1} is a report to whoever reads the output of a program that repeats ` +
    "its prompt: put other text before it on its line";
  return [...unknown, trap];
}

const REPORT_LINE = /^\s*@holdfast\s+\{.*\}\s*$/;

/** The file of that name where there is one, else the text that comes with Holdfast. */
async function readTemplate(name: TemplateName, dir: string | null): Promise<string> {
  if (dir === null) return BUILT_IN_TEMPLATES[name];
  const file = `${name}.md`;
  const text = await readBounded(join(dir, file), file);
  if (text === undefined) return BUILT_IN_TEMPLATES[name];
  const [fault] = templateFaults(text);
  if (fault !== undefined) throw new TemplateFileError(file, fault);
  return text;
}

/** The text of a file; undefined where there is none. */
async function readBounded(path: string, file: string): Promise<string | undefined> {
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw new TemplateFileError(file, "it is no file");
    if (size > MAX_TEMPLATE_BYTES) {
      throw new TemplateFileError(file, `at most ${MAX_TEMPLATE_BYTES} bytes`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof TemplateFileError) throw error;
    const reason = error instanceof TypeError ? "it is not UTF-8" : "it cannot be read";
    throw new TemplateFileError(file, reason, { cause: error });
  }
}
