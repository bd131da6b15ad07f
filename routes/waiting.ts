/** Work that a request waits for: it holds one of the places for those, and ends with its caller. */
import type { Context } from "hono";
import type { Api, Env } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";

/** Throws a problem when the caller goes first; its signal then ends the work. */
export async function whileWanted<T>(
  { streams }: Api,
  c: Context<Env>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal } = c.req.raw;
  try {
    return await streams.hold(() => work(signal));
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new ProblemError("client-gone", "Cannot answer: the caller has gone");
  }
}
