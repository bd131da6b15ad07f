/**
 * The log of what happens to actors: a line for each that ends, and at level `debug` for every
 * event applied. It reads the feed like any other reader and holds nothing up.
 */
import type { FeedEntry, Logger, System } from "../../actors/runtime/api.ts";

/** Logs until the system stops. */
export async function logFeed(system: System, log: Logger): Promise<void> {
  for await (const item of system.feed()) {
    if (item.type === "entry") logEntry(item.entry, log);
  }
}

function logEntry(entry: FeedEntry, log: Logger): void {
  const { address, event, state, status, seq, revision, cause, outcome } = entry;
  const fields = { address, event: event.type, state, seq, revision, cause };
  if (outcome !== "taken") return log("debug", "Event changed nothing", { ...fields, outcome });
  if (status === "active") return log("debug", "Event applied", fields);
  log(status === "error" ? "error" : "info", "Actor ended", { ...fields, status });
}
