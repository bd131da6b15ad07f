/**
 * Carries a step's commands out, inside the draft: each becomes a row, a message, or something to
 * do once the commit stands. Nothing here touches the outside.
 */
import { ACTOR_CREATE, type SlotInput, type WatchInput } from "../../machines/lib/builtins.ts";
import type { EffectRow, SlotRow } from "../store/store.ts";
import type { LiveActor } from "./actor.ts";
import { type Address, kindOf } from "./address.ts";
import type { Draft } from "./draft.ts";
import type { JsonEvent } from "./envelope.ts";
import type { PoolWish } from "./pools.ts";
import type { Prepared } from "./prepare.ts";
import type { Child, Command } from "./step.ts";
import type { World } from "./world.ts";

type Place = { actor: LiveActor; depth: number };

/** Writes all commands of one step into the draft. */
export async function carryOut(
  world: World,
  draft: Draft,
  options: Place & { prepared: Prepared },
): Promise<void> {
  const commands = [...options.prepared.commands.entries()];
  // What is watched may be created by the same step: it is looked for when that is under way.
  const isLook = ([, command]: (typeof commands)[number]) =>
    command.type === "start" && command.child.role === "watch";
  const inOrder = [...commands.filter((one) => !isLook(one)), ...commands.filter(isLook)];
  for (const [index, command] of inOrder) {
    await carryOutOne(world, draft, { ...options, command, index });
  }
}

async function carryOutOne(
  world: World,
  draft: Draft,
  options: Place & { command: Command; index: number },
): Promise<void> {
  const { actor, command, depth, index } = options;
  switch (command.type) {
    case "timer":
      return draft.setTimer({
        address: actor.address,
        id: command.id,
        dueAt: draft.at + command.delayMs,
        target: command.target,
        event: JSON.stringify(command.event),
        stamp: `${actor.address}/${actor.revision}/${index}`,
      });
    case "cancelTimer":
      return draft.deleteTimer(actor.address, command.id);
    case "message":
      return message(draft, options, { target: command.target, event: command.event as JsonEvent });
    case "tell":
      draft.tells.push({ key: command.key, event: command.event as JsonEvent });
      return;
    case "start":
      return await start(world, draft, { ...options, ...command });
    case "stop":
      return stop(world, draft, { actor, depth, child: command.child });
    case "action":
      return draft.startEffect(actionRow(world, draft, { actor, command, index }));
    case "log":
      return world.log("info", command.label ?? "log", {
        address: actor.address,
        value: command.value,
      });
    case "emit":
      return;
  }
}

async function start(
  world: World,
  draft: Draft,
  options: Place & { child: Child; input: unknown },
): Promise<void> {
  const { actor, child, input, depth } = options;
  switch (child.role) {
    case "effect":
      return draft.startEffect({
        ...freshRow(world, draft, actor),
        key: child.key,
        childId: child.id,
        type: "invoke",
        src: child.src,
        input: JSON.stringify(input ?? null),
      });
    case "actor":
      draft.followUps.push({
        type: "spawn",
        target: child.key,
        kind: kindOf(child.key),
        input,
        parent: { address: actor.address, childId: child.id },
        cause: `message/${actor.address}/${actor.revision}`,
        depth: depth + 1,
        options: {},
        settle: undefined,
      });
      return;
    case "slot": {
      const row = slotRow(world, draft, { actor, child, input: input as SlotInput });
      world.pools.request(row);
      return draft.putSlot(row);
    }
    case "watch":
      for (const target of new Set((input as WatchInput).addresses)) {
        await watchOne(world, draft, { ...options, target });
      }
  }
}

function stop(world: World, draft: Draft, options: Place & { child: Child }): void {
  const { child, actor, depth } = options;
  switch (child.role) {
    case "effect":
      return draft.stopEffect(child.key);
    case "actor":
      return message(draft, { actor, depth }, {
        target: child.key,
        event: { type: "xstate.stop" },
      });
    case "slot":
      if (!world.pools.vacate(child.key)) return;
      draft.vacated.push({ key: child.key, address: actor.address });
      return draft.deleteSlot(child.key);
    case "watch":
      for (const row of world.watches.takeKey(child.key)) draft.deleteWatch(row);
  }
}

function message(
  draft: Draft,
  from: Place,
  options: { target: Address; event: JsonEvent; incarnation?: { childId: string; key: string } },
): void {
  const { target, event, incarnation } = options;
  draft.followUps.push({
    type: "event",
    target,
    event,
    origin: {
      type: "message",
      from: `${from.actor.address}/${from.actor.revision}`,
      depth: from.depth + 1,
      ...(incarnation === undefined ? {} : { incarnation }),
    },
    options: {},
    settle: undefined,
  });
}

/** Whether an actor is created later in the same commit. */
function isComing({ followUps }: Draft, target: Address): boolean {
  return followUps.some((next) =>
    next.target === target && (next.type === "spawn" || next.event.type === ACTOR_CREATE)
  );
}

/** Watches an actor, or tells at once that there is nothing left to watch. */
async function watchOne(
  world: World,
  draft: Draft,
  options: Place & { child: Child; target: Address },
): Promise<void> {
  const { actor, child, target } = options;
  const found = await world.find(draft, target);
  const isThere = found.type === "actor" && found.actor.status === "active";
  const isBlocked = found.type === "blocked" && found.row.status === "active";
  if (isThere || isBlocked || found.type === "missing" && isComing(draft, target)) {
    const row = { key: child.key, watcher: actor.address, childId: child.id, target };
    world.watches.add(row);
    return draft.putWatch(row);
  }
  const { status, state, output } = found.type === "actor"
    ? { ...found.actor, output: found.actor.snapshot.output as unknown }
    : { status: "missing", state: "missing", output: undefined };
  message(draft, options, {
    target: actor.address,
    event: { type: "actor.ended", address: target, status, state, output } as JsonEvent,
    incarnation: { childId: child.id, key: child.key },
  });
}

function actionRow(
  world: World,
  draft: Draft,
  options: { actor: LiveActor; command: Command & { type: "action" }; index: number },
): EffectRow {
  const { actor, command, index } = options;
  const { src, params, event, context } = command;
  const provided = actor.kind.definition.effects?.[src] !== undefined;
  return {
    ...freshRow(world, draft, actor),
    key: `${actor.address}/${actor.revision}/action.${index}`,
    childId: null,
    type: "action",
    src,
    input: JSON.stringify((provided ? params : { params, event, context }) ?? null),
  };
}

function freshRow(world: World, draft: Draft, actor: LiveActor) {
  return {
    address: actor.address,
    attempt: 1,
    bootId: world.bootId,
    notBefore: 0,
    createdAt: draft.at,
  };
}

function slotRow(
  world: World,
  draft: Draft,
  options: { actor: LiveActor; child: Child; input: SlotInput },
): SlotRow {
  const { actor, child, input } = options;
  const wishes: PoolWish[] = input.pools.map((pool) =>
    typeof pool === "string" ? { name: pool } : pool
  );
  return {
    key: child.key,
    address: actor.address,
    childId: child.id,
    pools: JSON.stringify(wishes),
    priority: input.priority ?? 0,
    share: input.share ?? "",
    seq: world.pools.nextSeq(),
    requestedAt: draft.at,
    grantedAt: null,
  };
}
