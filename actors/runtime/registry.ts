/**
 * The kinds a system knows, checked and made ready. Machines among a kind's children become kinds
 * of their own, named `parent.src`, unless the same machine is registered by itself.
 */
import type { AnyStateMachine } from "xstate";
import type { Json } from "./json.ts";
import { fingerprint, walk } from "./definition.ts";
import { NotDurableError, NotFoundError } from "./errors.ts";
import type { KindDefinition } from "./kind.ts";
import { childMachines, lint } from "./lint.ts";
import { type DurableMachine, makeDurable } from "./step.ts";

/** A kind, ready to be stepped. */
export type RegisteredKind = {
  definition: KindDefinition;
  name: string;
  /** `version.fingerprint`: what records carry. */
  version: string;
  durable: DurableMachine;
  stateName: (value: Json) => string;
  /** Ids of all children that some state invokes. */
  invokeIds: ReadonlySet<string>;
};

export type Registry = {
  get(kind: string): RegisteredKind;
  find(kind: string): RegisteredKind | undefined;
  all(): RegisteredKind[];
};

const NAME = /^[a-z][A-Za-z0-9_.-]*$/;

/** Checks and registers kinds. Throws `NotDurableError` or, for a bad name, `TypeError`. */
export function createRegistry(definitions: readonly KindDefinition[]): Registry {
  const kinds = new Map<string, RegisteredKind>();
  const names = new Map<AnyStateMachine, string>();
  for (const definition of definitions) {
    if (kinds.has(definition.name) || [...names.values()].includes(definition.name)) {
      throw new TypeError(`Cannot register kind "${definition.name}": the name is taken`);
    }
    names.set(definition.machine, definition.name);
  }
  const queue = [...definitions];
  for (let definition = queue.shift(); definition !== undefined; definition = queue.shift()) {
    const childKinds = new Map<string, string>();
    for (const [src, machine] of childMachines(definition.machine)) {
      const known = names.get(machine);
      const name = known ?? `${definition.name}.${src}`;
      childKinds.set(src, name);
      if (known !== undefined) continue;
      names.set(machine, name);
      queue.push(childDefinition(definition, name, machine));
    }
    kinds.set(definition.name, register(definition, childKinds));
  }
  return {
    find: (kind) => kinds.get(kind),
    all: () => [...kinds.values()],
    get(kind) {
      const found = kinds.get(kind);
      if (found === undefined) throw new NotFoundError(`Cannot find kind "${kind}"`);
      return found;
    },
  };
}

/** The paths of the active leaf states, joined by `|`: `running.working`, `a.x|b.y`. */
export function leafStates(value: Json): string {
  return leaves(value).join("|");
}

function leaves(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = leaves(inner as Json);
    return below.length === 0 ? [key] : below.map((path) => `${key}.${path}`);
  });
}

function childDefinition(
  parent: KindDefinition,
  name: string,
  machine: AnyStateMachine,
): KindDefinition {
  const { effects, redact, version } = parent;
  return {
    name,
    version,
    machine,
    ...(effects === undefined ? {} : { effects }),
    ...(redact === undefined ? {} : { redact }),
  };
}

function register(
  definition: KindDefinition,
  childKinds: ReadonlyMap<string, string>,
): RegisteredKind {
  const { name, machine, effects, version, state } = definition;
  if (!NAME.test(name)) {
    throw new TypeError(`Cannot register kind "${name}": want a name like "deployment"`);
  }
  const problems = lint(machine, new Set(Object.keys(effects ?? {})));
  if (problems.length > 0) throw new NotDurableError(name, problems);
  return {
    definition,
    name,
    version: `${version}.${fingerprint(machine)}`,
    durable: makeDurable(machine, childKinds),
    stateName: state ?? leafStates,
    invokeIds: new Set(walk(machine.root).flatMap((node) => node.invoke.map(({ id }) => id))),
  };
}
