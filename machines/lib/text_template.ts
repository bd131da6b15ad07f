/**
 * Texts with variables in them: `{{name}}`. Only names that the caller gives are replaced; anything
 * else in braces stays as it is, since prompts are full of braces that mean something to others.
 */

export type Variables = { readonly [name: string]: string };

/** Also names as no variable is called, so that a `{{last_result}}` is found to be none. */
const VARIABLE = /\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}/g;

/**
 * Longest text that is made, characters: with three bytes for each it can still be handed to a
 * program in its environment.
 */
export const MAX_RENDERED_CHARS = 40_000;

/**
 * Puts the values into the text. What a value brings is not looked at again, but for what no
 * program could be handed: NUL, and halves of characters. A text that becomes too long ends in `…`.
 */
export function render(text: string, variables: Variables): string {
  const rendered = text.replace(
    VARIABLE,
    (whole, name: string) => Object.hasOwn(variables, name) ? variables[name] ?? whole : whole,
  );
  const taken = rendered.replaceAll("\0", "\ufffd").toWellFormed();
  if (taken.length <= MAX_RENDERED_CHARS) return taken;
  return `${taken.slice(0, MAX_RENDERED_CHARS - 1).toWellFormed()}…`;
}

/** Names of all variables in the text, each once. */
export function variablesIn(text: string): string[] {
  return [...new Set([...text.matchAll(VARIABLE)].map(([, name = ""]) => name))];
}
