/**
 * Events to any actor: one at a time at its address, or many at once at `/v1/events`, where each
 * has a receipt or a problem of its own, in the order in which they came.
 */
import { z } from "@hono/zod-openapi";
import type { Json } from "../actors/runtime/json.ts";
import type { EventInput } from "../actors/runtime/kind.ts";
import { addressParams } from "./address_params.ts";
import { type Answer, answer } from "./answer.ts";
import { parseJson } from "./body.ts";
import { callerOf } from "./caller.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { invalidInput, ProblemError, refusalOf } from "./errors.ts";
import { AddressedEvent, Envelope, EventBody } from "./event_body.ts";
import { BATCH_WINDOW, MAX_BATCH_EVENTS } from "./limits.ts";
import { defined } from "./paging.ts";
import { ReceiptSchema, showReceipt } from "./render.ts";
import { checkSendable } from "./sendable.ts";
import { formatHeaders, NDJSON, ndjsonLine } from "./sse.ts";
import { parseInput } from "./validation.ts";

const JSON_TYPE = "application/json";

type BatchCall = Call<unknown, unknown, unknown>;

export function mountEvents(api: Api): void {
  mountOne(api);
  mountBatch(api);
}

function mountOne(api: Api): void {
  mount(api, {
    method: "post",
    path: "/v1/actors/{address}/events",
    tag: "Events",
    summary: "Send an event to an actor",
    description: "The body is the event, or `{event, key, expectRevision}`. Schedules, goals, " +
      "gates of sessions and alerts take what their own routes take, in the same form; what the " +
      "runtime says (`xstate.*`, `actor.create`, `actor.ended`, `slot.granted`) nobody else says.",
    params: addressParams,
    body: z.union([EventBody, Envelope]),
    answers: { 200: { description: "The event is durable", schema: ReceiptSchema } },
    refusals: [404, 409, 412],
  }, ({ c, params, body, once, expectRevision }) => {
    const envelope = isEvent(body) ? { event: body } : body;
    const within = isEvent(body) ? "" : "/event";
    checkSendable(params.address, envelope.event, { caller: callerOf(c), within });
    const options = defined({ expectRevision, ...envelope, event: undefined });
    return once.commit(
      (kept) => api.system.send(params.address, envelope.event, { ...options, ...kept }),
      (_record, receipt) => answer(showReceipt(receipt)),
    );
  });
}

function mountBatch(api: Api): void {
  mount(api, {
    method: "post",
    path: "/v1/events",
    tag: "Events",
    summary: "Send many events",
    description: "A JSON array, or NDJSON. The answer has a receipt or a problem for each, in " +
      "order, and begins before the last is done where it is NDJSON. Events to one actor apply " +
      `in order. At most ${MAX_BATCH_EVENTS}.`,
    body: z.array(AddressedEvent).max(MAX_BATCH_EVENTS),
    rawBody: [JSON_TYPE, NDJSON],
    answers: {
      200: {
        description: "A receipt or a problem for each",
        schema: z.array(z.union([ReceiptSchema, z.looseObject({ type: z.string() })])),
        media: [JSON_TYPE, NDJSON],
      },
    },
  }, (call) => sendBatch(api, call));
}

async function sendBatch(api: Api, call: BatchCall): Promise<Answer | Response> {
  const items = readItems(call.raw);
  const accept = call.c.req.header("accept") ?? "";
  const asLines = accept.includes(NDJSON) ||
    call.raw.media === NDJSON && !accept.includes(JSON_TYPE);
  const results = resultsOf(api, call, items);
  if (asLines && call.c.req.header("idempotency-key") === undefined) {
    return api.streams.open(call.c.req.method, {
      headers: formatHeaders("ndjson"),
      source: async ({ write, signal }) => {
        for await (const result of results) {
          if (signal.aborted) return;
          await write(ndjsonLine(result));
        }
      },
      failed: (error) => api.config.log("error", "batch broke off", { error }),
    });
  }
  const all: Json[] = [];
  for await (const result of results) all.push(result);
  // What the server could not take now, it may take when the same key comes again.
  if (all.some(isServerProblem)) call.once.doNotKeep();
  if (!asLines) return answer(all);
  const lines = all.map((result) => `${JSON.stringify(result)}\n`).join("");
  return answer(lines, { headers: { "content-type": NDJSON } });
}

/** Parsed lines or elements; one that is no JSON stays as the error that it is. */
function readItems({ text, media }: { text: string; media: string }): unknown[] {
  const items = media === NDJSON ? readLines(text) : readArray(text);
  if (items.length <= MAX_BATCH_EVENTS) return items;
  throw new ProblemError(
    "too-large",
    `Cannot take ${items.length} events at once: the limit is ${MAX_BATCH_EVENTS}`,
  );
}

function readArray(text: string): unknown[] {
  const value = parseJson(text);
  if (Array.isArray(value)) return value;
  throw invalidInput([{ detail: "want an array of events", pointer: "" }]);
}

function readLines(text: string): unknown[] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    try {
      return parseJson(line);
    } catch (error) {
      return error;
    }
  });
}

/** Sends in order, some hundred at once so that they share commits, and yields in order. */
async function* resultsOf(api: Api, call: BatchCall, items: readonly unknown[]) {
  const waiting: Promise<Json>[] = [];
  for (const [index, item] of items.entries()) {
    waiting.push(resultOf(api, call, { item, index }));
    if (waiting.length < BATCH_WINDOW) continue;
    const oldest = waiting.shift();
    if (oldest !== undefined) yield await oldest;
  }
  for (const result of waiting) yield await result;
}

async function resultOf(
  { system, config }: Api,
  { once, c }: BatchCall,
  { item, index }: { item: unknown; index: number },
): Promise<Json> {
  try {
    if (item instanceof Error) throw item;
    const { address, event, key, expectRevision } = parseInput(AddressedEvent, item, "body");
    checkSendable(address, event, { caller: callerOf(c), within: "/event" });
    const options = defined({ key: key ?? once.keyOf(String(index)), expectRevision });
    return showReceipt(await system.send(address, event, options));
  } catch (error) {
    return { ...refusalOf(error, config.redact).problem, instance: c.req.path } as Json;
  }
}

function isServerProblem(result: Json): boolean {
  return typeof result === "object" && result !== null && "status" in result &&
    typeof result.status === "number" && result.status >= 500;
}

function isEvent(body: EventInput | z.infer<typeof Envelope>): body is EventInput {
  return "type" in body;
}
