/**
 * What cannot be durable, found when a kind is registered: each problem names the state and says
 * what to write instead. A machine that passes is run unchanged.
 */
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { nameOf, walk } from "./definition.ts";
import { isMachine } from "./step.ts";

/** All problems of a machine; empty when it can be made durable. */
export function lint(machine: AnyStateMachine, provided: ReadonlySet<string>): string[] {
  return walk(machine.root).flatMap((node) => lintState(machine, node, provided));
}

function lintState(
  machine: AnyStateMachine,
  node: AnyStateNode,
  provided: ReadonlySet<string>,
): string[] {
  const problems: string[] = [];
  const at = `state "${node.id}"`;
  const actionsAt = (where: string, actions: readonly unknown[]) => {
    for (const action of actions) problems.push(...lintAction(machine, where, action, provided));
  };
  actionsAt(`${at}, entry`, node.entry);
  actionsAt(`${at}, exit`, node.exit);
  for (const transition of [...[...node.transitions.values()].flat(), ...(node.always ?? [])]) {
    const where = `${at}, on "${transition.eventType || "always"}"`;
    actionsAt(where, transition.actions);
    problems.push(...lintGuard(machine, where, transition.guard));
    problems.push(...lintDelay(machine, where, transition));
  }
  for (const invoke of node.invoke) problems.push(...lintInvoke(machine, at, invoke));
  return problems;
}

function lintAction(
  machine: AnyStateMachine,
  where: string,
  action: unknown,
  provided: ReadonlySet<string>,
): string[] {
  if (typeof action === "function") {
    if ("resolve" in action) return [];
    const name = action.name === "" ? "an inline function" : `the inline function "${action.name}"`;
    return [
      `${where}: ${name} cannot be run again after a restart; name it in setup({ actions }) ` +
      `and write its name here`,
    ];
  }
  const name = nameOf(action);
  if (name in machine.implementations.actions || provided.has(name)) return [];
  return [
    `${where}: action "${name}" is not known; add it to setup({ actions }) or to the kind's ` +
    `effects`,
  ];
}

function lintGuard(machine: AnyStateMachine, where: string, guard: unknown): string[] {
  if (guard === undefined) return [];
  if (typeof guard === "function") {
    return "check" in guard ? [] : [
      `${where}: an inline guard cannot be shown or compared between versions; name it in ` +
      `setup({ guards }) and write its name here`,
    ];
  }
  const name = nameOf(guard);
  return name in machine.implementations.guards
    ? []
    : [`${where}: guard "${name}" is not known; add it to setup({ guards })`];
}

function lintDelay(machine: AnyStateMachine, where: string, transition: object): string[] {
  const { delay } = transition as { delay?: unknown };
  if (typeof delay !== "string" || delay in machine.implementations.delays) return [];
  return [`${where}: delay "${delay}" is not known; add it to setup({ delays })`];
}

function lintInvoke(machine: AnyStateMachine, at: string, invoke: object): string[] {
  const { id, src, systemId, onSnapshot } = invoke as {
    id: string;
    src: unknown;
    systemId?: string;
    onSnapshot?: unknown;
  };
  const where = `${at}, invoke "${id}"`;
  const problems: string[] = [];
  if (typeof src !== "string" || src.startsWith("xstate.invoke.")) {
    problems.push(
      `${where}: inline logic cannot be found again after a restart; name it in ` +
        `setup({ actors }) and write src: "name"`,
    );
  } else if (!(src in machine.implementations.actors)) {
    problems.push(`${where}: actor "${src}" is not known; add it to setup({ actors })`);
  }
  if (onSnapshot !== undefined) {
    problems.push(
      `${where}: onSnapshot cannot be durable, the child is committed on its own; let ` +
        `the child send events to its parent with sendParent`,
    );
  }
  if (systemId !== undefined) {
    problems.push(
      `${where}: systemId names an actor of one process; send to an address with ` +
        `sendTo(() => actorAt("kind:id"), event)`,
    );
  }
  return problems;
}

/** The machines among a machine's children, by `src`. */
export function childMachines(machine: AnyStateMachine): Map<string, AnyStateMachine> {
  const found = new Map<string, AnyStateMachine>();
  for (const [src, logic] of Object.entries(machine.implementations.actors)) {
    if (isMachine(logic)) found.set(src, logic);
  }
  return found;
}
