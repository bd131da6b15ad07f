/** A statechart as a Mermaid state diagram, and as a table of its states. */
import type {
  MachineDescription,
  StateDescription,
  TransitionDescription,
} from "../../actors/runtime/definition.ts";

/** The diagram's text, without the fence. */
export function diagramOf({ states }: MachineDescription): string {
  const [root] = states;
  if (root === undefined) return "stateDiagram-v2";
  const lines = ["stateDiagram-v2", ...bodyOf(root, states, 1)];
  for (const state of states) {
    for (const transition of state.transitions) lines.push(...arrows(state, transition, root));
  }
  return lines.join("\n");
}

/** A Markdown table of the states with what they mean. */
export function tableOf({ states }: MachineDescription): string {
  const rows = states.filter((state) => state.parent !== null).map((state) =>
    `| \`${state.path.join(".")}\` | ${state.description ?? ""} | ${code(state.tags)} | ` +
    `${code(state.invoke.map((invoke) => invoke.src))} |`
  );
  return ["| state | what it means | tags | invokes |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

function bodyOf(
  state: StateDescription,
  all: readonly StateDescription[],
  depth: number,
): string[] {
  const indent = "  ".repeat(depth);
  const children = all.filter((child) => child.parent === state.id);
  const lines: string[] = [];
  if (state.initial !== null) lines.push(`${indent}[*] --> ${nameOf(state.initial)}`);
  for (const [index, child] of children.entries()) {
    if (state.type === "parallel" && index > 0) lines.push(`${indent}--`);
    if (all.some((grandchild) => grandchild.parent === child.id)) {
      lines.push(`${indent}state "${child.key}" as ${nameOf(child.id)} {`);
      lines.push(...bodyOf(child, all, depth + 1), `${indent}}`);
    } else {
      lines.push(`${indent}state "${child.key}" as ${nameOf(child.id)}`);
    }
    if (child.type === "final") lines.push(`${indent}${nameOf(child.id)} --> [*]`);
  }
  return lines;
}

/** The root has no box of its own: its transitions are listed, not drawn. */
function arrows(
  state: StateDescription,
  transition: TransitionDescription,
  root: StateDescription,
): string[] {
  if (state.id === root.id) return [];
  const guard = transition.guard === null ? "" : ` [${plain(transition.guard)}]`;
  const label = `${plain(transition.event)}${guard}`;
  return transition.targets.map((target) =>
    `  ${nameOf(state.id)} --> ${nameOf(target)}: ${label}`
  );
}

/** Mermaid ends a label at a colon or a semicolon. */
function plain(text: string): string {
  return text.replaceAll(/[:;#]/g, " ");
}

function nameOf(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9]/g, "_");
}

function code(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(", ");
}
