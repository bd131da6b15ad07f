/** One actor as text for people: a line for each fact, a section for each thing that it has. */
import type { Actor, Entry, Inspection } from "./answers.ts";
import { type Column, layOut, visible } from "./output.ts";

/** JSON longer than this is spread over several lines. */
const MAX_LINE_CHARS = 100;
/** Of a longer text, such as a task's output, only the beginning is shown. */
const MAX_SHOWN_CHARS = 400;

/** What an actor is or was. */
export function actorText(actor: Actor): string {
  return sections(facts(actor), ...values(actor));
}

/** An actor with all that it waits for and its last events. */
export function inspectionText(actor: Inspection, history: readonly Entry[]): string {
  const accepts = actor.accepts.length === 0 ? "nothing" : actor.accepts.join(", ");
  return sections(
    facts(actor, [["accepts", accepts]]),
    table("Timers", actor.timers, [
      { title: "ID", value: ({ id }) => id },
      { title: "DUE", value: ({ dueAt }) => dueAt },
      { title: "FOR", value: ({ target }) => target === actor.address ? "itself" : target },
    ]),
    table("Effects", actor.effects, [
      { title: "SRC", value: ({ src }) => src },
      { title: "TYPE", value: ({ type }) => type },
      { title: "ATTEMPT", value: ({ attempt }) => attempt, align: "right" },
      { title: "RUNS", value: ({ running, notBefore }) => running ? "now" : waitText(notBefore) },
      { title: "KEY", value: ({ key }) => key },
    ]),
    table("Slots", actor.slots, [
      { title: "POOLS", value: ({ pools }) => pools.join(", ") },
      { title: "ASKED", value: ({ requestedAt }) => requestedAt },
      { title: "GRANTED", value: ({ grantedAt }) => grantedAt ?? "waiting" },
    ]),
    table("Children", actor.children, [
      { title: "ID", value: ({ id }) => id },
      { title: "SRC", value: ({ src }) => src },
      { title: "ADDRESS", value: ({ address }) => address },
    ]),
    section("Watches", actor.watches.map(visible)),
    ...values(actor),
    table("History", history, [
      { title: "REVISION", value: ({ revision }) => revision, align: "right" },
      { title: "AT", value: ({ at }) => at },
      { title: "EVENT", value: ({ event }) => event.type },
      { title: "STATE", value: ({ state }) => state },
      { title: "OUTCOME", value: ({ outcome }) => outcome },
      { title: "CAUSE", value: ({ cause }) => cause },
    ]),
  );
}

type Fact = [name: string, value: string | null];

function facts(actor: Actor, more: readonly Fact[] = []): string[] {
  const { error } = actor;
  const rows: Fact[] = [
    ["state", `${actor.state} (${actor.status})`],
    ["revision", String(actor.revision)],
    ["version", actor.version],
    ["blocked", actor.blocked],
    ["tags", actor.tags.length === 0 ? null : actor.tags.join(", ")],
    ["parent", actor.parent],
    ["created", actor.createdAt],
    ["updated", actor.updatedAt],
    ["error", error === undefined ? null : `${error.name}: ${error.message}`],
    ...more,
  ];
  return [
    visible(actor.address),
    ...rows.flatMap(([name, value]) =>
      value === null ? [] : [`${name.padEnd(10)}${visible(value)}`]
    ),
  ];
}

function values({ context, output }: Actor): string[][] {
  return [
    section("Context", layOutJson(context, MAX_LINE_CHARS).map(shortened)),
    output === undefined
      ? []
      : section("Output", layOutJson(output, MAX_LINE_CHARS).map(shortened)),
  ];
}

function table<T>(title: string, rows: readonly T[], columns: readonly Column<T>[]): string[] {
  return rows.length === 0 ? [] : section(title, layOut(rows, columns));
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function sections(...all: readonly string[][]): string {
  return all.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n");
}

/** JSON in which what fits on a line stays on one. */
function layOutJson(value: unknown, width: number): string[] {
  const line = JSON.stringify(value);
  if (line.length <= width || value === null || typeof value !== "object") return [line];
  const parts = Object.entries(value).map(([name, part]) => {
    const [first = "", ...rest] = layOutJson(part, width - 2);
    return [Array.isArray(value) ? first : `${JSON.stringify(name)}: ${first}`, ...rest];
  });
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const lines = parts.flatMap((part, i) =>
    i < parts.length - 1 ? [...part.slice(0, -1), `${part.at(-1)},`] : part
  );
  return [open, ...lines.map((part) => `  ${part}`), close];
}

/** Between two attempts an effect has a time before which it is not tried again. */
function waitText(notBefore: string): string {
  return Date.parse(notBefore) === 0 ? "not yet" : `not before ${notBefore}`;
}

function shortened(line: string): string {
  const text = visible(line);
  if (text.length <= MAX_SHOWN_CHARS) return text;
  return `${text.slice(0, MAX_SHOWN_CHARS)}… (${text.length} characters; --json shows all)`;
}
