/** Work that a request waits for: it holds one of the places for those, and ends with its caller. */
import type { Context } from "hono";
import type { Api, Env } from "./endpoint.ts";
import { DrainingError } from "../actors/runtime/errors.ts";
import { ProblemError } from "./errors.ts";

/** Throws a problem when the caller goes first, or the server; the signal then ends the work. */
export async function whileWanted<T>(
  { streams, config }: Api,
  c: Context<Env>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = c.req.raw;
  const { closing } = config;
  try {
    return await streams.hold(() => work(AbortSignal.any([signal, closing])));
  } catch (error) {
    if (signal.aborted) {
      throw new ProblemError("client-gone", "Cannot answer: the caller has gone");
    }
    throw closing.aborted ? stopping() : error;
  }
}

/** Why what was begun was not brought to its end. */
export function stopping(): DrainingError {
  return new DrainingError("Cannot go on: the server is stopping");
}
