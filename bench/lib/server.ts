/** A server in a process of its own, and how to talk to it. */
import { startChild } from "./child.ts";
import type { BenchContext } from "./context.ts";

/** The counters that a new server has: `counter:0` and so on. */
export const COUNTERS = 1_000;

export type Server = {
  url: string;
  /** What is measured begins here. */
  mark(): Promise<void>;
  /** How long each commit since `mark` takes raw, ms. */
  floor(): Promise<number[]>;
};

/** Runs `use` on a new server, and stops it. */
export async function withServer<T>(
  context: BenchContext,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const child = startChild("./serve_child.ts", [context.dir, context.syncMode]);
  try {
    const { url } = await child.ask<{ url: string }>("ready");
    return await use({
      url,
      mark: async () => void await child.ask("mark"),
      floor: async () => (await child.ask<{ durations: number[] }>("floor")).durations,
    });
  } finally {
    await child.stop();
  }
}

/** Posts and reads the whole answer, so that the connection is used again. */
export async function post(url: string, body: string, type = "application/json"): Promise<string> {
  const response = await fetch(url, { method: "POST", body, headers: { "content-type": type } });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot post to ${url}: ${response.status} ${text}`);
  return text;
}
