/**
 * Hooks of a kind: durable effects that follow a transition. The sync ones of a transition form a
 * chain by descending priority, in which each is started when the one before it has succeeded; an
 * async one stands alone.
 */
import type { EffectRow } from "../store/store.ts";
import type { LiveActor } from "./actor.ts";
import type { JsonEvent } from "./envelope.ts";
import type { Hook, KindDefinition } from "./kind.ts";
import type { World } from "./world.ts";

/** What a hook's row holds: the transition, and the hooks of the chain still to come. */
export type HookInput = {
  from: string | null;
  to: string;
  event: JsonEvent;
  transition: string;
  rest: string[];
};

type Transition = { from: string | null; actor: LiveActor; event: JsonEvent; at: number };

/** The rows to start for a transition: one for each async hook and one for the chain's head. */
export function hookRows(world: World, transition: Transition): EffectRow[] {
  const { from, actor } = transition;
  const hooks = actor.kind.definition.hooks;
  if (hooks === undefined || from === actor.state) return [];
  const due = hooks.filter((hook) => applies(hook, from, actor.state))
    .sort((left, right) => right.priority - left.priority);
  const [head, ...rest] = due.filter((hook) => hook.mode === "sync").map((hook) => hook.name);
  const chains = due.filter((hook) => hook.mode === "async").map((hook) => [hook.name]);
  if (head !== undefined) chains.unshift([head, ...rest]);
  return chains.flatMap((names) => hookRow(world, transition, names));
}

/** The next of a chain, once one has succeeded. */
export function nextHookRow(row: EffectRow, bootId: string): EffectRow | undefined {
  const input = JSON.parse(row.input) as HookInput;
  const [src, ...rest] = input.rest;
  if (src === undefined) return undefined;
  return {
    ...row,
    key: `${input.transition}/hook.${src}`,
    src,
    input: JSON.stringify({ ...input, rest }),
    attempt: 1,
    notBefore: 0,
    bootId,
  };
}

/** A kind's hook by name. */
export function hookOf(kind: KindDefinition, name: string): Hook | undefined {
  return kind.hooks?.find((hook) => hook.name === name);
}

function applies(hook: Hook, from: string | null, to: string): boolean {
  const matches = (pattern: string | undefined, state: string | null) =>
    pattern === undefined || state === pattern || (state?.startsWith(`${pattern}.`) ?? false);
  if (!matches(hook.on.from, from) || !matches(hook.on.to, to)) return false;
  // A hook on a parent state is for entering it, not for moving about inside it.
  const { to: target } = hook.on;
  return target === undefined || from === null || !matches(target, from);
}

function hookRow(world: World, transition: Transition, names: string[]): EffectRow[] {
  const [src, ...rest] = names;
  if (src === undefined) return [];
  const { actor, from, event, at } = transition;
  const key = `${actor.address}/${actor.revision}`;
  const input: HookInput = { from, to: actor.state, event, transition: key, rest };
  return [{
    key: `${key}/hook.${src}`,
    address: actor.address,
    childId: null,
    type: "hook",
    src,
    input: JSON.stringify(input),
    attempt: 1,
    bootId: world.bootId,
    notBefore: 0,
    createdAt: at,
  }];
}
