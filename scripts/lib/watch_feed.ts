/** Says when actors of a kind have changed, at most a few times a second however busy the feed is. */
import type { Client } from "./client.ts";

/** Shortest time from one change to the next that is told. */
const THROTTLE_MS = 250;

/** Yields once at the beginning, and then after changes, until the feed ends. */
export async function* changesOf(client: Client, kind: string): AsyncGenerator<void> {
  const left = new AbortController();
  let next = Promise.withResolvers<"changed" | "ended">();
  const tell = async () => {
    const onOpen = () => next.resolve("changed");
    const options = { query: { kinds: kind }, signal: left.signal, onOpen };
    for await (const _ of client.events("/v1/feed", options)) next.resolve("changed");
    next.resolve("ended");
  };
  const told = tell().catch((error) => next.reject(error));
  try {
    while (await next.promise === "changed") {
      next = Promise.withResolvers();
      yield;
      await new Promise((resolve) => setTimeout(resolve, THROTTLE_MS));
    }
  } finally {
    left.abort();
    await told;
  }
}
