/** `/v1/alerts`: what the watchdog found. */
import type { Api } from "./endpoint.ts";

export function mountAlerts(_api: Api): void {}
