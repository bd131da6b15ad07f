/**
 * `deno task state-machines`: writes docs/state_machines.md from the kinds in the code. A test
 * holds the document to what this makes.
 */
import { createKinds } from "../actors/kinds.ts";
import { describeMachine } from "../actors/runtime/definition.ts";
import { createRegistry } from "../actors/runtime/registry.ts";
import { runScript } from "./lib/args.ts";
import { diagramOf, tableOf } from "./lib/mermaid.ts";
import { print } from "./lib/output.ts";

const SPEC = {
  name: "state-machines",
  summary: "Writes docs/state_machines.md from the kinds in the code.",
  options: { check: { type: "boolean", help: "Change nothing; fail if the document is not true" } },
  examples: ["deno task state-machines", "deno task state-machines --check"],
} as const;

const DOCUMENT = new URL("../docs/state_machines.md", import.meta.url);

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const text = stateMachinesDocument();
    if (!options.check) {
      await Deno.writeTextFile(DOCUMENT, text);
      return 0;
    }
    if (await Deno.readTextFile(DOCUMENT) === text) return 0;
    print(
      Deno.stderr,
      "docs/state_machines.md is not what the code says: deno task state-machines",
    );
    return 1;
  });
}

/** The document's text. */
export function stateMachinesDocument(): string {
  const { kinds } = createKinds({ home: "." });
  const parts = createRegistry(kinds).all().map(({ name, definition }) => {
    const machine = describeMachine(definition.machine);
    const [root] = machine.states;
    const rootEvents = root?.transitions.map(({ event, targets }) =>
      `\`${event}\` leads to ${
        targets.map((target) => `\`${target}\``).join(", ") || "itself"
      }`
    ) ?? [];
    return [
      `## ${name}`,
      root?.description ?? "",
      rootEvents.length === 0 ? "" : `In every state: ${rootEvents.join("; ")}.`,
      "```mermaid\n" + diagramOf(machine) + "\n```",
      tableOf(machine),
    ].filter((part) => part !== "").join("\n\n");
  });
  const head = "# State machines\n\n" +
    "Made from the code by `deno task state-machines`; a test holds it to that. The same, for any\n" +
    "kind of a running server, is at `GET /v1/kinds/{kind}/definition`.";
  return `${[head, ...parts].join("\n\n")}\n`;
}
