/** JSON messages over a WebSocket: what comes is parsed, and what is wrong with it said. */
import { z } from "zod";
import { parseJson } from "../body.ts";
import { faultsOf } from "../validation.ts";
import { MAX_MESSAGE_SIZE } from "./websocket_limits.ts";

/** A message, or why it is none. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; reason: string; value: unknown };

/** Why a message is refused before it is looked into; undefined when it is not. */
export function tooLarge(size: number): string | undefined {
  if (size <= MAX_MESSAGE_SIZE) return undefined;
  return `Cannot take a message of ${size}: the limit is ${MAX_MESSAGE_SIZE}`;
}

/** Parses one message. Of what does not fit, as much as could be read is in `value`. */
export function parseMessage<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  const large = tooLarge(text.length);
  if (large !== undefined) return { ok: false, reason: large, value: undefined };
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return { ok: false, reason: (error as Error).message, value: undefined };
  }
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const faults = faultsOf(result.error, "body").map((fault) =>
    `${"pointer" in fault && fault.pointer !== "" ? fault.pointer : "the message"}: ${fault.detail}`
  );
  return { ok: false, reason: `Cannot take the message: ${faults.join("; ")}`, value };
}
