/**
 * Turns what a machine wants into rows-to-be, before anything is written: payloads become JSON,
 * long strings move to blobs, delays are checked. All that can fail in a step's consequences fails
 * here.
 */
import type { SlotInput, WatchInput } from "../../machines/lib/builtins.ts";
import type { LiveActor } from "./actor.ts";
import { isAddress } from "./address.ts";
import type { JsonEvent } from "./envelope.ts";
import type { JsonObject } from "./json.ts";
import { MAX_DELAY_MS, MAX_POOLS_PER_SLOT } from "./limits.ts";
import { type Blobs, toPayload } from "./payload.ts";
import type { Command } from "./step.ts";

/** Whose commands they are. */
type Owner = Pick<LiveActor, "address" | "kind">;

/** A step's commands, checked, and what they carry. */
export type Prepared = { commands: Command[]; emitted: JsonObject[]; blobs: Blobs };

/** Checks the commands of one step. Throws `TooLargeError` or `RangeError`. */
export function prepare(actor: Owner, commands: readonly Command[]): Prepared {
  const prepared: Prepared = { commands: [], emitted: [], blobs: new Map() };
  for (const command of commands) {
    const checked = check(actor, command, prepared.blobs);
    if (checked.type === "emit") prepared.emitted.push(checked.event);
    else prepared.commands.push(checked);
  }
  return prepared;
}

function check(actor: Owner, command: Command, blobs: Blobs): Command {
  const json = <T>(value: T, what: string): T => {
    const payload = toPayload(value, `${what} of ${actor.address}`, { mayRefer: true });
    for (const [sha, data] of payload.blobs ?? []) blobs.set(sha, data);
    return payload.value;
  };
  switch (command.type) {
    case "timer":
      return {
        ...command,
        delayMs: checkDelay(actor, command),
        event: json(command.event, "event"),
      };
    case "start":
      checkInput(actor, command);
      return { ...command, input: json(command.input, `input of child "${command.child.id}"`) };
    case "message":
    case "tell":
      return { ...command, event: json(command.event, "event") as JsonEvent };
    case "emit":
      return { ...command, event: json(command.event, "emitted event") };
    case "action":
      return checkAction(actor, command, json);
    case "stop":
    case "cancelTimer":
    case "log":
      return command;
  }
}

/**
 * An action that the kind provides gets its params alone. A function of the machine may read the
 * event and the context too, so they are stored with it.
 */
function checkAction(
  actor: Owner,
  command: Command & { type: "action" },
  json: <T>(value: T, what: string) => T,
): Command {
  const what = `parameters of action "${command.src}"`;
  if (actor.kind.definition.effects?.[command.src] !== undefined) {
    return { ...command, params: json(command.params, what), event: undefined, context: undefined };
  }
  const { params, event, context } = command;
  return { ...command, ...json({ params, event, context }, what) };
}

/** The inputs of the children that the runtime carries out itself. */
function checkInput(actor: Owner, { child, input }: Command & { type: "start" }): void {
  const cannot = `Cannot start ${child.role} "${child.id}" of ${actor.address}`;
  if (child.role === "slot") {
    const { pools } = (input ?? {}) as Partial<SlotInput>;
    if (!Array.isArray(pools) || pools.length === 0 || pools.length > MAX_POOLS_PER_SLOT) {
      throw new RangeError(`${cannot}: want 1 to ${MAX_POOLS_PER_SLOT} pools`);
    }
  }
  if (child.role === "watch") {
    const { addresses } = (input ?? {}) as Partial<WatchInput>;
    if (!Array.isArray(addresses) || !addresses.every(isAddress)) {
      throw new RangeError(`${cannot}: want addresses, got ${JSON.stringify(addresses)}`);
    }
  }
}

function checkDelay(actor: Owner, timer: { id: string; delayMs: number }): number {
  if (!Number.isFinite(timer.delayMs)) {
    throw new RangeError(
      `Cannot set timer "${timer.id}" of ${actor.address}: its delay is ${timer.delayMs}`,
    );
  }
  return Math.min(MAX_DELAY_MS, Math.max(0, Math.ceil(timer.delayMs)));
}
