/** Options that are given several times, each `NAME=VALUE`. */
import { UsageError } from "./args.ts";

/** All of them by name; undefined of none. `name` is where they were given. Throws `UsageError`. */
export function pairs(
  texts: readonly string[],
  name: string,
): { [name: string]: string } | undefined {
  if (texts.length === 0) return undefined;
  return Object.fromEntries(texts.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`Cannot use ${name} "${text}": want NAME=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}
