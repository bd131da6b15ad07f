/**
 * Follows a goal from now on to its end, over restarts of the server: when the connection breaks
 * off, it goes on behind the last change that was seen, so that none is lost or shown twice.
 */
import { Entry, pageOf } from "./answers.ts";
import { GIVE_UP_MS, isAway, pause, RETRY_MS } from "./away.ts";
import type { Client } from "./client.ts";
import { Goal, GoalEntry } from "./goal_answers.ts";
import { goalPath } from "./goal_command.ts";

export type GoalFollowing = {
  /** How it stands at first. */
  onStart(goal: Goal): void;
  /** A change, and the goal after it, or after a later one. */
  onChange(entry: GoalEntry, goal: Goal): void;
  /** The server has gone; it is looked for until it is back. */
  onLost(): void;
  signal: AbortSignal;
};

/** The goal as it ended, or undefined when the signal aborted first. */
export async function followGoal(
  client: Client,
  id: string,
  { onStart, onChange, onLost, signal }: GoalFollowing,
): Promise<Goal | undefined> {
  const show = () => client.get(goalPath(id), { schema: Goal });
  let cursor = await lastSeq(client, id);
  const start = await show();
  onStart(start);
  if (start.endedAt) return start;
  let lostAt: number | undefined;
  while (!signal.aborted) {
    try {
      const query = { addresses: `goal:${id}` };
      const onOpen = () => lostAt = undefined;
      for await (
        const event of client.events("/v1/feed", { after: cursor, query, signal, onOpen })
      ) {
        const goal = await show();
        cursor = event.id ?? cursor;
        // Of a reset nothing is to be shown: what is older is gone.
        const entry = GoalEntry.safeParse(JSON.parse(event.data)).data;
        if (entry !== undefined && entry.revision > start.revision) onChange(entry, goal);
        if (entry === undefined ? goal.endedAt : entry.status !== "active") return goal;
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      if (lostAt !== undefined && performance.now() - lostAt > GIVE_UP_MS) throw error;
    }
    if (signal.aborted) break;
    if (lostAt === undefined) onLost();
    lostAt ??= performance.now();
    await pause(RETRY_MS, signal);
  }
  return undefined;
}

/** Where the goal's history ends now. */
async function lastSeq(client: Client, id: string): Promise<string> {
  const path = `/v1/actors/${encodeURIComponent(`goal:${id}`)}/history`;
  const query = { sort: "newest", limit: 1 };
  const { items: [last] } = await client.get(path, { schema: pageOf(Entry), query });
  return String(last?.seq ?? 0);
}
