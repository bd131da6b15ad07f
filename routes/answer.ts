/**
 * What a handler answers: status, headers and a JSON body, as data, so that the same answer can be
 * given again.
 */
import type { Json } from "../actors/runtime/json.ts";

export type Answer = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: Json;
};

/** 200 unless told otherwise. */
export function answer(body: Json, { status = 200, headers = {} }: Partial<Answer> = {}): Answer {
  return { status, headers, body };
}

/** The answer on its way out. No body goes with 204; text goes as it is under another type. */
export function responseOf({ status, headers, body }: Answer): Response {
  if (status === 204) return new Response(null, { status, headers });
  const all = { "content-type": "application/json; charset=utf-8", ...headers };
  const isText = typeof body === "string" && all["content-type"] === headers["content-type"];
  return new Response(isText ? body : JSON.stringify(body), { status, headers: all });
}
