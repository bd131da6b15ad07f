/** `/v1/schedules`: tasks that are made again and again. */
import type { Api } from "./endpoint.ts";

export function mountSchedules(_api: Api): void {}
