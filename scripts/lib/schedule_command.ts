/** What the subcommands of `deno task schedule` have in common. */
import type { Client } from "./client.ts";
import { CONNECTION_CODES } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { resolveIdOf } from "./subcommands.ts";

/** The argument that names a schedule. */
export const SCHEDULE_ID = {
  name: "id",
  help: "The schedule, or the beginning of its id",
} as const;

/** Exit codes of subcommands that look for a schedule. */
export const SCHEDULE_CODES = {
  [EXIT.notFound]: "There is no such schedule",
  ...CONNECTION_CODES,
} as const;

/** The id of a schedule from its id, its address or the beginning of either. */
export function resolveScheduleId(client: Client, text: string): Promise<string> {
  return resolveIdOf(client, "schedule", text);
}

export function schedulePath(id: string, rest = ""): string {
  return `/v1/schedules/${encodeURIComponent(id)}${rest}`;
}
