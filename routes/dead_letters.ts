/** `/v1/dead-letters`: events that could not be applied, to be sent again or dropped. */
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { DeadLetterRow } from "../actors/store/store.ts";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { iso } from "./lib/times.ts";
import { defined, pageAnswer, pageFields, pageOf } from "./paging.ts";
import { ReceiptSchema, showReceipt, Time } from "./render.ts";

const DeadLetterSchema = z.strictObject({
  id: z.string(),
  seq: z.int(),
  at: Time,
  address: z.string(),
  event: z.record(z.string(), z.unknown()),
  cause: z.string(),
  reason: z.string(),
}).openapi("DeadLetter");

const params = z.strictObject({ id: z.string().min(1) });

export function mountDeadLetters(api: Api): void {
  const { system } = api;
  mount(api, {
    method: "get",
    path: "/v1/dead-letters",
    tag: "Dead letters",
    summary: "List events that could not be applied",
    query: z.strictObject(pageFields),
    answers: { 200: { description: "A page, newest first", schema: pageOf(DeadLetterSchema) } },
  }, async ({ query }) => pageAnswer(await system.deadLetters(defined(query)), showDeadLetter));

  mount(api, {
    method: "post",
    path: "/v1/dead-letters/{id}/retry",
    tag: "Dead letters",
    summary: "Send it again; it goes when the event applies",
    params,
    answers: { 200: { description: "The event's receipt", schema: ReceiptSchema } },
    refusals: [404, 409],
  }, async ({ params }) => answer(showReceipt(await system.retryDeadLetter(params.id))));

  mount(api, {
    method: "post",
    path: "/v1/dead-letters/{id}/drop",
    tag: "Dead letters",
    summary: "Drop it",
    params,
    answers: { 204: { description: "Dropped" } },
    refusals: [404],
  }, async ({ params }) => {
    await system.dropDeadLetter(params.id);
    return answer(null, { status: 204 });
  });
}

function showDeadLetter({ event, at, ...row }: DeadLetterRow): JsonObject {
  return { ...row, at: iso(at), event: JSON.parse(event) };
}
