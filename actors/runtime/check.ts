/**
 * Proves a deploy beforehand on the real data: what would become of every stored actor under the
 * definitions given. Nothing is written, and nothing runs.
 */
import type { EffectRow, Store } from "../store/store.ts";
import { kindOf } from "./address.ts";
import { type Finding, Findings } from "./check_findings.ts";
import { type Divergence, refold } from "./check_history.ts";
import { checkTakeovers, type TakeoverCheck } from "./check_takeover.ts";
import { hookOf } from "./hooks.ts";
import type { KindDefinition } from "./kind.ts";
import { createRegistry, type RegisteredKind, type Registry } from "./registry.ts";

export type CheckOptions = {
  /** Only this kind. */
  kind?: string;
  /** Histories to fold again: the newest of each kind. */
  histories: number;
  onProgress?: (kind: string, done: { actors: number; histories: number }) => void;
};

/** What a deploy would do to the actors of one kind. */
export type KindCheck = TakeoverCheck & {
  kind: string;
  /** Of the definition given. */
  version: string;
  /** Active actors by the version that wrote them. */
  stored: { version: string; count: number }[];
  /** Histories that were folded again, and those of them that would have gone another way. */
  histories: number;
  diverged: Divergence[];
};

export type DeployCheck = {
  kinds: KindCheck[];
  /** Kinds that have active actors and are not among the definitions, by their states. */
  unknownKinds: { kind: string; state: string; count: number }[];
  /** Actions and hooks that are owed and that nothing could carry out, as `kind: src`. */
  lostEffects: Finding[];
};

const PAGE = 500;

/** Checks all stored actors. Throws `NotFoundError` for a kind that is not given. */
export async function checkDeploy(
  store: Store,
  definitions: readonly KindDefinition[],
  options: CheckOptions,
): Promise<DeployCheck> {
  const { kind, histories, onProgress } = options;
  const registry = createRegistry(definitions);
  const checks: KindCheck[] = [];
  for (const one of kind === undefined ? registry.all() : [registry.get(kind)]) {
    checks.push(await checkKind(store, one, { histories, ...(onProgress && { onProgress }) }));
  }
  return {
    kinds: checks,
    unknownKinds: kind === undefined ? await unknownKinds(store, registry) : [],
    lostEffects: await lostEffects(store, registry, kind),
  };
}

/** Whether a deploy would leave something behind that cannot go on. */
export function isBlocking({ kinds, unknownKinds, lostEffects }: DeployCheck): boolean {
  return unknownKinds.length > 0 || lostEffects.length > 0 ||
    kinds.some((kind) => kind.blocked.length > 0);
}

async function checkKind(
  store: Store,
  kind: RegisteredKind,
  { histories, onProgress = () => {} }: CheckOptions,
): Promise<KindCheck> {
  const takeovers = await checkTakeovers(
    store,
    kind,
    (actors) => onProgress(kind.name, { actors, histories: 0 }),
  );
  const actors = takeovers.checked;
  const folded = await refold(store, kind, {
    max: histories,
    onProgress: (count) => onProgress(kind.name, { actors, histories: count }),
  });
  return {
    kind: kind.name,
    version: kind.version,
    stored: await store.versions(kind.name),
    ...takeovers,
    histories: folded.count,
    diverged: folded.diverged,
  };
}

async function unknownKinds(
  store: Store,
  registry: Registry,
): Promise<DeployCheck["unknownKinds"]> {
  return (await store.tallies())
    .filter(({ kind, status }) => status === "active" && registry.find(kind) === undefined)
    .map(({ kind, state, count }) => ({ kind, state, count }));
}

/** What is invoked is not looked at here: a takeover stops what nothing carries out any more. */
async function lostEffects(
  store: Store,
  registry: Registry,
  only: string | undefined,
): Promise<Finding[]> {
  const lost = new Findings();
  for (let after = "";;) {
    const rows = await store.listEffects(after, PAGE);
    for (const row of rows) {
      const kind = registry.find(kindOf(row.address));
      if (kind === undefined || (only !== undefined && kind.name !== only)) continue;
      if (!canCarryOut(kind, row)) lost.add(`${kind.name}: ${row.src}`, row.address);
    }
    if (rows.length < PAGE) return lost.list();
    after = rows.at(-1)?.key ?? after;
  }
}

function canCarryOut({ definition }: RegisteredKind, { type, src }: EffectRow): boolean {
  switch (type) {
    case "invoke":
      return true;
    case "hook":
      return hookOf(definition, src) !== undefined;
    case "action":
      return definition.effects?.[src] !== undefined ||
        typeof definition.machine.implementations.actions[src] === "function";
  }
}
