/** One thing in full, as people read it: a line for each fact, and sections below. */
import { visible } from "./output.ts";

/** What there is nothing to say of is left out. */
export type Fact = [name: string, value: string | null | undefined];

const NAME_CHARS = 12;

/** The title, and under it the facts. */
export function factsText(title: string, facts: readonly Fact[]): string {
  const lines = facts.flatMap(([name, value]) =>
    value === null || value === undefined || value === ""
      ? []
      : [`${name.padEnd(NAME_CHARS)}${visible(value)}`]
  );
  return [title, ...lines].join("\n");
}

/** Lines under a title; nothing where there are none. */
export function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [title, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** Texts one after the other, those left out that say nothing. */
export function joined(...texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}
