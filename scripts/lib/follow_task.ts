/**
 * Follows a task from its beginning to its end, over restarts of the server: when the connection
 * breaks off, it goes on behind the last event that was seen, so that no output is lost or shown
 * twice.
 */
import { Entry, OutputRow, Task } from "./answers.ts";
import { GIVE_UP_MS, isAway, pause, RETRY_MS } from "./away.ts";
import type { Client } from "./client.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import type { ServerEvent } from "./sse.ts";

export type Following = {
  onOutput(row: OutputRow): void;
  onState?(entry: Entry): void;
  /** The server has gone; it is looked for until it is back. */
  onLost?(): void;
  signal?: AbortSignal;
};

/** The task as it ended, or undefined when the signal aborted first. */
export async function followTask(
  client: Client,
  id: string,
  { onOutput, onState, onLost, signal }: Following,
): Promise<Task | undefined> {
  let cursor: string | undefined;
  let lostAt: number | undefined;
  while (!signal?.aborted) {
    try {
      const options = { after: cursor, signal, onOpen: () => lostAt = undefined };
      for await (const event of client.events(streamPath(id), options)) {
        if (event.event === "output") onOutput(parse(OutputRow, event));
        if (event.event === "state") onState?.(parse(Entry, event));
        if (event.event === "end") return parse(Task, event);
        cursor = event.id;
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      if (lostAt !== undefined && performance.now() - lostAt > GIVE_UP_MS) throw gone(id, error);
    }
    if (signal?.aborted) break;
    if (lostAt === undefined) onLost?.();
    lostAt ??= performance.now();
    await pause(RETRY_MS, signal);
  }
  return undefined;
}

function streamPath(id: string): string {
  return `/v1/tasks/${encodeURIComponent(id)}/stream`;
}

function parse<T>(schema: { parse(value: unknown): T }, { data }: ServerEvent): T {
  return schema.parse(JSON.parse(data));
}

function gone(id: string, cause: Error): ExitError {
  const message =
    `Cannot follow ${id}: the server is gone; the task goes on when it is back, and ` +
    `so does "deno task logs -f ${id}"`;
  return new ExitError(EXIT.unavailable, message, { cause });
}
