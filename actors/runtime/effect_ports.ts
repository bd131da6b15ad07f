/**
 * What the effect runner needs of the rest of the system: who carries a row out, and how what
 * comes of it goes back through the mailbox.
 */
import type { AnyActorLogic } from "xstate";
import type { EffectRow } from "../store/store.ts";
import { errorOf, type Found } from "./actor.ts";
import { type Address, kindOf } from "./address.ts";
import type { Logger, Receipt, SendOptions } from "./api.ts";
import type { Clock } from "./clock.ts";
import type { Committer } from "./committer.ts";
import type { Draft } from "./draft.ts";
import type { EffectPorts } from "./effects.ts";
import type { JsonEvent, Origin } from "./envelope.ts";
import { type HookInput, hookOf, nextHookRow } from "./hooks.ts";
import type { ActorRecord, Effect, EffectContext, EventInput } from "./kind.ts";
import { effectOfAction, effectOfLogic } from "./machine_logic.ts";
import { mapStrings, resolveBlobs, toPayload } from "./payload.ts";
import type { RegisteredKind, Registry } from "./registry.ts";
import { childOf } from "./step.ts";
import type { Streams } from "./streams.ts";

export type EffectParts = {
  clock: Clock;
  random: () => number;
  log: Logger;
  registry: Registry;
  bootId: string;
  streams: Streams;
  committer: () => Committer;
  readBlob: (sha: string) => Promise<string | undefined>;
  find: (draft: Draft, address: Address) => Promise<Found>;
  get: (address: Address) => Promise<ActorRecord>;
  send: (address: Address, event: EventInput, options: SendOptions) => Promise<Receipt>;
};

/** Event sent to an actor whose action or hook has failed for good, where it accepts it. */
export const EFFECT_FAILED = "effect.failed";

export function createEffectPorts(parts: EffectParts): EffectPorts {
  const { clock, random, log, registry, streams, readBlob } = parts;
  return {
    clock,
    random,
    log,
    effectOf: (row) => effectOf(parts, registry.find(kindOf(row.address)), row),
    inputOf: async (row) => await resolveBlobs(JSON.parse(row.input) as unknown, readBlob),
    deliver: (row, event, ends) => deliver(parts, { row, event, ends }),
    finish: (row) =>
      parts.committer().write((draft) => {
        draft.rows.effectsDeleted.push(row.key);
        const next = row.type === "hook" ? nextHookRow(row, parts.bootId) : undefined;
        if (next !== undefined) draft.startEffect(next);
      }),
    giveUp: (row, error) => giveUp(parts, row, error),
    reschedule: (row) => parts.committer().write((draft) => reschedule(parts, draft, row)),
    append: (row, channel, data) => streams.append(row.address, channel, data),
  };
}

function effectOf(
  parts: EffectParts,
  kind: RegisteredKind | undefined,
  row: EffectRow,
): Effect | undefined {
  if (kind === undefined) return undefined;
  if (row.type === "hook") return effectOfHook(parts, kind, row);
  const provided = kind.definition.effects?.[row.src];
  if (provided !== undefined) return provided;
  const { actors, actions } = kind.definition.machine.implementations;
  if (row.type === "invoke") {
    const logic = actors[row.src] as AnyActorLogic | undefined;
    return logic === undefined ? undefined : effectOfLogic(logic);
  }
  const action = actions[row.src];
  return typeof action === "function" ? effectOfAction(action as never) : undefined;
}

function effectOfHook(
  parts: EffectParts,
  kind: RegisteredKind,
  row: EffectRow,
): Effect | undefined {
  const hook = hookOf(kind.definition, row.src);
  if (hook === undefined) return undefined;
  const run = async (input: HookInput, context: EffectContext) => {
    let sent = 0;
    const record = await parts.get(row.address);
    context.signal.throwIfAborted();
    await hook.run({
      record,
      from: input.from,
      to: input.to,
      event: input.event,
      key: row.key,
      attempt: row.attempt,
      signal: context.signal,
      send: async (address, event) => {
        await parts.send(address, event, { key: `${row.key}/${sent++}` });
      },
    });
  };
  return { run: run as Effect["run"] };
}

/** An event of an effect, made JSON, without secrets, in the mailbox of its owner. */
function deliver(
  parts: EffectParts,
  { row, event, ends }: { row: EffectRow; event: JsonEvent; ends: boolean },
): Promise<void> {
  const redact = parts.registry.find(kindOf(row.address))?.definition.redact;
  const clean = redact === undefined ? event : mapStrings(event, redact);
  const origin: Origin = { type: "effect", key: row.key, childId: row.childId, ends };
  return submit(parts, { row, event: clean, origin });
}

function submit(
  parts: EffectParts,
  { row, event, origin }: { row: EffectRow; event: JsonEvent; origin: Origin },
): Promise<void> {
  let payload: ReturnType<typeof toPayload<JsonEvent>>;
  try {
    payload = toPayload(event, `result of effect "${row.src}"`);
  } catch (error) {
    // A result that cannot be stored is a failure of the effect, told to its owner.
    if (event.type.startsWith("xstate.error.")) throw error;
    const type = `xstate.error.actor.${row.childId}`;
    payload = { value: { type, error: errorOf(error), actorId: row.childId }, blobs: undefined };
  }
  return new Promise((resolve, reject) => {
    const { value, blobs } = payload;
    parts.committer().submit({
      type: "event",
      target: row.address,
      event: value,
      origin,
      options: {},
      blobs,
      // Not accepted, obsolete or applied: in each case the effect has nothing more to do.
      settle: { resolve: () => resolve(), reject },
    });
  });
}

/** Writes an attempt down, unless its owner has left the state meanwhile. */
async function reschedule(parts: EffectParts, draft: Draft, row: EffectRow): Promise<void> {
  if (draft.rows.effectsDeleted.includes(row.key)) return;
  if (row.childId !== null) {
    const found = await parts.find(draft, row.address);
    if (found.type !== "actor" || childOf(found.actor.snapshot, row.childId)?.key !== row.key) {
      return;
    }
  }
  draft.rows.effects.push(row);
}

/** An action or hook that has failed for good: its actor is told if it wants to know. */
function giveUp(
  parts: EffectParts,
  row: EffectRow,
  error: ReturnType<typeof errorOf>,
): Promise<void> {
  const { address, key, src, attempt } = row;
  parts.log("error", `Effect "${src}" has failed for good`, {
    address,
    effect: key,
    attempt,
    error,
  });
  const event = { type: EFFECT_FAILED, src, key, error };
  const origin: Origin = { type: "effect", key, childId: null, ends: true };
  return submit(parts, { row, event, origin });
}
