/** A session's gate as a kind: its statechart and its view. */
import { type GateContext, gateMachine } from "../machines/gate.ts";
import type { JsonObject } from "./runtime/json.ts";
import type { ActorRecord, KindDefinition } from "./runtime/kind.ts";

export const GATE_KIND = "gate";

/** Makes the kind `gate`. */
export function createGateKind(): KindDefinition {
  return { name: GATE_KIND, version: 1, machine: gateMachine, view: gateView };
}

/** Everything that a user may see. Times are ms since the epoch. */
export function gateView(record: ActorRecord): JsonObject {
  const { key, holder, heldSince, heldUntil } = asGate(record.context);
  return { session: key, state: record.state, holder, heldSince, heldUntil };
}

/** Only this kind's machine writes these records, so that their context is a gate's. */
export function asGate(context: JsonObject): GateContext {
  return context as unknown as GateContext;
}
