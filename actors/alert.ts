/** The alert as a kind: its statechart, how people are told, its view. */
import { type AlertContext, alertMachine, type AlertRaised } from "../machines/alert.ts";
import type { Notify } from "./notify.ts";
import type { JsonObject } from "./runtime/json.ts";
import { type ActorRecord, defineEffect, type KindDefinition } from "./runtime/kind.ts";
import { topOf } from "./state_value.ts";

export const ALERT_KIND = "alert";

/** What alerts are made with. */
export type AlertKindOptions = {
  /** Told of each alert, and again while it holds; at least once each time. */
  notify?: Notify;
  /** Takes secrets out of a text. */
  redact?: (text: string) => string;
};

/** Makes the kind `alert`. */
export function createAlertKind(
  { notify = () => {}, redact }: AlertKindOptions = {},
): KindDefinition {
  return {
    name: ALERT_KIND,
    version: 1,
    machine: alertMachine,
    effects: {
      tell: defineEffect({
        run: (raised: AlertRaised, { signal }) => notify(raised, signal),
      }),
    },
    state: topOf,
    view: alertView,
    index: ({ context }) => {
      const { actor, kind } = asAlert(context);
      return { actor, kind };
    },
    ...(redact === undefined ? {} : { redact }),
  };
}

/** Everything that a user may see. Times are ms since the epoch. */
export function alertView(record: ActorRecord): JsonObject {
  return { ...asAlert(record.context), state: record.state } as unknown as JsonObject;
}

/** Only this kind's machine writes these records, so that their context is an alert's. */
export function asAlert(context: JsonObject): AlertContext {
  return context as unknown as AlertContext;
}
