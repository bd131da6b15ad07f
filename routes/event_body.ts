/** Events as callers send them. What XState makes for itself is not theirs to send. */
import { z } from "@hono/zod-openapi";
import { MAX_KEY_CHARS } from "../actors/runtime/limits.ts";
import { AddressParam } from "./address_params.ts";

const MAX_TYPE_CHARS = 255;

/** What the runtime alone says to machines. */
const RUNTIME_WORDS: readonly string[] = ["actor.create", "actor.ended", "slot.granted"];

/** An event: `type` and JSON fields. */
export const EventBody = z.looseObject({
  type: z.string().min(1).max(MAX_TYPE_CHARS)
    .refine((type) => !type.startsWith("xstate."), "xstate.* is for the runtime alone")
    .refine((type) => !RUNTIME_WORDS.includes(type), "is for the runtime alone to say")
    .openapi({ example: "task.cancel" }),
}).openapi("Event");

const Key = z.string().min(1).max(MAX_KEY_CHARS)
  .openapi({ description: "Unique for the actor: a second send is given the first receipt" });

const Revision = z.int().min(0)
  .openapi({ description: "Refuse unless the actor stands at this revision" });

/** An event with what goes beside it. */
export const Envelope = z.strictObject({
  event: EventBody,
  key: Key.optional(),
  expectRevision: Revision.optional(),
}).openapi("EventEnvelope");

/** One line of a batch. */
export const AddressedEvent = z.strictObject({
  address: AddressParam,
  event: EventBody,
  key: Key.optional(),
  expectRevision: Revision.optional(),
}).openapi("AddressedEvent");

export type AddressedEvent = z.infer<typeof AddressedEvent>;
