/** `/v1/sessions`: who works in a session. */
import type { Api } from "./endpoint.ts";

export function mountSessions(_api: Api): void {}
