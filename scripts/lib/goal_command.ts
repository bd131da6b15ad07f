/** What the subcommands of `deno task goal` have in common. */
import type { Client } from "./client.ts";
import { CONNECTION_CODES } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { resolveIdOf } from "./subcommands.ts";
import { INTERRUPTED, TIMED_OUT } from "./task_exit_code.ts";

/** The argument that names a goal. */
export const GOAL_ID = { name: "id", help: "The goal, or the beginning of its id" } as const;

/** Exit codes of subcommands that look for a goal. */
export const GOAL_CODES = {
  [EXIT.notFound]: "There is no such goal",
  ...CONNECTION_CODES,
} as const;

/** Exit codes of subcommands that follow a goal to its end. */
export const WATCH_CODES = {
  [EXIT.ok]: "The goal is complete",
  [EXIT.failed]: "The goal was cancelled, or something failed; stderr says what",
  [TIMED_OUT]: "The goal's deadline passed",
  [INTERRUPTED]: "Ctrl-C: the goal goes on without you",
} as const;

/** The id of a goal from its id, its address or the beginning of either; `goal_` may be left out. */
export function resolveGoalId(client: Client, text: string): Promise<string> {
  return resolveIdOf(client, "goal", text);
}

export function goalPath(id: string, rest = ""): string {
  return `/v1/goals/${encodeURIComponent(id)}${rest}`;
}
