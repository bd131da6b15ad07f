/**
 * Texts with variables in them: `{{name}}`. Only names that the caller gives are replaced; anything
 * else in braces stays as it is, since prompts are full of braces that mean something to others.
 */

export type Variables = { readonly [name: string]: string };

const VARIABLE = /\{\{\s*([A-Za-z][A-Za-z0-9]*)\s*\}\}/g;

/** Puts the values into the text. What a value brings is not looked at again. */
export function render(text: string, variables: Variables): string {
  return text.replace(
    VARIABLE,
    (whole, name: string) => Object.hasOwn(variables, name) ? variables[name] ?? whole : whole,
  );
}

/** Names of all variables in the text, each once. */
export function variablesIn(text: string): string[] {
  return [...new Set([...text.matchAll(VARIABLE)].map(([, name = ""]) => name))];
}
