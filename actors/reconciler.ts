/** The reconciler as a kind, and how a server sees to it that there is one. */
import {
  reconcilerId,
  reconcilerMachine,
  type RoundInput,
  type RoundReport,
} from "../machines/reconciler.ts";
import type { System } from "./runtime/api.ts";
import { AlreadyExistsError, NotAcceptedError } from "./runtime/errors.ts";
import { defineEffect, type EffectContext, type KindDefinition } from "./runtime/kind.ts";

/** Longest time for one round, ms. */
const ROUND_TIMEOUT_MS = 10 * 60_000;

export const RECONCILER_KIND = "reconciler";

/** Does one round. */
export type Round = (input: RoundInput, context: EffectContext) => Promise<RoundReport>;

/** Makes the kind `reconciler`. */
export function createReconcilerKind({ round }: { round: Round }): KindDefinition {
  return {
    name: RECONCILER_KIND,
    version: 1,
    machine: reconcilerMachine,
    effects: {
      round: defineEffect({ run: round, maxAttempts: 1, timeoutMs: ROUND_TIMEOUT_MS }),
    },
  };
}

/** Sees to it that there is a reconciler of that name, and has it look at once. */
export async function startReconciler(
  system: Pick<System, "list" | "spawn" | "send">,
  name: string,
): Promise<void> {
  const { items } = await system.list(RECONCILER_KIND, { status: "active", limit: 200 });
  const present = items.find((record) => record.context["name"] === name);
  if (present === undefined) return await makeFirst(system, name);
  try {
    await system.send(present.address, { type: "reconciler.run" });
  } catch (error) {
    // It is looking already.
    if (!(error instanceof NotAcceptedError)) throw error;
  }
}

async function makeFirst(system: Pick<System, "spawn">, name: string): Promise<void> {
  try {
    await system.spawn(RECONCILER_KIND, reconcilerId(name, 1), { name });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}
