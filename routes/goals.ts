/** `/v1/goals`: objectives that are worked on until they are reached. */
import type { Api } from "./endpoint.ts";

export function mountGoals(_api: Api): void {}
